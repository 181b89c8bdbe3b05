/* Asking and answering: from handlers, fibers and plain threads, and each way it can go wrong. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>

#include <noh/test.h>

#include "tests/support/seeds.h"

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

static void on_get_balance(struct bank *self, const struct get_balance *msg)
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

static void on_release(struct bank *self, const struct release *msg)
{
	(void)msg;
	if (!self->kept.ask)
		return; // the request's time was over before it came
	if (self->how == ERROR_LATER)
		noh_check(noh_reply_error_at(self->kept, -EACCES, "closed by now") == 0);
	else
		noh_check(noh_reply_at(self->kept, balance, .cents = 5) == 0);
}

static void on_note(struct bank *self, const struct note *msg)
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

static noh_actor spawn_bank(void)
{
	return noh_spawn_with(bank, (.detached = true), .cents = 600);
}

// ---- fibers

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

// ---- handlers

struct customer {
	noh_actor to;
};

static void on_begin(struct customer *self, const struct begin *msg)
{
	(void)self;
	noh_ask_later(msg->whom, get_balance, msg->within_ms, msg->tag, .how = msg->how);
}

static void on_balance(struct customer *self, const struct noh_outcome *how,
		       const struct balance *msg)
{
	noh_send(self->to, outcome, .err = how->err, .text = how->text, .tag = how->tag,
		 .cents = msg ? msg->cents : 0);
}

NOH_ACTOR(customer, (begin, on_begin), (get_balance, answer, on_balance));

static noh_actor spawn_customer(noh_actor inbox)
{
	return noh_spawn_with(customer, (.detached = true), .to = inbox);
}

Simulated(ask_later, tells_each_outcome_once_with_its_tag)
{
	static const struct {
		uint64_t how;
		int err;
		const char *text;
	} cases[] = {
		{ANSWER, 0, ""},
		{ANSWER_TWICE, 0, ""},
		{ERROR, -ENOENT, "no such account"},
		{SAY_NOTHING, -ENODATA, "returned without an answer"},
		{WRONG_TYPE, -EPROTO, "an answer of another type"},
		{FAIL, -ECONNRESET, "asked too much"},
	};
	noh_actor inbox = noh_test_inbox(), customer = spawn_customer(inbox);

	for (uint64_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		noh_send(customer, begin, .whom = spawn_bank(), .how = cases[i].how,
			 .within_ms = 100, .tag = 70 + i);
		noh_test_settle();
		noh_check(noh_test_sent(inbox, outcome, .err = cases[i].err, .text = cases[i].text,
					.tag = 70 + i, .cents = cases[i].err ? 0 : 600));
		noh_test_advance(1000);
		noh_check(!noh_test_take(inbox, outcome));
	}
}

Simulated(ask_later, ends_each_ask_at_its_own_deadline)
{
	noh_actor inbox = noh_test_inbox(), customer = spawn_customer(inbox), deaf = spawn_bank();

	noh_send(customer, begin, .whom = deaf, .how = LATER, .within_ms = 300, .tag = 3);
	noh_send(customer, begin, .whom = deaf, .how = LATER, .within_ms = 100, .tag = 1);
	noh_send(customer, begin, .whom = deaf, .how = LATER, .within_ms = 200, .tag = 2);

	noh_test_advance(99);
	noh_check(!noh_test_take(inbox, outcome));
	for (uint64_t i = 1; i <= 3; i++) {
		noh_test_advance(i == 1 ? 1 : 100);
		noh_check(noh_test_sent(inbox, outcome, .err = -ETIMEDOUT,
					.text = "no answer in time", .tag = i));
		noh_check(!noh_test_take(inbox, outcome));
	}
}

Simulated(ask_later, ends_many_asks_of_one_deadline)
{
	noh_actor inbox = noh_test_inbox(), customer = spawn_customer(inbox), deaf = spawn_bank();

	for (uint64_t i = 0; i < 100; i++)
		noh_send(customer, begin, .whom = deaf, .how = LATER, .within_ms = 100, .tag = i);
	noh_test_advance(100);

	uint64_t sum = 0, count = 0;
	for (const struct outcome *next; (next = noh_test_take(inbox, outcome)); count++)
		sum += next->tag;
	noh_check(count == 100 && sum == 99 * 50);
}

// Asks again whatever comes, at once and with no time, until it is told to stop.
struct insistent {
	noh_actor whom, to;
	uint64_t asked;
};

static void ask_again(struct insistent *self, const struct noh_outcome *how,
		      const struct balance *or_null)
{
	(void)how;
	(void)or_null;
	self->asked++;
	noh_ask_later(self->whom, get_balance, 0, self->asked, .how = LATER);
}

static void begin_to_insist(struct insistent *self, const struct begin *msg)
{
	(void)msg;
	ask_again(self, NULL, NULL);
}

static void stop_insisting(struct insistent *self, const struct release *msg)
{
	(void)msg;
	noh_send(self->to, outcome, .tag = self->asked);
	noh_end(0, NULL);
}

NOH_ACTOR(insistent, (begin, begin_to_insist), (get_balance, balance, ask_again),
	  (release, stop_insisting));

Simulated(ask_later, may_ask_again_at_once_and_still_hears_others)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor insistent = noh_spawn(insistent, .whom = spawn_bank(), .to = inbox);

	noh_send(insistent, begin);
	noh_after(0, release);
	noh_receive(-1, release);
	noh_send(insistent, release);
	noh_test_settle();

	noh_check(noh_test_take(inbox, outcome)->tag > 0);
}

Simulated(ask_later, takes_an_answer_at_any_time_before_the_deadline_and_none_after)
{
	noh_actor inbox = noh_test_inbox(), customer = spawn_customer(inbox), bank = spawn_bank();
	noh_send(customer, begin, .whom = bank, .how = LATER, .within_ms = 100);
	noh_test_advance(99);
	noh_send(bank, release);
	noh_test_settle();
	noh_check(noh_test_sent(inbox, outcome, .cents = 5));

	noh_send(customer, begin, .whom = bank, .how = LATER, .within_ms = 100);
	noh_test_advance(100);
	noh_send(bank, release);
	noh_test_advance(100);
	noh_check(noh_test_take(inbox, outcome)->err == -ETIMEDOUT);
	noh_check(!noh_test_take(inbox, outcome));
}

struct forgetful {
	noh_actor whom;
};

static void ask_without_an_entry(struct forgetful *self, const struct note *msg)
{
	(void)msg;
	noh_ask_later(self->whom, get_balance, 100, 0);
}

NOH_ACTOR(forgetful, (note, ask_without_an_entry));

Simulated(ask_later, without_an_entry_for_the_outcome_fails_the_actor)
{
	noh_actor forgetful = noh_spawn_with(forgetful, (.monitored = true), .whom = spawn_bank());

	noh_send(forgetful, note);

	const struct noh_down *down = noh_as(noh_receive(100, noh_down), noh_down);
	noh_check(down && strstr(down->reason, "has no entry (get_balance, answer, on_outcome)"));
}

struct waiter {
	noh_actor whom;
};

static void wait_in_a_handler(struct waiter *self, const struct note *msg)
{
	const struct balance *answer;
	(void)msg;
	noh_ask(self->whom, get_balance, 100, &answer);
}

NOH_ACTOR(waiter, (note, wait_in_a_handler));

Simulated(ask, in_a_handler_fails_the_actor)
{
	noh_actor waiter = noh_spawn_with(waiter, (.monitored = true), .whom = spawn_bank());

	noh_send(waiter, note);

	const struct noh_down *down = noh_as(noh_receive(100, noh_down), noh_down);
	noh_check(down && strstr(down->reason, "use noh_ask_later, or a fiber"));
}

Simulated(reply, without_a_request_in_hand_is_an_error)
{
	noh_actor bank = noh_spawn(bank); // its noh_check()s would fail the root
	noh_send(bank, note);
	noh_test_settle();
	noh_check(noh_reply(balance, .cents = 1) == -ENOMSG);
}

// ---- plain threads

struct errand {
	struct noh_runtime *runtime;
	noh_actor bank, gone, deaf;
	int err[6];
	int64_t cents;
};

static void *ask_from_a_thread(void *argument)
{
	struct errand *errand = (struct errand *)argument;
	const struct balance *answer;
	const struct closed *closed;

	noh_thread_enter(errand->runtime);
	errand->err[0] = noh_ask(errand->bank, get_balance, 5000, &answer);
	errand->cents = answer->cents;
	noh_drop((void *)(uintptr_t)answer);
	errand->err[1] = noh_ask(errand->bank, get_balance, 5000, &answer, .how = ERROR);
	errand->err[2] = noh_ask(errand->gone, get_balance, 5000, &answer);
	errand->err[3] = noh_ask(errand->bank, close_account, 5000, &closed);
	errand->err[4] = noh_ask(errand->deaf, get_balance, 1, &answer, .how = LATER);
	noh_send(errand->deaf, release); // too late
	errand->err[5] = noh_ask(errand->bank, get_balance, 5000, &answer, .how = FAIL);
	noh_thread_leave(errand->runtime);
	return NULL;
}

static int serve_a_thread(void *unused)
{
	(void)unused;
	struct errand errand = {
		.runtime = noh_runtime(), .gone = spawn_bank(), .deaf = spawn_bank()};
	noh_monitor(errand.gone, true);
	noh_stop(errand.gone);
	noh_receive(-1, noh_down);
	pthread_t thread;

	// Again and again, since each thread leaves the slot that it asks through to the next.
	for (int i = 0; i < 20; i++) {
		errand.bank = spawn_bank();
		noh_monitor(errand.bank, true);
		noh_check(!pthread_create(&thread, NULL, ask_from_a_thread, &errand));
		noh_receive(-1, noh_down); // its last ask fails the bank
		pthread_join(thread, NULL);

		noh_check(errand.err[0] == 0 && errand.cents == 600);
		noh_check(errand.err[1] == -ENOENT);
		noh_check(errand.err[2] == -ESRCH);
		noh_check(errand.err[3] == -ENOTSUP);
		noh_check(errand.err[4] == -ETIMEDOUT);
		noh_check(errand.err[5] == -ECONNRESET);
	}
	return 0;
}

Test(ask, works_from_plain_threads)
{
	cr_expect_eq(noh_run(serve_a_thread, NULL, .workers = 1), 0);
	cr_expect_eq(noh_run(serve_a_thread, NULL, .workers = 2), 0);
}
