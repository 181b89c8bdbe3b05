/* Supervisors: who is restarted, in what state, and when it has been too often. */
#include <noh/noh.h>

#include "tests/support/downs.h"
#include "tests/support/seeds.h"

NOH_MESSAGE(started, (u64, value), (u64, restarts), (str, last_failure));
NOH_MESSAGE(number, (u64, value));
NOH_MESSAGE(fail, (str, reason));
NOH_MESSAGE(stopped, (u64, value), (i64, why));

struct child {
	noh_actor to;
	uint64_t value;
	uint64_t fails_at_start;
};

static void on_start(struct child *self, const struct noh_start *msg)
{
	noh_send(self->to, started, .value = self->value, .restarts = msg->restarts,
		 .last_failure = msg->last_failure);
	if (self->fails_at_start)
		noh_fail("cannot start");
}

static void on_number(struct child *self, const struct number *msg)
{
	self->value += msg->value;
	noh_send(self->to, number, .value = self->value);
}

static void on_fail(struct child *self, const struct fail *msg)
{
	(void)self;
	noh_fail("%s", msg->reason);
}

static void on_stopping(struct child *self, const struct noh_stopping *msg)
{
	noh_send(self->to, stopped, .value = self->value, .why = msg->why);
}

NOH_ACTOR(child, (noh_start, on_start), (number, on_number), (fail, on_fail),
	  (noh_stopping, on_stopping));

static void fail_once(noh_actor child)
{
	noh_send(child, fail, .reason = "told so");
	noh_test_settle();
}

static int count_lives(noh_actor inbox)
{
	int lives = 0;
	while (noh_test_take(inbox, started))
		lives++;
	return lives;
}

static void expect_down(noh_actor who, int64_t why)
{
	const struct noh_down *down = next_down();
	noh_check(noh_same(down->who, who) && down->why == why && !down->restarting);
}

Simulated(supervisor, starts_its_children_with_their_states)
{
	noh_actor inbox = noh_test_inbox(), first, second;

	noh_supervise(
		(.max_restarts = 1),
		NOH_CHILD(child, (.to = inbox, .value = 1), .ret_handle = &first),
		NOH_CHILD(child, (.to = inbox, .value = 2), .id = "second", .ret_handle = &second));
	noh_send(first, number, .value = 10);
	noh_send(second, number, .value = 20);
	noh_test_settle();

	uint64_t sum = 0;
	for (const struct number *next; (next = noh_test_take(inbox, number));)
		sum += next->value;
	noh_check(sum == 11 + 22);
}

Simulated(supervisor, restarts_a_child_that_fails_with_a_fresh_state_under_the_same_handle)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_supervise((0), NOH_CHILD(child, (.to = inbox, .value = 1), .ret_handle = &child));
	noh_send(child, number, .value = 10);
	fail_once(child);

	noh_send(child, number, .value = 100);
	noh_test_settle();

	noh_check(noh_test_sent(inbox, started, .value = 1));
	noh_check(noh_test_sent(inbox, number, .value = 11));
	noh_check(noh_test_sent(inbox, stopped, .value = 11, .why = NOH_WHY_FAILED));
	noh_check(noh_test_sent(inbox, started, .value = 1, .restarts = 1,
				.last_failure = "told so"));
	noh_check(noh_test_sent(inbox, number, .value = 101));
}

Simulated(supervisor, leaves_the_other_children_alone)
{
	noh_actor inbox = noh_test_inbox(), first;
	noh_supervise((0), NOH_CHILD(child, (.to = inbox, .value = 1), .ret_handle = &first),
		      NOH_CHILD(child, (.to = inbox, .value = 2), .id = "second"));

	fail_once(first);

	noh_check(count_lives(inbox) == 3);
	noh_check(noh_test_sent(inbox, stopped, .value = 1, .why = NOH_WHY_FAILED));
	noh_check(!noh_test_take(inbox, stopped));
}

Simulated(supervisor, keeps_the_mail_of_a_child_over_its_restarts)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_supervise((0), NOH_CHILD(child, (.to = inbox), .ret_handle = &child));

	for (uint64_t i = 1; i <= 3; i++) {
		noh_send(child, number, .value = i);
		noh_send(child, fail, .reason = "x");
	}
	noh_test_settle();

	uint64_t sum = 0;
	for (const struct number *next; (next = noh_test_take(inbox, number));)
		sum += next->value;
	noh_check(sum == 6);
	noh_check(noh_dead_letters() == 0);
}

// ---- kinds

// Who is restarted after an end of each kind.
static void expect_restarts(enum noh_restart_kind kind, bool normal, bool killed, bool failed)
{
	const bool expected[] = {normal, killed, failed};
	for (int end = 0; end < 3; end++) {
		noh_actor inbox = noh_test_inbox(), child;
		noh_actor supervisor =
			noh_supervise((0), NOH_CHILD(child, (.to = inbox), .restart = kind,
						     .ret_handle = &child));
		noh_test_settle();

		if (end == 0)
			noh_stop(child);
		else if (end == 1)
			noh_kill(child);
		else
			fail_once(child);
		noh_test_settle();

		noh_check(count_lives(inbox) == 1 + expected[end]);
		noh_monitor(child, true);
		noh_test_settle();
		noh_stop(supervisor);
		noh_test_settle();
		const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);
		noh_check(down->why == (expected[end] ? NOH_WHY_SHUTDOWN : NOH_WHY_NOBODY));
	}
}

Simulated(supervisor, restarts_a_permanent_child_always)
{
	expect_restarts(NOH_PERMANENT, true, true, true);
}

Simulated(supervisor, restarts_a_transient_child_after_a_failure_or_a_kill)
{
	expect_restarts(NOH_TRANSIENT, false, true, true);
}

Simulated(supervisor, never_restarts_a_temporary_child)
{
	expect_restarts(NOH_TEMPORARY, false, false, false);
}

// ---- intensity

Simulated(supervisor, survives_as_many_restarts_as_it_allows)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_actor supervisor = noh_supervise((.max_restarts = 4),
					     NOH_CHILD(child, (.to = inbox), .ret_handle = &child));
	noh_monitor(supervisor, true);

	for (int i = 0; i < 4; i++)
		fail_once(child);

	noh_check(!noh_receive(0, noh_down));
	noh_check(count_lives(inbox) == 5);
}

Simulated(supervisor, fails_with_its_children_after_one_restart_too_many)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_actor supervisor = noh_supervise(
		(.max_restarts = 4), NOH_CHILD(child, (.to = inbox), .ret_handle = &child),
		NOH_CHILD(child, (.to = inbox, .value = 2), .id = "second"));
	noh_monitor(supervisor, true);

	for (int i = 0; i < 5; i++)
		fail_once(child);

	const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);
	noh_check(down && down->why == NOH_WHY_FAILED);
	noh_check(!strcmp(down->reason, "more than 4 restarts within 5000 ms, the last for child: "
					"told so"));
	noh_send(child, number);
	noh_check(noh_dead_letters() == 1);
	int shut_down = 0;
	for (const struct stopped *next; (next = noh_test_take(inbox, stopped));)
		shut_down += next->value == 2 && next->why == NOH_WHY_SHUTDOWN;
	noh_check(shut_down == 1);
}

Simulated(supervisor, counts_the_restarts_of_all_its_children_together)
{
	noh_actor inbox = noh_test_inbox(), first, second;
	noh_actor supervisor = noh_supervise(
		(.max_restarts = 2), NOH_CHILD(child, (.to = inbox), .ret_handle = &first),
		NOH_CHILD(child, (.to = inbox), .id = "second", .ret_handle = &second));
	noh_monitor(supervisor, true);

	fail_once(first);
	fail_once(second);
	noh_check(!noh_receive(0, noh_down));
	fail_once(first);

	expect_down(supervisor, NOH_WHY_FAILED);
}

Simulated(supervisor, forgets_restarts_that_are_longer_ago)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_actor supervisor = noh_supervise((.max_restarts = 2, .within_ms = 1000),
					     NOH_CHILD(child, (.to = inbox), .ret_handle = &child));
	noh_monitor(supervisor, true);

	for (int i = 0; i < 50; i++) {
		fail_once(child);
		noh_test_advance(501);
	}

	noh_check(!noh_receive(0, noh_down));
	fail_once(child);
	fail_once(child);
	expect_down(supervisor, NOH_WHY_FAILED);
}

Simulated(supervisor, that_allows_no_restarts_fails_with_the_first)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_actor supervisor = noh_supervise((.max_restarts = NOH_NO_RESTARTS),
					     NOH_CHILD(child, (.to = inbox), .ret_handle = &child));
	noh_monitor(supervisor, true);

	fail_once(child);

	expect_down(supervisor, NOH_WHY_FAILED);
}

struct keeper {
	noh_actor to;
};

static void supervise_what_fails(struct keeper *self)
{
	noh_supervise((0), NOH_CHILD(child, (.to = self->to, .fails_at_start = true)));
	noh_receive(-1);
}

NOH_FIBER(keeper, supervise_what_fails);

Simulated(supervisor, does_not_start_with_a_child_that_does_not_and_fails_its_parent)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor keeper = noh_spawn_with(keeper, (.monitored = true), .to = inbox);

	expect_down(keeper, NOH_WHY_FAILED);
	noh_check(count_lives(inbox) == 1);
}

// ---- the rest

Simulated(supervisor, ends_its_children_when_it_is_stopped)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor supervisor = noh_supervise((0), NOH_CHILD(child, (.to = inbox)),
					     NOH_CHILD(child, (.to = inbox), .id = "second"));
	noh_monitor(supervisor, true);

	noh_stop(supervisor);

	expect_down(supervisor, NOH_WHY_NORMAL);
	for (int i = 0; i < 2; i++)
		noh_check(noh_test_take(inbox, stopped)->why == NOH_WHY_SHUTDOWN);
}

Simulated(supervisor, may_have_no_children)
{
	noh_actor supervisor =
		noh_supervise_list(&(struct noh_supervisor){.size = sizeof(struct noh_supervisor)},
				   &(struct noh_child){.size = 0});

	noh_monitor(supervisor, true);
	noh_stop(supervisor);

	expect_down(supervisor, NOH_WHY_NORMAL);
}

Simulated(supervisor, copies_what_it_is_given)
{
	noh_actor inbox = noh_test_inbox(), handle;
	struct child state = {.to = inbox, .value = 1};
	char name[] = "a name";
	struct noh_child children[] = {{.size = sizeof(children[0]),
					.type = &child_actor,
					.state = &state,
					.id = name,
					.ret_handle = &handle},
				       {.size = 0}};

	noh_supervise_list(&(struct noh_supervisor){.size = sizeof(struct noh_supervisor)},
			   children);
	state.value = 2;
	memset(name, 0, sizeof(name));
	memset(children, 0, sizeof(children));
	fail_once(handle);

	noh_check(noh_test_take(inbox, started)->value == 1);
	noh_check(noh_test_take(inbox, started)->value == 1);
}
