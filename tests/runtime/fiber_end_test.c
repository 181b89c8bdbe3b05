/* How fibers end, wherever they wait: what they deferred is run, what they were lent is given
 * back, who asked them hears of it. */
#include <errno.h>

#include <noh/test.h>

#include "tests/support/downs.h"
#include "tests/support/seeds.h"

NOH_MESSAGE(undone, (u64, number));
NOH_MESSAGE(go);
NOH_MESSAGE(letter, (bytes, bytes));
NOH_MESSAGE(price, (i64, cents));
NOH_REQUEST(get_price, price);

enum wait { RECEIVES, RECEIVES_IF, SLEEPS, ASKS, YIELDS };
enum end { KILLED, STOPPED, SHUT_DOWN };

static noh_actor inbox;

static void tell(void *number)
{
	noh_send(inbox, undone, .number = (uint64_t)(uintptr_t)number);
}

static bool is_nothing(const struct noh_delivery *in, const void *unused)
{
	(void)in;
	(void)unused;
	return false;
}

static void keep_silent(struct price *self)
{
	(void)self;
	noh_receive(-1, go);
}

NOH_FIBER(price, keep_silent);

struct waiter {
	uint64_t how;
};

static void wait_somehow(struct waiter *self)
{
	const struct price *answer;

	noh_defer(tell, (void *)1);
	noh_receive(-1, letter);
	noh_defer(tell, (void *)2);
	noh_format("%d", 7);
	for (;;) {
		switch ((enum wait)self->how) {
		case RECEIVES:
			noh_receive(-1, go);
			break;
		case RECEIVES_IF:
			noh_receive_if(1000000, is_nothing, NULL);
			break;
		case SLEEPS:
			noh_sleep(1000000);
			break;
		case ASKS:
			noh_ask(noh_spawn(price), get_price, 1000000, &answer);
			break;
		case YIELDS:
			noh_yield();
			break;
		}
	}
}

NOH_FIBER(waiter, wait_somehow);

static void expect_undone(void)
{
	noh_check(noh_test_sent(inbox, undone, .number = 2));
	noh_check(noh_test_sent(inbox, undone, .number = 1));
	noh_check(!noh_test_take(inbox, undone));
}

struct parent {
	uint64_t how;
};

static void have_a_child(struct parent *self)
{
	noh_actor waiter = noh_spawn(waiter, .how = self->how);
	noh_send(waiter, letter, .bytes = noh_bytes_copy("some bytes", 10));
	noh_receive(-1, go);
}

NOH_FIBER(parent, have_a_child);

Simulated(defer, runs_newest_first_wherever_a_fiber_waits_and_however_it_ends)
{
	inbox = noh_test_inbox();
	for (uint64_t how = RECEIVES; how < YIELDS; how++) {
		for (int end = KILLED; end <= SHUT_DOWN; end++) {
			noh_actor waiter = {0}, parent = {0};
			if (end == SHUT_DOWN) {
				parent = noh_spawn(parent, .how = how);
			} else {
				waiter = noh_spawn(waiter, .how = how);
				noh_send(waiter, letter, .bytes = noh_bytes_copy("bytes", 5));
			}
			noh_test_settle();
			noh_check(!noh_test_take(inbox, undone));

			if (end == KILLED)
				noh_kill(waiter);
			else if (end == STOPPED)
				noh_stop(waiter);
			else
				noh_send(parent, go);
			noh_test_settle();
			expect_undone();
		}
	}
}

Simulated(defer, runs_when_a_fiber_that_runs_on_and_on_is_killed)
{
	inbox = noh_test_inbox();
	noh_actor waiter = noh_spawn(waiter, .how = YIELDS);
	noh_send(waiter, letter, .bytes = noh_bytes_copy("bytes", 5));
	for (int i = 0; i < 100; i++)
		noh_yield();

	noh_kill(waiter);
	noh_test_settle();

	expect_undone();
}

// ---- by itself

enum by_itself { RETURNS, FAILS, ENDS_AND_RETURNS, ENDS_AND_WAITS };

struct ender {
	uint64_t how;
};

static void end_somehow(struct ender *self)
{
	noh_defer(tell, (void *)1);
	noh_defer(tell, (void *)2);
	if (self->how == FAILS)
		noh_fail("on purpose");
	if (self->how == ENDS_AND_RETURNS || self->how == ENDS_AND_WAITS)
		noh_end(7, "done for");
	if (self->how == ENDS_AND_WAITS) {
		noh_sleep(1);
		abort();
	}
}

NOH_FIBER(ender, end_somehow);

static void expect_by_itself(enum by_itself how, int64_t why, int64_t code, const char *reason)
{
	inbox = noh_test_inbox();
	noh_actor ender = noh_spawn_with(ender, (.monitored = true), .how = how);

	expect_end(ender, why, code, reason);
	expect_undone();
}

Simulated(fiber, ends_when_its_function_returns)
{
	expect_by_itself(RETURNS, NOH_WHY_NORMAL, 0, "");
}

Simulated(fiber, that_returns_ends_as_it_has_asked)
{
	expect_by_itself(ENDS_AND_RETURNS, NOH_WHY_FAILED, 7, "done for");
}

Simulated(defer, runs_when_a_fiber_returns_fails_or_asks_for_its_end)
{
	expect_by_itself(RETURNS, NOH_WHY_NORMAL, 0, "");
	expect_by_itself(FAILS, NOH_WHY_FAILED, 0, "on purpose");
	expect_by_itself(ENDS_AND_RETURNS, NOH_WHY_FAILED, 7, "done for");
	expect_by_itself(ENDS_AND_WAITS, NOH_WHY_FAILED, 7, "done for");
}

// ---- what was deferred fails itself

static void fail_on_purpose(void *unused)
{
	(void)unused;
	noh_fail("while undoing");
}

static void wait_to_undo(void *unused)
{
	(void)unused;
	noh_sleep(10);
}

struct clumsy {
	uint64_t how;
};

static void defer_clumsily(struct clumsy *self)
{
	noh_defer(tell, (void *)1);
	noh_defer(self->how ? wait_to_undo : fail_on_purpose, NULL);
	noh_defer(tell, (void *)2);
	noh_receive(-1, go);
}

NOH_FIBER(clumsy, defer_clumsily);

Simulated(defer, runs_the_others_when_one_fails_or_waits_in_a_killed_fiber)
{
	inbox = noh_test_inbox();
	for (uint64_t how = 0; how < 2; how++) {
		noh_actor clumsy = noh_spawn(clumsy, .how = how);
		noh_test_settle();
		noh_kill(clumsy);
		noh_test_settle();
		expect_undone();
	}
}

Simulated(fiber, that_fails_while_undoing_ends_all_the_same)
{
	inbox = noh_test_inbox();
	noh_actor returns = noh_spawn_with(clumsy, (.monitored = true));
	noh_send(returns, go);
	expect_end(returns, NOH_WHY_FAILED, 0, "while undoing");
	expect_undone();

	noh_actor killed = noh_spawn_with(clumsy, (.monitored = true));
	noh_test_settle();
	noh_kill(killed);
	expect_end(killed, NOH_WHY_KILLED, 0, "killed");
	expect_undone();
}

struct thief {
	uint64_t unused;
};

// What it deferred fails when it waits, and is to end, with a request in hand.
static void take_and_end(struct thief *self)
{
	(void)self;
	noh_receive(-1, get_price);
	noh_defer(tell, (void *)1);
	noh_defer(fail_on_purpose, NULL);
	noh_defer(tell, (void *)2);
	noh_end(7, "done for");
	noh_sleep(1);
	abort();
}

NOH_FIBER(thief, take_and_end);

Simulated(fiber, that_ends_and_fails_while_undoing_leaves_its_mailbox_to_the_next)
{
	inbox = noh_test_inbox();
	for (int round = 0; round < 20; round++) {
		const struct price *answer;
		noh_actor thief = noh_spawn_with(thief, (.monitored = true));
		noh_send(thief, go); // what it does not wait for
		noh_check(noh_ask(thief, get_price, 1000, &answer) == -ECONNRESET);
		noh_send(thief, go);
		noh_receive(-1, noh_down);
		expect_undone();
	}
}

struct loser {
	const char *reason;
};

static void fail_then_wait(struct loser *self)
{
	noh_defer(wait_to_undo, NULL);
	noh_fail("%s", self->reason);
}

NOH_FIBER(loser, fail_then_wait);

Simulated(fail, keeps_its_reason_when_others_fail_while_it_waits_to_undo)
{
	noh_actor one = noh_spawn_with(loser, (.monitored = true), .reason = "one");
	noh_test_advance(5);
	noh_actor other = noh_spawn_with(loser, (.monitored = true), .reason = "other");
	noh_test_advance(5);
	expect_end(one, NOH_WHY_FAILED, 0, "one");
	noh_test_advance(5);
	expect_end(other, NOH_WHY_FAILED, 0, "other");
}

// ---- requests

static void take_and_wait(struct get_price *self)
{
	(void)self;
	noh_receive(-1, get_price);
	noh_sleep(1000000);
}

NOH_FIBER(get_price, take_and_wait);

struct killer {
	noh_actor whom;
};

static void kill_later(struct killer *self)
{
	noh_sleep(10);
	noh_kill(self->whom);
}

NOH_FIBER(killer, kill_later);

Simulated(request, in_hand_of_a_killed_fiber_is_answered_with_an_error)
{
	const struct price *answer;
	noh_actor taker = noh_spawn(get_price);
	noh_spawn(killer, .whom = taker);
	int64_t before = noh_now_ms();

	noh_check(noh_ask(taker, get_price, 1000, &answer) == -ECONNRESET);
	noh_check(noh_now_ms() == before + 10);
}
