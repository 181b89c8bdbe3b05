/* Asking from fibers, and answering: each way it can go wrong. */
#include <errno.h>

#include <noh/test.h>

#include "tests/support/bank.h"
#include "tests/support/seeds.h"

static int ask_bank(uint64_t how, const struct balance **ret_answer)
{
	return noh_ask(spawn_bank(), get_balance, 100, ret_answer, .how = how);
}

Simulated(ask, gets_the_answer)
{
	const struct balance *answer = NULL;

	noh_check(ask_bank(ANSWER, &answer) == 0);

	noh_check(answer && answer->cents == 600 && !strcmp(answer->text, "here"));
}

Simulated(ask, gets_the_first_of_two_answers)
{
	const struct balance *answer;

	noh_check(ask_bank(ANSWER_TWICE, &answer) == 0);

	noh_check(answer->cents == 600);
}

Simulated(ask, keeps_answers_until_the_next_receive)
{
	noh_actor bank = spawn_bank();
	const struct balance *answers[5];

	for (int i = 0; i < 5; i++)
		noh_check(noh_ask(bank, get_balance, 100, &answers[i]) == 0);

	for (int i = 0; i < 5; i++)
		noh_check(answers[i]->cents == 600 && !strcmp(answers[i]->text, "here"));
}

Simulated(ask, gets_the_error_that_was_answered)
{
	const struct balance *answer = NULL;

	noh_check(ask_bank(ERROR, &answer) == -ENOENT);
	noh_check(ask_bank(ODD_ERROR, &answer) == -EINVAL);

	noh_check(!answer);
}

Simulated(ask, of_one_who_returns_without_an_answer_ends_at_once)
{
	const struct balance *answer;
	int64_t before = noh_now_ms();

	noh_check(ask_bank(SAY_NOTHING, &answer) == -ENODATA);

	noh_check(noh_now_ms() == before);
}

Simulated(ask, answered_with_another_type_is_a_protocol_error_and_fails_the_answerer)
{
	noh_actor bank = spawn_bank();
	const struct balance *answer;
	noh_monitor(bank, true);

	noh_check(noh_ask(bank, get_balance, 100, &answer, .how = WRONG_TYPE) == -EPROTO);

	const struct noh_down *down = noh_as(noh_receive(100, noh_down), noh_down);
	noh_check(down && down->why == NOH_WHY_FAILED);
}

Simulated(ask, of_one_who_fails_is_a_reset)
{
	const struct balance *answer;

	noh_check(ask_bank(FAIL, &answer) == -ECONNRESET);
}

Simulated(ask, of_one_who_does_not_accept_the_request_is_not_supported)
{
	const struct closed *answer;

	noh_check(noh_ask(spawn_bank(), close_account, 100, &answer) == -ENOTSUP);

	noh_check(noh_dead_letters() == 1);
}

Simulated(ask, of_one_who_is_gone_says_so)
{
	noh_actor gone = spawn_bank();
	const struct balance *answer;
	noh_stop(gone);
	noh_test_settle();
	int64_t before = noh_now_ms();

	noh_check(noh_ask(gone, get_balance, 100, &answer) == -ESRCH);
	noh_check(noh_ask(NOH_NOBODY, get_balance, 100, &answer) == -ESRCH);

	noh_check(noh_now_ms() == before);
	noh_check(noh_dead_letters() == 1);
}

Simulated(ask, that_was_still_queued_at_the_end_of_the_asked_says_so)
{
	noh_actor bank = spawn_bank();
	const struct balance *answer;

	noh_stop(bank);

	noh_check(noh_ask(bank, get_balance, 100, &answer) == -ESRCH);
}

Simulated(ask, ends_at_its_deadline)
{
	noh_actor deaf = noh_spawn_with(bank, (.detached = true));
	const struct balance *answer;
	noh_check(noh_ask(deaf, get_balance, 100, &answer, .how = LATER) == -ETIMEDOUT);
	noh_check(noh_now_ms() == 1000 + 100);

	// An answer that comes now is nobody's, and disturbs no later ask.
	noh_send(deaf, release);
	noh_check(noh_ask(deaf, get_balance, 100, &answer, .how = ANSWER) == 0);
	noh_check(answer->cents == 0);
	noh_check(!noh_receive(0));
}

Simulated(ask, with_no_time_at_all_ends_at_once)
{
	const struct balance *answer;
	int err = noh_ask(spawn_bank(), get_balance, 0, &answer, .how = ANSWER);

	noh_check(err == -ETIMEDOUT || err == 0);
	noh_check(noh_ask(spawn_bank(), get_balance, -5, &answer, .how = LATER) == -ETIMEDOUT);
	noh_check(noh_now_ms() == 1000);
}

Simulated(ask, may_wait_for_ever)
{
	const struct balance *answer;

	noh_check(noh_ask(spawn_bank(), get_balance, INT64_MAX, &answer) == 0);
}

// Lets the bank answer what it has kept, a while later.
struct helper {
	noh_actor bank;
};

static void help(struct helper *self)
{
	noh_sleep(50);
	noh_send(self->bank, release);
}

NOH_FIBER(helper, help);

Simulated(ask, gets_an_answer_that_comes_later)
{
	noh_actor bank = spawn_bank();
	const struct balance *answer;
	noh_spawn(helper, .bank = bank);

	noh_check(noh_ask(bank, get_balance, 100, &answer, .how = LATER) == 0);

	noh_check(answer->cents == 5);
	noh_check(noh_now_ms() == 1000 + 50);
}

Simulated(ask, gets_an_error_that_comes_later)
{
	noh_actor bank = spawn_bank();
	const struct balance *answer;
	noh_spawn(helper, .bank = bank);

	noh_check(noh_ask(bank, get_balance, 100, &answer, .how = ERROR_LATER) == -EACCES);
}

Simulated(ask, of_one_who_ends_without_an_answer_says_so)
{
	const struct balance *answer;

	noh_check(ask_bank(END, &answer) == -ENODATA);
}

struct quitter {
	uint64_t unused;
};

static void keep_and_quit(struct quitter *self, const struct get_balance *msg)
{
	(void)self;
	(void)msg;
	noh_reply_later();
	noh_stop(noh_self());
}

NOH_ACTOR(quitter, (get_balance, keep_and_quit));

Simulated(ask, taken_by_one_who_ends_without_an_answer_is_a_reset)
{
	const struct balance *answer;

	noh_check(noh_ask(noh_spawn(quitter), get_balance, 1000, &answer) == -ECONNRESET);
}

// Answers from a fiber, or does not.
struct teller {
	uint64_t answers;
};

static void serve(struct teller *self)
{
	for (;;) {
		noh_receive(-1, get_balance);
		if (self->answers)
			noh_reply(balance, .cents = 3);
	}
}

NOH_FIBER(teller, serve);

Simulated(ask, is_answered_by_fibers_too)
{
	const struct balance *answer;

	noh_check(noh_ask(noh_spawn(teller, .answers = true), get_balance, 100, &answer) == 0);
	noh_check(answer->cents == 3);
}

Simulated(ask, of_a_fiber_that_receives_on_without_an_answer_ends_at_once)
{
	const struct balance *answer;

	noh_check(noh_ask(noh_spawn(teller), get_balance, 100, &answer) == -ENODATA);
}

struct clerk {
	noh_actor bank;
};

static void pass_on(struct clerk *self, const struct get_balance *msg)
{
	(void)msg;
	noh_check(noh_forward(self->bank) == 0);
	noh_check(noh_reply(balance, .cents = -1) == -ENOMSG); // the duty went with it
}

NOH_ACTOR(clerk, (get_balance, pass_on));

Simulated(ask, that_was_forwarded_is_answered_by_whoever_gets_it)
{
	noh_actor gone = spawn_bank(), clerk = noh_spawn(clerk, .bank = spawn_bank());
	const struct balance *answer;
	noh_stop(gone);
	noh_test_settle();

	noh_check(noh_ask(clerk, get_balance, 100, &answer) == 0 && answer->cents == 600);
	noh_check(noh_ask(clerk, get_balance, 100, &answer, .how = ERROR) == -ENOENT);
	clerk = noh_spawn(clerk, .bank = gone);
	noh_check(noh_ask(clerk, get_balance, 100, &answer) == -ESRCH);
}

Simulated(ask, does_not_lose_mail_that_comes_meanwhile)
{
	noh_actor bank = spawn_bank();
	const struct balance *answer;
	noh_spawn(helper, .bank = bank);
	for (uint64_t i = 0; i < 10; i++)
		noh_send(noh_self(), wrong, .value = i);

	noh_check(noh_ask(bank, get_balance, 100, &answer, .how = LATER) == 0);

	for (uint64_t i = 0; i < 10; i++) {
		const struct wrong *next = noh_as(noh_receive(0), wrong);
		noh_check(next && next->value == i);
	}
}
