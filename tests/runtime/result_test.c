/* Results: what an actor ends with reaches who watches it, right before its noh_down; and joining,
 * which waits for both. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(work, (i64, number));
NOH_MESSAGE(sum, (i64, total), (str, text), (bytes, data));
NOH_MESSAGE(other);
NOH_MESSAGE(gift, (owned, object));
NOH_MESSAGE(watch, (actor, who));
NOH_MESSAGE(have_worker, (flag, monitored));
NOH_MESSAGE(worker_is, (actor, who));
NOH_MESSAGE(heard_sum, (actor, from), (i64, total), (str, text));
NOH_MESSAGE(heard_down, (actor, from), (i64, why));

// Adds numbers; a negative one ends it, with the result.
struct adder {
	int64_t total;
};

static void on_work(struct adder *self, const struct work *msg)
{
	self->total += msg->number;
	if (msg->number == -99)
		noh_fail("no such number");
	if (msg->number >= 0)
		return;
	noh_finish(sum, .total = self->total, .text = "added", .data = noh_bytes_copy("data", 4));
	noh_finish(other);
	noh_end(7, "does not count");
	self->total = 1000; // what was sent is a copy
	if (msg->number == -98)
		noh_fail("after it had finished");
}

NOH_ACTOR(adder, (work, on_work));

struct watcher {
	noh_actor to;
};

static void on_watch(struct watcher *self, const struct watch *msg)
{
	(void)self;
	noh_monitor(msg->who, true);
}

static void on_have_worker(struct watcher *self, const struct have_worker *msg)
{
	noh_actor adder = noh_spawn_with(adder, (.monitored = msg->monitored));
	noh_send(self->to, worker_is, .who = adder);
}

static void on_sum(struct watcher *self, const struct sum *msg)
{
	noh_check(msg->data.size == 4 && !memcmp(msg->data.at, "data", 4));
	noh_send(self->to, heard_sum, .from = noh_sender(), .total = msg->total, .text = msg->text);
}

static void on_down(struct watcher *self, const struct noh_down *msg)
{
	noh_send(self->to, heard_down, .from = msg->who, .why = msg->why);
}

NOH_ACTOR(watcher, (watch, on_watch), (have_worker, on_have_worker), (sum, on_sum),
	  (noh_down, on_down));

// Watches, but does not know sums.
struct plain {
	noh_actor to;
};

static void plain_on_watch(struct plain *self, const struct watch *msg)
{
	(void)self;
	noh_monitor(msg->who, true);
}

static void plain_on_down(struct plain *self, const struct noh_down *msg)
{
	noh_send(self->to, heard_down, .from = msg->who, .why = msg->why);
}

NOH_ACTOR(plain, (watch, plain_on_watch), (noh_down, plain_on_down));

static noh_actor spawn_adder(void)
{
	return noh_spawn_with(adder, (.detached = true));
}

static void add_up(noh_actor adder, int64_t first, int64_t second)
{
	noh_send(adder, work, .number = first);
	noh_send(adder, work, .number = second);
	noh_test_settle();
}

// ---- as messages

Simulated(result, comes_from_the_actor_right_before_its_down)
{
	noh_actor inbox = noh_test_inbox(), adder = spawn_adder();
	noh_actor watcher = noh_spawn(watcher, .to = inbox);
	noh_send(watcher, watch, .who = adder);
	noh_test_settle();

	add_up(adder, 5, -1);

	noh_check(noh_test_sent(inbox, heard_sum, .from = adder, .total = 4, .text = "added"));
	noh_check(noh_test_sent(inbox, heard_down, .from = adder, .why = NOH_WHY_NORMAL));
	noh_check(!noh_test_take(inbox, heard_sum));
}

Simulated(result, reaches_each_who_watches)
{
	noh_actor inbox = noh_test_inbox(), adder = spawn_adder();
	for (int i = 0; i < 3; i++)
		noh_send(noh_spawn(watcher, .to = inbox), watch, .who = adder);
	noh_test_settle();

	add_up(adder, 5, -1);

	for (int i = 0; i < 3; i++)
		noh_check(noh_test_take(inbox, heard_sum)->total == 4);
	noh_check(!noh_test_take(inbox, heard_sum));
}

Simulated(result, is_not_for_who_does_not_accept_it)
{
	noh_actor inbox = noh_test_inbox(), adder = spawn_adder();
	noh_send(noh_spawn(plain, .to = inbox), watch, .who = adder);
	noh_test_settle();

	add_up(adder, 5, -1);

	noh_check(noh_test_sent(inbox, heard_down, .from = adder, .why = NOH_WHY_NORMAL));
	noh_check(noh_dead_letters() == 0);
}

Simulated(result, reaches_a_parent_once)
{
	for (int monitored = 0; monitored < 2; monitored++) {
		noh_actor inbox = noh_test_inbox(), watcher = noh_spawn(watcher, .to = inbox);
		noh_send(watcher, have_worker, .monitored = monitored);
		noh_test_settle();
		noh_actor adder = noh_test_take(inbox, worker_is)->who;

		add_up(adder, 5, -1);

		noh_check(noh_test_sent(inbox, heard_sum, .from = adder, .total = 4,
					.text = "added"));
		noh_check(noh_test_sent(inbox, heard_down, .from = adder, .why = NOH_WHY_NORMAL));
		noh_check(!noh_test_take(inbox, heard_sum));
	}
}

Simulated(result, of_an_actor_that_fails_after_all_is_lost)
{
	noh_actor inbox = noh_test_inbox(), adder = spawn_adder();
	noh_send(noh_spawn(watcher, .to = inbox), watch, .who = adder);
	noh_test_settle();

	add_up(adder, 5, -98);

	noh_check(noh_test_sent(inbox, heard_down, .from = adder, .why = NOH_WHY_FAILED));
	noh_check(!noh_test_take(inbox, heard_sum));
}

static int drops;

static void count_drop(void *object)
{
	drops++;
	free(object);
}

struct giver {
	int unused;
};

static void give(struct giver *self, const struct other *msg)
{
	(void)self;
	(void)msg;
	noh_finish(gift, .object = {malloc(1), count_drop});
}

NOH_ACTOR(giver, (other, give));

Simulated(result, that_owns_something_gives_it_to_one)
{
	noh_actor giver = noh_spawn_with(giver, (.detached = true));
	noh_monitor(giver, true);
	noh_monitor(giver, true);
	drops = 0;

	noh_send(giver, other);
	noh_test_settle();

	noh_check(drops == 0);
	const struct gift *first = noh_as(noh_receive(0, gift), gift);
	noh_check(first && first->object.ptr);
	const struct gift *second = noh_as(noh_receive(0, gift), gift);
	noh_check(second && !second->object.ptr);
	noh_check(drops == 1);
}

Simulated(result, that_nobody_waits_for_is_released)
{
	noh_actor giver = noh_spawn_with(giver, (.detached = true));
	drops = 0;

	noh_send(giver, other);
	noh_test_settle();

	noh_check(drops == 1);
}

// ---- fibers

Simulated(result, is_received_by_a_fiber_before_the_down)
{
	noh_actor adder = spawn_adder();
	noh_monitor(adder, true);
	add_up(adder, 5, -1);

	const struct noh_delivery *in = noh_receive(0);
	noh_check(noh_as(in, sum) && noh_as(in, sum)->total == 4);
	noh_check(noh_same(noh_sender(), adder));
	noh_check(noh_as(noh_receive(0), noh_down));
	noh_check(!noh_receive(0));
}

Simulated(result, is_gone_once_the_down_is_received)
{
	noh_actor adder = spawn_adder();
	noh_monitor(adder, true);
	add_up(adder, 5, -1);

	noh_check(noh_receive(0, noh_down));

	noh_check(!noh_receive(0));
}

Simulated(result, is_gone_once_the_monitor_is)
{
	noh_actor adder = spawn_adder();
	uint64_t monitor = noh_monitor(adder, true);
	add_up(adder, 5, -1);

	noh_demonitor(monitor);

	noh_check(!noh_receive(0));
}
