/* Ending: stop, kill, end and fail, from handlers and fibers; what runs then, and what does not. */
#include <noh/test.h>

#include "tests/support/captured.h"
#include "tests/support/downs.h"
#include "tests/support/seeds.h"

NOH_MESSAGE(number, (u64, value));
NOH_MESSAGE(stopping, (i64, why), (str, reason));
NOH_MESSAGE(undone, (str, what));
NOH_MESSAGE(load, (bytes, data));

enum order {
	STOP,
	KILL,
	END,
	END_WITH_CODE,
	FAIL,
	FAIL_DEEP,
	CHECK,
	FAIL_IN_UNDO,
	FAIL_THEN_IN_UNDO,
	END_AND_FAIL
};
NOH_MESSAGE(obey, (u64, order));

// What an actor here does, whether it has handlers or is a fiber.
struct subject {
	noh_actor to;
	uint64_t fails_when_stopping;
};

static noh_actor undo_goes_to;

static void undo(void *what)
{
	noh_send(undo_goes_to, undone, .what = (const char *)what);
}

static void undo_and_fail(void *unused)
{
	(void)unused;
	noh_fail("while undoing");
}

static int fail_deep(int depth)
{
	if (depth < 0)
		return 0;
	if (!depth)
		noh_fail("deep: %d", depth);
	return fail_deep(depth - 1) + 1;
}

static void do_as_told(uint64_t order)
{
	switch ((enum order)order) {
	case STOP:
		noh_stop(noh_self());
		break;
	case KILL:
		noh_kill(noh_self());
		break;
	case END:
		noh_end(0, NULL);
		noh_end(9, "only the first one counts");
		break;
	case END_WITH_CODE:
		noh_end(7, "as told");
		break;
	case FAIL:
		noh_fail("as told: %s", "now");
	case FAIL_DEEP:
		noh_defer(undo, "first");
		noh_defer(undo, "second");
		(void)noh_format("a string on the way: %d", 7);
		fail_deep(10);
		break;
	case CHECK:
		noh_check(order == STOP);
		break;
	case FAIL_IN_UNDO:
		noh_defer(undo, "first");
		noh_defer(undo_and_fail, NULL);
		break;
	case FAIL_THEN_IN_UNDO:
		noh_defer(undo_and_fail, NULL);
		noh_defer(undo, "between");
		noh_defer(undo_and_fail, NULL);
		noh_fail("at first");
	case END_AND_FAIL:
		noh_end(7, "first");
		noh_fail("second");
	}
}

static void on_obey(struct subject *self, const struct obey *msg)
{
	do_as_told(msg->order);
	noh_send(self->to, number, .value = msg->order);
}

static void on_number(struct subject *self, const struct number *msg)
{
	noh_send(self->to, number, .value = msg->value);
}

static void on_load(struct subject *self, const struct load *msg)
{
	(void)self;
	(void)msg;
	noh_fail("with bytes in hand");
}

static void on_stopping(struct subject *self, const struct noh_stopping *msg)
{
	noh_send(self->to, stopping, .why = msg->why, .reason = msg->reason);
	if (self->fails_when_stopping)
		noh_fail("while stopping");
}

NOH_ACTOR(subject, (obey, on_obey), (number, on_number), (load, on_load),
	  (noh_stopping, on_stopping));

struct fiber {
	noh_actor to;
};

static void run_fiber(struct fiber *self)
{
	noh_defer(undo, "fiber");
	for (;;) {
		const struct noh_delivery *in = noh_receive(-1, obey, number, load);
		const struct obey *order = noh_as(in, obey);
		if (noh_as(in, load))
			noh_fail("with bytes in hand");
		if (order)
			do_as_told(order->order);
		noh_send(self->to, number, .value = order ? order->order : 100);
	}
}

NOH_FIBER(fiber, run_fiber);

// ---- with handlers

static noh_actor spawn_subject(noh_actor inbox)
{
	undo_goes_to = inbox;
	return noh_spawn_with(subject, (.monitored = true), .to = inbox);
}

Simulated(stop, ends_an_actor_after_what_it_has_already_received)
{
	noh_actor inbox = noh_test_inbox(), subject = spawn_subject(inbox);

	noh_send(subject, number, .value = 1);
	noh_send(subject, number, .value = 2);
	noh_stop(subject);
	noh_send(subject, number, .value = 3);

	expect_end(subject, NOH_WHY_NORMAL, 0, "");
	noh_check(noh_test_sent(inbox, number, .value = 1));
	noh_check(noh_test_sent(inbox, number, .value = 2));
	noh_check(noh_test_sent(inbox, stopping, .why = NOH_WHY_NORMAL, .reason = ""));
	noh_check(!noh_test_take(inbox, number));
}

Simulated(stop, of_nobody_or_the_dead_does_nothing)
{
	noh_actor inbox = noh_test_inbox(), subject = spawn_subject(inbox);
	noh_stop(subject);
	next_down();

	noh_stop(subject);
	noh_kill(subject);
	noh_stop(NOH_NOBODY);
	noh_kill(NOH_NOBODY);
	noh_test_settle();

	noh_check(noh_dead_letters() == 0);
}

Simulated(stop, by_the_actor_itself_lets_the_handler_finish)
{
	noh_actor inbox = noh_test_inbox(), subject = spawn_subject(inbox);

	noh_send(subject, obey, .order = STOP);

	expect_end(subject, NOH_WHY_NORMAL, 0, "");
	noh_check(noh_test_sent(inbox, number, .value = STOP));
	noh_check(noh_test_sent(inbox, stopping, .why = NOH_WHY_NORMAL, .reason = ""));
}

Simulated(kill, overtakes_what_is_queued_and_skips_the_last_message)
{
	noh_actor inbox = noh_test_inbox(), subject = spawn_subject(inbox);
	noh_test_settle();

	noh_send(subject, number, .value = 1);
	noh_kill(subject);

	expect_end(subject, NOH_WHY_KILLED, 0, "killed");
	noh_check(!noh_test_take(inbox, number));
	noh_check(!noh_test_take(inbox, stopping));
}

Simulated(kill, by_the_actor_itself_lets_the_handler_finish)
{
	noh_actor inbox = noh_test_inbox(), subject = spawn_subject(inbox);

	noh_send(subject, obey, .order = KILL);
	noh_send(subject, number, .value = 100);

	expect_end(subject, NOH_WHY_KILLED, 0, "killed");
	noh_check(noh_test_sent(inbox, number, .value = KILL));
	noh_check(!noh_test_take(inbox, number));
	noh_check(!noh_test_take(inbox, stopping));
}

Simulated(kill, does_not_hit_the_next_tenant_of_the_slot)
{
	noh_actor inbox = noh_test_inbox(), subject = spawn_subject(inbox);
	noh_stop(subject);
	next_down();
	noh_actor next = spawn_subject(inbox);

	noh_kill(subject);
	noh_stop(subject);
	noh_send(next, number, .value = 1);
	noh_test_settle();

	noh_test_take(inbox, stopping);
	noh_check(noh_test_sent(inbox, number, .value = 1));
}

Simulated(end, acts_when_the_handler_returns)
{
	noh_actor inbox = noh_test_inbox(), subject = spawn_subject(inbox);

	noh_send(subject, obey, .order = END);
	noh_send(subject, number, .value = 100);

	expect_end(subject, NOH_WHY_NORMAL, 0, "");
	noh_check(noh_test_sent(inbox, number, .value = END));
	noh_check(noh_test_sent(inbox, stopping, .why = NOH_WHY_NORMAL, .reason = ""));
	noh_check(!noh_test_take(inbox, number));
}

Simulated(end, with_a_code_is_a_failure)
{
	noh_actor inbox = noh_test_inbox(), subject = spawn_subject(inbox);

	noh_send(subject, obey, .order = END_WITH_CODE);

	expect_end(subject, NOH_WHY_FAILED, 7, "as told");
	noh_check(noh_test_sent(inbox, number, .value = END_WITH_CODE));
	noh_check(noh_test_sent(inbox, stopping, .why = NOH_WHY_FAILED, .reason = "as told"));
}

Simulated(end, before_a_failure_counts_no_more)
{
	noh_actor inbox = noh_test_inbox(), subject = spawn_subject(inbox);

	noh_send(subject, obey, .order = END_AND_FAIL);

	expect_end(subject, NOH_WHY_FAILED, 0, "second");
}

Simulated(fail, ends_the_actor_at_once)
{
	noh_actor inbox = noh_test_inbox(), subject = spawn_subject(inbox);

	noh_send(subject, obey, .order = FAIL);
	noh_send(subject, number, .value = 100);

	expect_end(subject, NOH_WHY_FAILED, 0, "as told: now");
	noh_check(noh_test_sent(inbox, stopping, .why = NOH_WHY_FAILED, .reason = "as told: now"));
	noh_check(!noh_test_take(inbox, number));
}

Simulated(fail, deep_in_a_call_runs_what_was_deferred_newest_first)
{
	noh_actor inbox = noh_test_inbox(), subject = spawn_subject(inbox);

	noh_send(subject, obey, .order = FAIL_DEEP);

	expect_end(subject, NOH_WHY_FAILED, 0, "deep: 0");
	noh_check(noh_test_sent(inbox, undone, .what = "second"));
	noh_check(noh_test_sent(inbox, undone, .what = "first"));
	noh_check(noh_test_sent(inbox, stopping, .why = NOH_WHY_FAILED, .reason = "deep: 0"));
}

Simulated(fail, by_a_check_says_what_was_not_true)
{
	noh_actor inbox = noh_test_inbox(), subject = spawn_subject(inbox);

	noh_send(subject, obey, .order = CHECK);

	const struct noh_down *down = next_down();
	noh_check(strstr(down->reason, "ending_test.c"));
	noh_check(strstr(down->reason, "order == STOP"));
}

Simulated(fail, while_undoing_runs_the_rest)
{
	noh_actor inbox = noh_test_inbox(), subject = spawn_subject(inbox);

	noh_send(subject, obey, .order = FAIL_IN_UNDO);

	expect_end(subject, NOH_WHY_FAILED, 0, "while undoing");
	noh_test_take(inbox, number);
	noh_check(noh_test_sent(inbox, undone, .what = "first"));
}

static void expect_first_reason(noh_actor subject)
{
	struct captured captured = captured_begin();
	noh_send(subject, obey, .order = FAIL_THEN_IN_UNDO);
	expect_end(subject, NOH_WHY_FAILED, 0, "at first");
	char *text = captured_end(captured);

	noh_check(captured_count(text, ": failed again in what it had deferred: while undoing\n") ==
		  2);
	noh_check(captured_count(text, ": failed: at first\n") == 1);
	free(text);
	noh_test_take(undo_goes_to, stopping); // of a fiber there is none
	noh_check(noh_test_sent(undo_goes_to, undone, .what = "between"));
}

Simulated(fail, keeps_its_reason_when_undoing_fails_too)
{
	noh_actor inbox = noh_test_inbox();

	expect_first_reason(spawn_subject(inbox));
	undo_goes_to = inbox;
	expect_first_reason(noh_spawn_with(fiber, (.monitored = true), .to = inbox));
	noh_check(noh_test_sent(inbox, undone, .what = "fiber"));
}

Simulated(fail, while_stopping_changes_nothing)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor subject = noh_spawn_with(subject, (.monitored = true), .to = inbox,
					   .fails_when_stopping = true);

	noh_stop(subject);

	expect_end(subject, NOH_WHY_NORMAL, 0, "");
}

static void count_drop(void *counter)
{
	++*(int *)counter;
}

Simulated(fail, releases_the_message_in_hand)
{
	static int dropped;
	dropped = 0;
	noh_actor inbox = noh_test_inbox(), subject = spawn_subject(inbox);
	undo_goes_to = inbox;
	noh_actor fiber = noh_spawn_with(fiber, (.monitored = true));

	noh_send(subject, load, .data = noh_bytes_wrap("x", 1, count_drop, &dropped));
	noh_send(fiber, load, .data = noh_bytes_wrap("x", 1, count_drop, &dropped));
	next_down();
	next_down();

	noh_check(dropped == 2);
}

// ---- fibers

static noh_actor spawn_fiber(noh_actor inbox)
{
	undo_goes_to = inbox;
	return noh_spawn_with(fiber, (.monitored = true), .to = inbox);
}

Simulated(stop, ends_a_fiber_where_it_waits)
{
	noh_actor inbox = noh_test_inbox(), fiber = spawn_fiber(inbox);

	noh_send(fiber, number);
	noh_stop(fiber);

	expect_end(fiber, NOH_WHY_NORMAL, 0, "");
	noh_check(noh_test_sent(inbox, number, .value = 100));
	noh_check(noh_test_sent(inbox, undone, .what = "fiber"));
}

Simulated(kill, ends_a_fiber_where_it_waits)
{
	noh_actor inbox = noh_test_inbox(), fiber = spawn_fiber(inbox);
	noh_test_settle();

	noh_send(fiber, number);
	noh_kill(fiber);

	expect_end(fiber, NOH_WHY_KILLED, 0, "killed");
	noh_check(noh_test_sent(inbox, undone, .what = "fiber"));
	noh_check(!noh_test_take(inbox, number));
}

Simulated(end, acts_at_the_next_wait_of_a_fiber)
{
	noh_actor inbox = noh_test_inbox(), fiber = spawn_fiber(inbox);

	noh_send(fiber, obey, .order = END_WITH_CODE);
	noh_send(fiber, number);

	expect_end(fiber, NOH_WHY_FAILED, 7, "as told");
	noh_check(noh_test_sent(inbox, number, .value = END_WITH_CODE));
	noh_check(noh_test_sent(inbox, undone, .what = "fiber"));
	noh_check(!noh_test_take(inbox, number));
}

struct hasty {
	noh_actor to;
};

static void end_with_mail(struct hasty *self)
{
	noh_receive(-1, obey); // what came before is saved
	noh_end(7, "as told");
	noh_send(self->to, number, .value = 1);
	noh_receive(-1, number);
	noh_send(self->to, number, .value = 2);
}

NOH_FIBER(hasty, end_with_mail);

Simulated(end, acts_at_the_next_wait_of_a_fiber_that_has_mail_already)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor hasty = noh_spawn_with(hasty, (.monitored = true), .to = inbox);

	noh_send(hasty, number);
	noh_send(hasty, obey);

	expect_end(hasty, NOH_WHY_FAILED, 7, "as told");
	noh_check(noh_test_sent(inbox, number, .value = 1));
	noh_check(!noh_test_take(inbox, number));
}

Simulated(fail, deep_in_a_call_of_a_fiber_runs_what_was_deferred_newest_first)
{
	noh_actor inbox = noh_test_inbox(), fiber = spawn_fiber(inbox);

	noh_send(fiber, obey, .order = FAIL_DEEP);

	expect_end(fiber, NOH_WHY_FAILED, 0, "deep: 0");
	noh_check(noh_test_sent(inbox, undone, .what = "second"));
	noh_check(noh_test_sent(inbox, undone, .what = "first"));
	noh_check(noh_test_sent(inbox, undone, .what = "fiber"));
}
