/* Asking from handlers: each way it can go, and what only fibers may do. */
#include <errno.h>

#include <noh/test.h>

#include "tests/support/bank.h"
#include "tests/support/seeds.h"

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
