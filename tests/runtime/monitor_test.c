/* Monitors: exactly one noh_down each, and none once the monitor was ended. */
#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(watch, (actor, who), (flag, until_gone));
NOH_MESSAGE(unwatch, (u64, monitor));
NOH_MESSAGE(watched, (u64, monitor));
NOH_MESSAGE(heard, (actor, who), (i64, why), (str, reason), (u64, monitor));
NOH_MESSAGE(fail, (str, reason));

struct watcher {
	noh_actor to;
};

static void on_watch(struct watcher *self, const struct watch *msg)
{
	noh_send(self->to, watched, .monitor = noh_monitor(msg->who, msg->until_gone));
}

static void on_unwatch(struct watcher *self, const struct unwatch *msg)
{
	(void)self;
	noh_demonitor(msg->monitor);
}

static void on_down(struct watcher *self, const struct noh_down *msg)
{
	noh_send(self->to, heard, .who = msg->who, .why = msg->why, .reason = msg->reason,
		 .monitor = msg->monitor);
}

static void fail_watcher(struct watcher *self, const struct fail *msg)
{
	(void)self;
	noh_fail("%s", msg->reason);
}

NOH_ACTOR(watcher, (watch, on_watch), (unwatch, on_unwatch), (noh_down, on_down),
	  (fail, fail_watcher));

struct target {
	uint64_t unused;
};

static void fail_target(struct target *self, const struct fail *msg)
{
	(void)self;
	noh_fail("%s", msg->reason);
}

NOH_ACTOR(target, (fail, fail_target));

// A target that the root does not depend on.
static noh_actor spawn_target(void)
{
	return noh_spawn_with(target, (.detached = true));
}

static uint64_t set_monitor(noh_actor watcher, noh_actor inbox, noh_actor who)
{
	noh_send(watcher, watch, .who = who, .until_gone = true);
	noh_test_settle();
	return noh_test_take(inbox, watched)->monitor;
}

Simulated(monitor, tells_of_the_end_once)
{
	noh_actor inbox = noh_test_inbox(), target = spawn_target();
	noh_actor watcher = noh_spawn(watcher, .to = inbox);
	uint64_t monitor = set_monitor(watcher, inbox, target);

	noh_send(target, fail, .reason = "for a reason");
	noh_test_settle();

	noh_check(noh_test_sent(inbox, heard, .who = target, .why = NOH_WHY_FAILED,
				.reason = "for a reason", .monitor = monitor));
	noh_check(!noh_test_take(inbox, heard));
}

Simulated(monitor, tells_each_watcher_and_each_monitor_of_one)
{
	noh_actor inbox = noh_test_inbox(), target = spawn_target();
	noh_actor first = noh_spawn(watcher, .to = inbox), second = noh_spawn(watcher, .to = inbox);
	uint64_t sum = set_monitor(first, inbox, target) + set_monitor(first, inbox, target);
	sum += set_monitor(second, inbox, target);

	noh_stop(target);
	noh_test_settle();

	for (int i = 0; i < 3; i++) {
		const struct heard *heard = noh_test_take(inbox, heard);
		noh_check(heard && heard->why == NOH_WHY_NORMAL);
		sum -= heard->monitor;
	}
	noh_check(!sum);
	noh_check(!noh_test_take(inbox, heard));
}

Simulated(monitor, of_an_actor_that_is_gone_tells_so)
{
	noh_actor target = spawn_target();
	noh_stop(target);
	noh_test_settle();

	uint64_t monitor = noh_monitor(target, true);

	const struct noh_down *down = noh_as(noh_receive(1000, noh_down), noh_down);
	noh_check(down && noh_same(down->who, target) && down->monitor == monitor);
	noh_check(down->why == NOH_WHY_NOBODY);
}

Simulated(monitor, of_nobody_tells_so)
{
	uint64_t monitor = noh_monitor(NOH_NOBODY, false);

	const struct noh_down *down = noh_as(noh_receive(1000, noh_down), noh_down);
	noh_check(down && noh_same(down->who, NOH_NOBODY) && down->monitor == monitor);
	noh_check(down->why == NOH_WHY_NOBODY);
}

Simulated(monitor, set_while_the_actor_ends_still_tells)
{
	noh_actor target = spawn_target();

	noh_stop(target);
	uint64_t monitor = noh_monitor(target, true);

	const struct noh_down *down = noh_as(noh_receive(1000, noh_down), noh_down);
	noh_check(down && down->monitor == monitor);
	noh_check(down->why == NOH_WHY_NORMAL || down->why == NOH_WHY_NOBODY);
	noh_check(!noh_receive(0, noh_down));
}

Simulated(monitor, of_a_watcher_that_has_ended_stops_nothing)
{
	noh_actor inbox = noh_test_inbox(), target = spawn_target();
	noh_actor watcher = noh_spawn(watcher, .to = inbox);
	set_monitor(watcher, inbox, target);

	noh_stop(watcher);
	noh_test_settle();
	noh_stop(target);
	noh_test_settle();

	noh_check(!noh_test_take(inbox, heard));
	noh_check(noh_dead_letters() == 0);
}

Simulated(monitor, tells_of_each_among_many)
{
	enum { MANY = 1000 };
	noh_actor inbox = noh_test_inbox(), watcher = noh_spawn(watcher, .to = inbox);
	noh_actor targets[MANY];
	for (int i = 0; i < MANY; i++) {
		targets[i] = spawn_target();
		noh_send(watcher, watch, .who = targets[i]);
	}
	noh_test_settle();
	uint64_t monitors[MANY];
	for (int i = 0; i < MANY; i++)
		monitors[i] = noh_test_take(inbox, watched)->monitor;

	for (int i = 0; i < MANY; i += 2)
		noh_send(watcher, unwatch, .monitor = monitors[i]);
	for (int i = MANY; i-- > 0;)
		noh_stop(targets[i]);
	noh_test_settle();

	uint64_t sum = 0, expected = 0;
	for (int i = 1; i < MANY; i += 2) {
		expected += monitors[i];
		sum += noh_test_take(inbox, heard)->monitor;
	}
	noh_check(sum == expected);
	noh_check(!noh_test_take(inbox, heard));
}

Simulated(demonitor, keeps_the_end_from_being_told)
{
	noh_actor inbox = noh_test_inbox(), target = spawn_target();
	noh_actor watcher = noh_spawn(watcher, .to = inbox);
	uint64_t first = set_monitor(watcher, inbox, target);
	uint64_t second = set_monitor(watcher, inbox, target);

	noh_send(watcher, unwatch, .monitor = first);
	noh_test_settle();
	noh_stop(target);
	noh_test_settle();

	const struct heard *heard = noh_test_take(inbox, heard);
	noh_check(heard && heard->monitor == second);
	noh_check(!noh_test_take(inbox, heard));
}

Simulated(demonitor, of_what_was_never_set_does_nothing)
{
	noh_demonitor(0);
	noh_demonitor(12345);
}

Simulated(demonitor, while_the_actor_ends_lets_at_most_one_word_through)
{
	noh_actor inbox = noh_test_inbox(), target = spawn_target();
	noh_actor watcher = noh_spawn(watcher, .to = inbox);
	uint64_t monitor = set_monitor(watcher, inbox, target);

	noh_stop(target);
	noh_send(watcher, unwatch, .monitor = monitor);
	noh_test_settle();

	const struct heard *before = noh_test_take(inbox, heard);
	noh_check(!before || before->monitor == monitor);
	noh_check(!noh_test_take(inbox, heard));
}

Simulated(demonitor, in_a_fiber_stops_what_waits_in_its_mailbox)
{
	noh_actor first = spawn_target(), second = spawn_target();
	uint64_t stays = noh_monitor(first, true), goes = noh_monitor(second, true);
	noh_stop(first);
	noh_stop(second);
	noh_test_settle(); // both are told, neither is received

	noh_demonitor(goes);

	const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);
	noh_check(down && down->monitor == stays);
	noh_check(!noh_receive(0, noh_down));
}
