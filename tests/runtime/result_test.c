/* Results: what an actor ends with reaches who watches it, right before its noh_down; and joining,
 * which waits for both. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <noh/test.h>

#include "runtime/worker.h"
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

// ---- joining

static noh_actor spawn_watched_adder(void)
{
	return noh_spawn_with(adder, (.monitored = true));
}

Simulated(join, gets_a_result_however_long_ago_it_came)
{
	noh_actor adder = spawn_watched_adder();
	add_up(adder, 5, -1);
	noh_send(noh_self(), other); // stays queued

	struct noh_joined how;
	noh_check(noh_join(adder, 0, &how) == 0);

	noh_check(noh_same(how.who, adder) && how.why == NOH_WHY_NORMAL && !how.code);
	const struct sum *sum = noh_as(how.result, sum);
	noh_check(sum && sum->total == 4 && !strcmp(sum->text, "added"));
	noh_check(noh_as(noh_receive(0), other));
	noh_check(!noh_receive(0));
}

struct late {
	noh_actor adder;
};

static void end_it_later(void *state)
{
	noh_sleep(50);
	noh_send(((struct late *)state)->adder, work, .number = -1);
}

NOH_FIBER(late, end_it_later);

Simulated(join, waits_for_the_end_and_its_result)
{
	noh_actor adder = spawn_watched_adder();
	noh_spawn(late, .adder = adder);

	struct noh_joined how;
	noh_check(noh_join(adder, 100, &how) == 0);

	noh_check(noh_as(how.result, sum) && noh_as(how.result, sum)->total == -1);
}

Simulated(join, without_a_result_says_how_it_ended)
{
	noh_actor adder = spawn_watched_adder();
	noh_stop(adder);

	struct noh_joined how;
	noh_check(noh_join(adder, -1, &how) == 0);

	noh_check(how.why == NOH_WHY_NORMAL && !how.result);
}

Simulated(join, of_a_failure_says_why)
{
	noh_actor failing = spawn_watched_adder(), killed = spawn_watched_adder();
	noh_send(failing, work, .number = -99);
	noh_kill(killed);

	struct noh_joined how;
	noh_check(noh_join(failing, -1, &how) == -ECONNRESET);
	noh_check(how.why == NOH_WHY_FAILED && !strcmp(how.reason, "no such number"));
	noh_check(noh_join(killed, -1, &how) == -ECONNRESET);
	noh_check(how.why == NOH_WHY_KILLED && !how.result);
}

Simulated(join, of_one_that_was_gone_before_says_so)
{
	noh_actor adder = spawn_adder();
	add_up(adder, 5, -1);

	struct noh_joined how;
	noh_check(noh_join(adder, -1, &how) == -ESRCH);

	noh_check(how.why == NOH_WHY_NOBODY && !how.result);
}

Simulated(join, may_give_up_and_try_again)
{
	noh_actor adder = spawn_watched_adder();

	noh_check(noh_join(adder, 10, NULL) == -ETIMEDOUT);
	noh_check(noh_join(adder, 0, NULL) == -ETIMEDOUT);
	add_up(adder, 5, -1);

	struct noh_joined how;
	noh_check(noh_join(adder, 10, &how) == 0 && how.result);
}

Simulated(join, of_one_not_monitored_leaves_nothing_behind)
{
	noh_actor adder = spawn_adder();

	noh_check(noh_join(adder, 10, NULL) == -ETIMEDOUT);
	add_up(adder, 5, -1);

	noh_check(!noh_receive(0));
}

Simulated(join, gives_back_what_the_last_one_got)
{
	noh_actor givers[3];
	drops = 0;
	for (int i = 0; i < 3; i++) {
		givers[i] = noh_spawn_with(giver, (.monitored = true));
		noh_send(givers[i], other);
	}

	for (int i = 0; i < 3; i++) {
		struct noh_joined how;
		noh_check(noh_join(givers[i], -1, &how) == 0);
		noh_check(noh_as(how.result, gift)->object.ptr);
		noh_check(drops == i);
	}
}

Simulated(join_any, gives_results_in_the_order_in_which_they_come)
{
	enum { COUNT = 5 };
	static const int order[COUNT] = {3, 0, 4, 1, 2};
	noh_actor adders[COUNT], left[COUNT];
	size_t count = COUNT;
	for (int i = 0; i < COUNT; i++)
		left[i] = adders[i] = spawn_watched_adder();
	for (int i = 0; i < COUNT; i++) {
		noh_send(adders[order[i]], work, .number = order[i] + 1);
		add_up(adders[order[i]], 0, -1);
	}

	for (int i = 0; i < COUNT; i++) {
		struct noh_joined how;
		noh_check(noh_join_any(left, &count, -1, &how) == 0);
		noh_check(noh_same(how.who, adders[order[i]]));
		noh_check(noh_as(how.result, sum)->total == order[i]);
	}
	noh_check(!count);
	noh_check(noh_join_any(left, &count, -1, NULL) == -EINVAL);
}

Simulated(join_any, tells_of_failures_among_results)
{
	noh_actor adders[2] = {spawn_watched_adder(), spawn_watched_adder()};
	size_t count = 2;
	struct noh_joined how;

	noh_send(adders[1], work, .number = -99);
	noh_check(noh_join_any(adders, &count, -1, &how) == -ECONNRESET && count == 1);
	noh_check(noh_join_any(adders, &count, 10, &how) == -ETIMEDOUT && count == 1);
	noh_send(adders[0], work, .number = -1);
	noh_check(noh_join_any(adders, &count, -1, &how) == 0 && !count);
	noh_check(how.result);
}

Simulated(join_any, misses_none_of_those_it_has_looked_at)
{
	noh_actor adders[2] = {spawn_adder(), spawn_adder()};
	size_t count = 2;
	struct noh_joined how;

	noh_check(noh_join_any(adders, &count, 0, NULL) == -ETIMEDOUT);
	add_up(adders[0], 5, -1);
	add_up(adders[1], 7, -1);

	noh_check(noh_join_any(adders, &count, 0, &how) == 0);
	noh_check(noh_as(how.result, sum)->total == 4);
	noh_check(noh_join_any(adders, &count, 0, &how) == 0);
	noh_check(noh_as(how.result, sum)->total == 6);
}

// ---- lives

Simulated(result, of_a_child_that_keeps_its_place_comes_before_it_waits)
{
	noh_actor adder = noh_spawn_with(adder, (.monitored = true, .keeps_place = true));
	add_up(adder, 5, -1);

	struct noh_joined how;
	noh_check(noh_join(adder, 0, &how) == 0);
	noh_check(noh_as(how.result, sum)->total == 4);

	struct adder state = {.total = 10};
	noh_check(noh_restart(adder, &state) == 0);
	noh_monitor(adder, true);
	add_up(adder, 5, -98); // the next life has none of it
	noh_check(noh_join(adder, 0, &how) == -ECONNRESET);
	noh_check(!how.result);
}

static void finish_and_return(void *state)
{
	struct adder *self = (struct adder *)state;
	noh_finish(sum, .total = self->total);
}

static void finish_and_wait(void *state)
{
	struct adder *self = (struct adder *)state;
	noh_finish(sum, .total = self->total);
	noh_sleep(1);
	noh_fail("not reached");
}

Simulated(result, of_a_fiber_goes_out_when_it_returns_or_waits)
{
	static void (*const functions[])(void *) = {finish_and_return, finish_and_wait};
	for (int64_t i = 0; i < 2; i++) {
		struct noh_actor_type type = {.abi = NOH_ABI,
					      .name = "finisher",
					      .state_size = sizeof(struct adder),
					      .run = functions[i]};
		struct adder state = {.total = i};
		struct noh_spawn_options options = {.size = sizeof(options), .monitored = true};
		noh_actor fiber = noh_spawn_type(&type, &state, &options);

		struct noh_joined how;
		noh_check(noh_join(fiber, -1, &how) == 0);
		noh_check(noh_as(how.result, sum)->total == i);
	}
}

// ---- how large it is

NOH_MESSAGE(report, (u64, a), (u64, b), (u64, c), (u64, d), (u64, e), (u64, f), (u64, g), (u64, h),
	    (u64, i), (u64, j), (u64, k), (str, text));

struct reporter {
	int unused;
};

static void on_start_report(struct reporter *self, const struct noh_start *msg)
{
	(void)self;
	(void)msg;
	noh_finish(report, .a = 1); // its text becomes "": the copies are larger than this
}

NOH_ACTOR(reporter, (noh_start, on_start_report));

struct reader {
	noh_actor to;
};

static void on_begin(struct reader *self, const struct work *msg)
{
	(void)self;
	(void)msg;
	noh_spawn(reporter);
}

// Each envelope goes back to the pool of its size.
static void on_report(struct reader *self, const struct report *msg)
{
	const struct envelope *hand = worker_here()->hand;
	uint32_t class = (hand->type & ENVELOPE_CLASS) >> ENVELOPE_CLASS_AT;

	noh_check(msg->a == 1 && !strcmp(msg->text, ""));
	noh_check((class ^ POOL_64) == pool_class_of(ENVELOPE_HEAD + sizeof(*msg) + 8));
	noh_send(self->to, heard_down, .from = noh_sender());
}

NOH_ACTOR(reader, (work, on_begin), (report, on_report));

static int read_report(void *unused)
{
	(void)unused;
	noh_send(noh_spawn(reader, .to = noh_self()), work);
	noh_check(noh_receive(-1, heard_down));
	return 0;
}

Test(result, travels_in_an_envelope_of_its_size)
{
	cr_expect_eq(noh_run(read_report, NULL, .workers = 1), 0);
}
