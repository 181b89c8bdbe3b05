/* Pools: who gets what, what a crash of one costs, growing and shrinking. */
#include <errno.h>

#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(served, (actor, by), (actor, asker), (u64, number));
NOH_REQUEST(serve, served, (u64, number), (i64, takes_ms));
NOH_MESSAGE(crash);
NOH_MESSAGE(retire);
NOH_MESSAGE(done);

enum { MOST = 16 };

// Tells who it is, and whom it serves.
struct clerk {
	noh_actor tells; // or nobody
	uint64_t lives;
};

static void on_serve(struct clerk *self, const struct serve *msg)
{
	if (!noh_same(self->tells, NOH_NOBODY))
		noh_send(self->tells, served, .by = noh_self(), .asker = noh_sender(),
			 .number = msg->number);
	noh_reply(served, .by = noh_self(), .asker = noh_sender(), .number = msg->number);
}

static void on_crash(struct clerk *self, const struct crash *msg)
{
	(void)self;
	(void)msg;
	noh_fail("told to");
}

static void on_retire(struct clerk *self, const struct retire *msg)
{
	(void)self;
	(void)msg;
	noh_end(0, NULL);
}

NOH_ACTOR(clerk, (serve, on_serve), (crash, on_crash), (retire, on_retire));

// Takes its time.
struct slow_clerk {
	uint64_t unused;
};

static void serve_slowly(struct slow_clerk *self)
{
	(void)self;
	for (;;) {
		const struct noh_delivery *in = noh_receive(-1);
		const struct serve *msg = noh_as(in, serve);
		if (noh_as(in, crash))
			noh_fail("told to");
		if (!msg)
			continue;
		noh_sleep(msg->takes_ms);
		noh_reply(served, .by = noh_self(), .number = msg->number);
	}
}

NOH_FIBER(slow_clerk, serve_slowly);

static int place_of(const noh_actor *workers, int count, noh_actor who)
{
	for (int i = 0; i < count; i++)
		if (noh_same(workers[i], who))
			return i;
	return -1;
}

static int list(noh_actor pool, noh_actor *workers)
{
	return noh_pool_workers(pool, workers, MOST);
}

Simulated(pool, gives_each_worker_its_turn)
{
	noh_actor pool = noh_pool_start((.workers = 4), NOH_CHILD(clerk, (.lives = 0)));
	noh_actor workers[MOST];
	int times[4] = {0};
	const struct served *answer;
	noh_check(list(pool, workers) == 4);

	for (uint64_t i = 0; i < 12; i++) {
		noh_check(noh_ask(pool, serve, 100, &answer, .number = i) == 0);
		noh_check(answer->number == i);
		int place = place_of(workers, 4, answer->by);
		noh_check(place >= 0);
		times[place]++;
	}

	for (int i = 0; i < 4; i++)
		noh_check(times[i] == 3);
}

Simulated(pool, passes_on_sender_and_reply_address)
{
	noh_actor pool =
		noh_pool_start((.workers = 2), NOH_CHILD(clerk, (.tells = noh_test_inbox())));
	const struct served *answer;

	noh_check(noh_ask(pool, serve, 100, &answer) == 0);

	noh_check(noh_same(answer->asker, noh_self()));
}

Simulated(pool, has_as_many_workers_as_the_runtime_by_default)
{
	noh_actor pool = noh_pool_start((.name = "clerks"), NOH_CHILD(clerk, (.lives = 0)));

	noh_check(noh_pool_workers(pool, NULL, 0) == (int)noh_workers());
}

static uint64_t number_of(const struct noh_delivery *in)
{
	const struct serve *msg = noh_as(in, serve);
	return msg ? msg->number : 0;
}

enum { KEYS = 200 };

static void ask_each_key(noh_actor pool, noh_actor *ret_served_by)
{
	const struct served *answer;
	for (uint64_t i = 0; i < KEYS; i++) {
		noh_check(noh_ask(pool, serve, 100, &answer, .number = i) == 0);
		ret_served_by[i] = answer->by;
	}
	noh_receive(0);
}

Simulated(pool, gives_a_key_to_the_same_worker_and_moves_few_when_resized)
{
	noh_actor pool = noh_pool_start((.workers = 4, .spread = NOH_SPREAD_HASH, .key = number_of),
					NOH_CHILD(clerk, (.lives = 0)));
	noh_actor before[KEYS], again[KEYS], after[KEYS], workers[MOST];
	int times[5] = {0}, moved = 0;

	ask_each_key(pool, before);
	ask_each_key(pool, again);
	noh_check(!memcmp(before, again, sizeof(before)));

	noh_check(noh_pool_resize(pool, 5) == 0 && list(pool, workers) == 5);
	ask_each_key(pool, after);
	for (int i = 0; i < KEYS; i++) {
		int place = place_of(workers, 5, after[i]);
		times[place]++;
		moved += !noh_same(before[i], after[i]);
		noh_check(noh_same(before[i], after[i]) || place == 4);
	}
	noh_check(moved == times[4]);
	for (int i = 0; i < 5; i++)
		noh_check(times[i] > KEYS / 5 / 3); // 40 expected, so 13 is far out

	noh_check(noh_pool_resize(pool, 4) == 0);
	ask_each_key(pool, again);
	noh_check(!memcmp(before, again, sizeof(before)));
}

Simulated(pool, keeps_what_one_actor_sends_in_order_by_hash)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor pool = noh_pool_start((.workers = 4, .spread = NOH_SPREAD_HASH),
					NOH_CHILD(clerk, (.tells = inbox)));

	for (uint64_t i = 0; i < 50; i++)
		noh_send(pool, serve, .number = i);
	noh_test_settle();

	for (uint64_t i = 0; i < 50; i++)
		noh_check(noh_test_take(inbox, served)->number == i);
}

Simulated(pool, spares_the_busy_ones)
{
	noh_actor pool = noh_pool_start((.workers = 3, .spread = NOH_SPREAD_LEAST_BUSY),
					NOH_CHILD(slow_clerk, (.unused = 0)));
	const struct served *answer;

	// Two of them have much to do; all that is quick goes to the third.
	noh_send(pool, serve, .takes_ms = 1000);
	noh_send(pool, serve, .takes_ms = 1000);
	for (int i = 0; i < 20; i++) {
		noh_test_settle();
		noh_check(noh_ask(pool, serve, 100, &answer, .takes_ms = 1) == 0);
	}
	noh_check(noh_now_ms() == 1000 + 20);

	// When all are free again, all get something.
	noh_test_advance(2000);
	int64_t before_ms = noh_now_ms();
	noh_actor pools[3] = {pool, pool, pool};
	struct serve_answered all[3];
	noh_check(noh_ask_all(pools, 3, serve, 1000, all, .takes_ms = 500) == 0);
	noh_check(noh_now_ms() == before_ms + 500);
}

Simulated(pool, tells_all_and_gives_one_answer)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor pool = noh_pool_start((.workers = 5, .spread = NOH_SPREAD_BROADCAST),
					NOH_CHILD(clerk, (.tells = inbox)));
	const struct served *answer;

	noh_check(noh_ask(pool, serve, 100, &answer, .number = 7) == 0 && answer->number == 7);
	noh_test_settle();

	int told = 0;
	for (const struct served *next; (next = noh_test_take(inbox, served)); told++)
		noh_check(next->number == 7 && noh_same(next->asker, noh_self()));
	noh_check(told == 5);
}

// Asks the pool once, and tells how it ended.
struct customer {
	noh_actor pool, tells;
	int64_t takes_ms;
};

NOH_MESSAGE(told, (i64, err), (actor, by));

static void be_served(struct customer *self)
{
	const struct served *answer = NULL;
	int err = noh_ask(self->pool, serve, 60 * 1000, &answer, .takes_ms = self->takes_ms);
	noh_send(self->tells, told, .err = err, .by = answer ? answer->by : NOH_NOBODY);
}

NOH_FIBER(customer, be_served);

Simulated(pool, loses_only_what_a_crashed_worker_had_in_hand)
{
	noh_actor inbox = noh_test_inbox(), workers[MOST];
	noh_actor pool = noh_pool_start((.workers = 2), NOH_CHILD(slow_clerk, (.unused = 0)));
	list(pool, workers);
	for (int i = 0; i < 6; i++)
		noh_spawn(customer, .pool = pool, .tells = inbox, .takes_ms = 100);
	noh_test_advance(50); // each serves one, two wait for each

	int64_t before_ms = noh_now_ms();
	noh_kill(workers[0]);
	noh_test_settle();
	const struct told *lost = noh_test_take(inbox, told);
	noh_check(lost && lost->err == -ECONNRESET && noh_now_ms() == before_ms);
	noh_check(!noh_test_take(inbox, told));

	noh_test_advance(1000);
	int served = 0, by_first = 0;
	for (const struct told *next; (next = noh_test_take(inbox, told)); served++) {
		noh_check(next->err == 0);
		by_first += noh_same(next->by, workers[0]); // in its place
	}
	noh_check(served == 5 && by_first == 2);
}

Simulated(pool, lets_those_that_are_too_many_finish)
{
	noh_actor inbox = noh_test_inbox(), workers[MOST];
	noh_actor pool = noh_pool_start((.workers = 3), NOH_CHILD(clerk, (.tells = inbox)));
	const struct served *answer;
	for (uint64_t i = 0; i < 30; i++)
		noh_send(pool, serve, .number = i);

	noh_check(noh_pool_resize(pool, 1) == 0);
	noh_test_settle();

	uint64_t sum = 0;
	for (const struct served *next; (next = noh_test_take(inbox, served));)
		sum += next->number;
	noh_check(sum == 29 * 30 / 2);
	noh_check(list(pool, workers) == 1);
	noh_check(noh_ask(pool, serve, 100, &answer) == 0 && noh_same(answer->by, workers[0]));
	noh_check(noh_pool_resize(pool, 0) == -EINVAL);

	noh_check(noh_pool_resize(pool, 6) == 0 && list(pool, workers) == 6);
}

Simulated(pool, is_left_by_those_that_are_too_many_though_they_crash)
{
	noh_actor inbox = noh_test_inbox(), workers[MOST];
	noh_actor pool = noh_pool_start((.workers = 2, .max_restarts = 5),
					NOH_CHILD(clerk, (.tells = inbox)));
	list(pool, workers);
	noh_monitor(workers[1], true);
	noh_send(workers[1], crash);
	noh_send(workers[1], serve, .number = 1);
	noh_send(workers[1], crash);
	noh_send(workers[1], serve, .number = 2);

	noh_check(noh_pool_resize(pool, 1) == 0);

	const struct noh_down *down = noh_as(noh_receive(1000, noh_down), noh_down);
	noh_check(down && noh_same(down->who, workers[1]) && down->why == NOH_WHY_NORMAL);
	noh_check(noh_test_take(inbox, served)->number == 1);
	noh_check(noh_test_take(inbox, served)->number == 2);
	noh_check(noh_pool_workers(pool, NULL, 0) == 1);
}

Simulated(pool, ends_with_its_last_worker_and_its_workers_with_it)
{
	noh_actor workers[MOST];
	noh_actor pool = noh_pool_start((.workers = 2), NOH_CHILD(clerk, (.lives = 0)));
	list(pool, workers);
	noh_monitor(pool, true);

	noh_send(workers[0], retire);
	noh_test_settle();
	noh_check(noh_pool_workers(pool, NULL, 0) == 1 && !noh_receive(0, noh_down));
	noh_send(workers[1], retire);
	const struct noh_down *down = noh_as(noh_receive(100, noh_down), noh_down);
	noh_check(noh_same(down->who, pool) && down->why == NOH_WHY_NORMAL);

	pool = noh_pool_start((.workers = 2), NOH_CHILD(clerk, (.lives = 0)));
	list(pool, workers);
	noh_monitor(workers[0], true);
	noh_monitor(workers[1], true);
	noh_stop(pool);
	noh_check(noh_receive(100, noh_down) && noh_receive(100, noh_down));
}

Simulated(pool, fails_when_a_worker_does_so_too_often)
{
	noh_actor pool =
		noh_pool_start((.workers = 2, .max_restarts = 2), NOH_CHILD(clerk, (.lives = 0)));
	noh_monitor(pool, true);

	for (int i = 0; i < 6; i++)
		noh_send(pool, crash);

	const struct noh_down *down = noh_as(noh_receive(100, noh_down), noh_down);
	noh_check(down && down->why == NOH_WHY_FAILED);
}

// Has room for one.
struct narrow {
	uint64_t unused;
};

static void serve_narrowly(struct narrow *self)
{
	(void)self;
	for (;;) {
		const struct serve *msg = noh_as(noh_receive(-1, serve), serve);
		noh_sleep(msg->takes_ms);
		noh_reply(served);
	}
}

NOH_FIBER_WITH(narrow, (.mailbox_messages = 1), serve_narrowly);

Simulated(pool, tells_who_asks_when_a_worker_has_no_room)
{
	noh_actor pool = noh_pool_start((.workers = 1), NOH_CHILD(narrow, (.unused = 0)));
	noh_actor pools[3] = {pool, pool, pool};
	struct serve_answered all[3];

	noh_check(noh_ask_all(pools, 3, serve, 1000, all, .takes_ms = 10) == -EAGAIN);

	int full = 0;
	for (int i = 0; i < 3; i++)
		full += all[i].err == -EAGAIN;
	noh_check(full >= 1 && all[0].err == 0);
}
