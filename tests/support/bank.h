/* A bank that answers a request in each way there is, as it is told: what the tests of asking
 * share. */
#ifndef TESTS_SUPPORT_BANK_H
#define TESTS_SUPPORT_BANK_H

#include <errno.h>

#include <noh/test.h>

NOH_MESSAGE(balance, (i64, cents), (str, text));
NOH_REQUEST(get_balance, balance, (u64, how));
NOH_MESSAGE(closed);
NOH_REQUEST(close_account, closed);
NOH_MESSAGE(wrong, (u64, value));
NOH_MESSAGE(note, (str, text));
NOH_MESSAGE(outcome, (i64, err), (str, text), (u64, tag), (i64, cents));
NOH_MESSAGE(begin, (actor, whom), (u64, how), (i64, within_ms), (u64, tag));
NOH_MESSAGE(release);

enum how {
	ANSWER,
	ANSWER_TWICE,
	ERROR,
	ODD_ERROR,
	SAY_NOTHING,
	WRONG_TYPE,
	FAIL,
	LATER,
	ERROR_LATER,
	END
};

struct bank {
	int64_t cents;
	noh_reply_to kept;
	uint64_t how;
};

static inline void on_get_balance(struct bank *self, const struct get_balance *msg)
{
	switch ((enum how)msg->how) {
	case ANSWER_TWICE:
		noh_check(noh_reply(balance, .cents = self->cents) == 0);
		noh_check(noh_reply(balance, .cents = -1) == -ENOMSG);
		break;
	case ANSWER:
		noh_check(noh_reply(balance, .cents = self->cents, .text = "here") == 0);
		break;
	case ERROR:
		noh_check(noh_reply_error(-ENOENT, "no such account") == 0);
		break;
	case ODD_ERROR:
		noh_check(noh_reply_error(7, NULL) == 0);
		break;
	case SAY_NOTHING:
		break;
	case WRONG_TYPE:
		noh_reply(wrong, .value = 1);
		break;
	case FAIL:
		noh_fail("asked too much");
	case LATER:
	case ERROR_LATER:
		self->kept = noh_reply_later();
		self->how = msg->how;
		noh_check(noh_reply(balance, .cents = -1) == -ENOMSG);
		break;
	case END:
		noh_end(0, NULL);
		break;
	}
}

static inline void on_release(struct bank *self, const struct release *msg)
{
	(void)msg;
	if (!self->kept.ask)
		return; // the request's time was over before it came
	if (self->how == ERROR_LATER)
		noh_check(noh_reply_error_at(self->kept, -EACCES, "closed by now") == 0);
	else
		noh_check(noh_reply_at(self->kept, balance, .cents = 5) == 0);
}

static inline void on_note(struct bank *self, const struct note *msg)
{
	(void)self;
	(void)msg;
	noh_check(noh_reply(balance, .cents = 1) == -ENOMSG);
	noh_check(noh_reply_error(-1, "x") == -ENOMSG);
	noh_reply_to nobody = noh_reply_later();
	noh_check(!nobody.ask);
	noh_check(noh_reply_at(nobody, balance, .cents = 1) == -ENOMSG);
	noh_check(noh_reply_error_at(nobody, -1, "x") == -ENOMSG);
}

NOH_ACTOR(bank, (get_balance, on_get_balance), (release, on_release), (note, on_note));

static inline noh_actor spawn_bank(void)
{
	return noh_spawn_with(bank, (.detached = true), .cents = 600);
}

#endif
