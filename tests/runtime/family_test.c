/* Parents and children: who ends with whom, in which order, and what a failure does to a parent. */
#include <noh/test.h>

#include "tests/support/downs.h"
#include "tests/support/seeds.h"

NOH_MESSAGE(stopped, (u64, level), (u64, number), (i64, why));
NOH_MESSAGE(heard, (actor, who), (i64, why), (i64, code), (str, reason), (flag, restarting),
	    (u64, monitor));
NOH_MESSAGE(spawned, (actor, child));
NOH_MESSAGE(fail, (str, reason));
NOH_MESSAGE(spawn_child);
NOH_MESSAGE(ping);

// ---- a tree: each has `width` children down to level 0, and says when it stops

struct node {
	noh_actor to;
	uint64_t level, number, width;
};

extern const struct noh_actor_type node_actor;

static void grow(struct node *self, const struct noh_start *msg)
{
	(void)msg;
	for (uint64_t i = 0; self->level && i < self->width; i++)
		noh_spawn(node, .to = self->to, .level = self->level - 1, .number = i,
			  .width = self->width);
}

static void say_stopped(struct node *self, const struct noh_stopping *msg)
{
	noh_send(self->to, stopped, .level = self->level, .number = self->number, .why = msg->why);
}

static void fail_node(struct node *self, const struct fail *msg)
{
	(void)self;
	noh_fail("%s", msg->reason);
}

NOH_ACTOR(node, (noh_start, grow), (noh_stopping, say_stopped), (fail, fail_node));

static noh_actor spawn_tree(noh_actor inbox, uint64_t levels)
{
	noh_actor tree =
		noh_spawn_with(node, (.monitored = true), .to = inbox, .level = levels, .width = 3);
	noh_test_settle();
	return tree;
}

Simulated(children, end_with_their_parent)
{
	noh_actor inbox = noh_test_inbox(), tree = spawn_tree(inbox, 3);

	noh_stop(tree);

	expect_end(tree, NOH_WHY_NORMAL, 0, "");
	noh_check(noh_test_sent(inbox, stopped, .level = 3, .why = NOH_WHY_NORMAL));
	int count = 0;
	for (const struct stopped *next; (next = noh_test_take(inbox, stopped)); count++)
		noh_check(next->why == NOH_WHY_SHUTDOWN);
	noh_check(count == 3 + 9 + 27);
}

Simulated(children, are_gone_before_their_parent)
{
	noh_actor inbox = noh_test_inbox(), tree = spawn_tree(inbox, 3);

	noh_stop(tree);
	noh_check(noh_receive(-1, noh_down));

	// Nothing else needs to run: all have stopped by now.
	int count = 0;
	while (noh_test_take(inbox, stopped))
		count++;
	noh_check(count == 1 + 3 + 9 + 27);
}

Simulated(children, of_an_actor_that_is_killed_are_shut_down)
{
	noh_actor inbox = noh_test_inbox(), tree = spawn_tree(inbox, 2);

	noh_kill(tree);

	expect_end(tree, NOH_WHY_KILLED, 0, "killed");
	int count = 0;
	for (const struct stopped *next; (next = noh_test_take(inbox, stopped)); count++)
		noh_check(next->why == NOH_WHY_SHUTDOWN && next->level < 2);
	noh_check(count == 3 + 9);
}

Simulated(children, of_the_root_end_in_order_when_it_returns)
{
	spawn_tree(noh_test_inbox(), 2);
}

// ---- failures

// A parent that may or may not handle the end of its children.
struct careless {
	noh_actor to;
};

static void spawn_for_careless(struct careless *self, const struct spawn_child *msg)
{
	(void)msg;
	noh_send(self->to, spawned, .child = noh_spawn(node, .to = self->to));
}

static void answer_ping(struct careless *self, const struct ping *msg)
{
	(void)msg;
	noh_send(self->to, ping);
}

NOH_ACTOR(careless, (spawn_child, spawn_for_careless), (ping, answer_ping));

struct watchful {
	noh_actor to;
};

static void spawn_watched(struct watchful *self, const struct spawn_child *msg)
{
	(void)msg;
	noh_actor child = noh_spawn(node, .to = self->to);
	noh_monitor(child, true);
	noh_send(self->to, spawned, .child = child);
}

static void answer_watchful_ping(struct watchful *self, const struct ping *msg)
{
	(void)msg;
	noh_send(self->to, ping);
}

NOH_ACTOR(watchful, (spawn_child, spawn_watched), (ping, answer_watchful_ping));

struct caring {
	noh_actor to;
	uint64_t monitors;
};

static void spawn_for_caring(struct caring *self, const struct spawn_child *msg)
{
	(void)msg;
	noh_actor child = noh_spawn(node, .to = self->to);
	if (self->monitors)
		noh_monitor(child, true);
	noh_send(self->to, spawned, .child = child);
}

static void on_down(struct caring *self, const struct noh_down *msg)
{
	noh_send(self->to, heard, .who = msg->who, .why = msg->why, .code = msg->code,
		 .reason = msg->reason, .restarting = msg->restarting, .monitor = msg->monitor);
}

NOH_ACTOR(caring, (spawn_child, spawn_for_caring), (noh_down, on_down));

static noh_actor child_of(noh_actor parent, noh_actor inbox)
{
	noh_send(parent, spawn_child);
	noh_test_settle();
	return noh_test_take(inbox, spawned)->child;
}

Simulated(parent, that_does_not_handle_the_failure_of_a_child_fails_with_its_reason)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor parent = noh_spawn_with(careless, (.monitored = true), .to = inbox);
	noh_actor child = child_of(parent, inbox);

	noh_send(child, fail, .reason = "the child's reason");

	expect_end(parent, NOH_WHY_FAILED, 0, "the child's reason");
}

Simulated(parent, that_is_a_fiber_and_monitors_its_child_survives)
{
	noh_actor child = noh_spawn_with(node, (.monitored = true), .to = noh_test_inbox());
	const struct noh_down *down;

	noh_send(child, fail, .reason = "seen by the monitor");
	down = noh_as(noh_receive(1000, noh_down), noh_down);

	noh_check(down && down->why == NOH_WHY_FAILED);
}

static int let_a_child_fail(void *unused)
{
	(void)unused;
	noh_actor child = noh_spawn(node);
	noh_send(child, fail, .reason = "nobody looks");
	noh_receive(-1);
	return 0;
}

Test(parent, that_is_the_root_and_does_not_handle_it_fails_the_run)
{
	cr_expect_eq(noh_simulate(1, let_a_child_fail, NULL), 1);
}

Simulated(parent, does_not_mind_children_that_stop_or_are_killed)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor parent = noh_spawn(careless, .to = inbox);

	noh_stop(child_of(parent, inbox));
	noh_kill(child_of(parent, inbox));
	noh_test_settle();
	noh_send(parent, ping);
	noh_test_settle();

	noh_check(noh_test_take(inbox, ping));
}

Simulated(parent, that_monitors_a_child_survives_its_failure)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor parent = noh_spawn(watchful, .to = inbox);

	noh_send(child_of(parent, inbox), fail, .reason = "x");
	noh_test_settle();
	noh_send(parent, ping);
	noh_test_settle();

	noh_check(noh_test_take(inbox, ping));
}

Simulated(parent, that_accepts_noh_down_hears_of_each_child)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor parent = noh_spawn(caring, .to = inbox);

	noh_actor failed = child_of(parent, inbox);
	noh_send(failed, fail, .reason = "x");
	noh_test_settle();
	noh_test_take(inbox, stopped);
	noh_check(noh_test_sent(inbox, heard, .who = failed, .why = NOH_WHY_FAILED, .reason = "x"));

	noh_actor killed = child_of(parent, inbox);
	noh_kill(killed);
	noh_test_settle();
	noh_check(noh_test_sent(inbox, heard, .who = killed, .why = NOH_WHY_KILLED,
				.reason = "killed"));

	noh_actor stopped = child_of(parent, inbox);
	noh_stop(stopped);
	noh_test_settle();
	noh_test_take(inbox, stopped);
	noh_check(noh_test_sent(inbox, heard, .who = stopped, .why = NOH_WHY_NORMAL));
}

Simulated(parent, that_monitors_and_accepts_noh_down_hears_once)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor parent = noh_spawn(caring, .to = inbox, .monitors = true);
	noh_actor child = child_of(parent, inbox);

	noh_send(child, fail, .reason = "x");
	noh_test_settle();

	noh_test_take(inbox, stopped);
	const struct heard *heard = noh_test_take(inbox, heard);
	noh_check(heard && noh_same(heard->who, child) && heard->monitor);
	noh_check(!noh_test_take(inbox, heard));
}

Simulated(parent, of_many_children_forgets_those_that_end)
{
	noh_actor inbox = noh_test_inbox(), children[100];
	noh_actor parent = noh_spawn(careless, .to = inbox);
	for (int i = 0; i < 100; i++)
		children[i] = child_of(parent, inbox);

	for (int i = 0; i < 100; i += 3)
		noh_stop(children[i]);
	noh_test_settle();
	for (int i = 99; i >= 0; i -= 2)
		noh_stop(children[i]);
	noh_test_settle();
	noh_monitor(parent, true);
	noh_stop(parent);

	expect_end(parent, NOH_WHY_NORMAL, 0, "");
	int count = 0;
	while (noh_test_take(inbox, stopped))
		count++;
	noh_check(count == 100);
}
