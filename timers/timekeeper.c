/*
 * The keeper's side of timers: takes out what is due and delivers its tick, takes back what other
 * workers returned. See timer.h for what both sides may do. Knows no public calls.
 */
#include "timers/timekeeper.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "mailbox/pool.h"
#include "runtime/slot.h"
#include "timers/timer.h"
#include "timers/timer_body.h"

enum {
	LEAST_ROOM = 32,
	CROWD = 64,        // ticks at a time with which wake-ups become fewer
	RING_EVERY = 1024, // timers returned to a keeper that sleeps before it is woken for them
};

// All keepers of the process, so that a timer names its by a number.
static struct timekeeper *keepers[KEEPER_LIMIT];
static pthread_mutex_t keepers_lock = PTHREAD_MUTEX_INITIALIZER;

static _Thread_local bool is_delivering;

struct timekeeper *timekeeper_of(const struct timer *timer)
{
	return keepers[timer_keeper(timer)];
}

bool timekeeper_is_delivering(void)
{
	return is_delivering;
}

// ---- ticks

/* What a tick holds beyond itself goes with the first tick that is delivered. It is taken out of
 * the timer before the tick can be seen, since from then on the actor's side may do as it likes. */
static void deliver_holding(struct timer *timer, const struct message_info *info)
{
	void *body = timer->more->body;
	uint64_t receiver = timer_receiver(timer);
	size_t size = message_size(info, body);
	enum pool_class class = pool_class_of(size);
	void *moved = pool_take(class, size);

	message_copy(info, moved, body);
	message_disown(info, body);
	ck_pr_fence_release();
	ck_pr_and_64(&timer->word, ~TIMER_COPYING); // pairs with noh_reset()

	if (deliver(receiver, receiver, &info->type, moved, &timer->gate))
		message_disown(info, moved);
	message_release(info, moved);
	pool_give(class, moved);
}

void timekeeper_tick(struct timer *timer)
{
	const struct message_info *info = message_info(timer_type(timer));
	uint64_t receiver = timer_receiver(timer);

	is_delivering = true;
	if (__builtin_expect(info->holds, 0))
		deliver_holding(timer, info);
	else
		deliver(receiver, receiver, &info->type, timer_body(timer), &timer->gate);
	is_delivering = false;
}

static void fire(struct timekeeper *keeper, struct timer *timer, uint64_t now_tick)
{
	uint64_t word, queued;

	do {
		word = load_acquire_64(&timer->word); // pairs with the swaps of the actor's side
		if (timer_state(word) != TIMER_ARMED)
			return; // cancelled from elsewhere: it is in the stack of returned ones

		uint64_t deadline_ns = ck_pr_load_64(&timer->entry.deadline);
		if (wheel_tick_of(&keeper->wheel, deadline_ns) > now_tick) {
			wheel_add(&keeper->wheel, &timer->entry);
			return;
		}
		queued = timer_with(word, TIMER_QUEUED) + TIMER_IN_FLIGHT;
		if (message_info(timer_type(timer))->holds)
			queued |= TIMER_COPYING;
	} while (!swap_if_64(&timer->word, word, queued));
	timekeeper_tick(timer);
}

// ---- what ticks will need, and was last touched when the timer was set

static void fetch_slots(struct wheel_entry *const *entries, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const struct timer *timer = timer_of_entry(entries[i]);
		const struct slot *slot = slot_of(timer_receiver(timer));
		if (!slot)
			continue;
		__builtin_prefetch(&slot->in, 1);
		__builtin_prefetch(&slot->out, 1);
	}
}

// The state of the actor, which will run soon. A guess: whoever runs it may change it just now.
static void fetch_state(const struct timer *timer)
{
#ifndef __SANITIZE_THREAD__
	const struct slot *slot = slot_of(timer_receiver(timer));
	if (slot)
		__builtin_prefetch(ck_pr_load_ptr(&slot->state), 1);
#else
	(void)timer;
#endif
}

// ---- returned timers

struct returned_timer {
	struct returned_timer *next;
	struct timer *timer;
};

void timekeeper_return(struct timer *timer, bool now)
{
	struct timekeeper *keeper = timekeeper_of(timer);
	struct returned_timer *returned = pool_take(POOL_16, sizeof(*returned));
	void *newest;

	returned->timer = timer;
	do {
		newest = ck_pr_load_ptr(&keeper->returned);
		returned->next = (struct returned_timer *)newest;
	} while (!swap_if((void **)&keeper->returned, newest, returned)); // pairs with take_back()

	if (now || ck_pr_faa_32(&keeper->returned_count, 1) % RING_EVERY == RING_EVERY - 1)
		reactor_wake(keeper->reactor);
}

static void take_back(struct timekeeper *keeper, struct timer *timer)
{
	uint64_t word;

	do {
		word = load_acquire_64(&timer->word); // pairs with the swaps of the actor's side
		// An OFF one may be freed by others as soon as it is not RETURNED any more.
		if (timer_state(word) == TIMER_OFF)
			wheel_remove(&timer->entry);
	} while (!swap_if_64(&timer->word, word, word & ~TIMER_RETURNED));

	if (timer_state(word) == TIMER_ARMED)
		timekeeper_move(keeper, timer);
	else if (timer_state(word) == TIMER_OFF && !timer_in_flight(word))
		timer_give(keeper, timer);
}

static void take_all_back(struct timekeeper *keeper)
{
	if (!ck_pr_load_ptr(&keeper->returned))
		return;

	ck_pr_store_32(&keeper->returned_count, 0);
	// Pairs with timekeeper_return().
	struct returned_timer *returned =
		(struct returned_timer *)exchange((void **)&keeper->returned, NULL);
	while (returned) {
		struct returned_timer *next = returned->next;
		take_back(keeper, returned->timer);
		pool_give(POOL_16, returned);
		returned = next;
	}
}

void timekeeper_add(struct timekeeper *keeper, struct timer *timer)
{
	wheel_add(&keeper->wheel, &timer->entry);
}

void timekeeper_move(struct timekeeper *keeper, struct timer *timer)
{
	wheel_remove(&timer->entry);
	wheel_add(&keeper->wheel, &timer->entry);
}

// ---- for the reactor

void timekeeper_init(struct timekeeper *keeper, struct reactor *reactor, unsigned tick_bits,
		     uint64_t now_ns)
{
	*keeper = (struct timekeeper){.reactor = reactor};
	wheel_init(&keeper->wheel, tick_bits, now_ns >> tick_bits);

	pthread_mutex_lock(&keepers_lock);
	while (keeper->index < KEEPER_LIMIT && keepers[keeper->index])
		keeper->index++;
	if (keeper->index == KEEPER_LIMIT) {
		fprintf(stderr, "noh: more than %d workers in one process\n", KEEPER_LIMIT);
		abort();
	}
	keepers[keeper->index] = keeper;
	pthread_mutex_unlock(&keepers_lock);
	reactor->timekeeper = keeper;
}

void timekeeper_finish(struct timekeeper *keeper)
{
	take_all_back(keeper);
	timer_flush(keeper);
	wheel_finish(&keeper->wheel);
	keeper->reactor->timekeeper = NULL;
	pthread_mutex_lock(&keepers_lock);
	keepers[keeper->index] = NULL;
	pthread_mutex_unlock(&keepers_lock);
}

// Some that are due together, out of the wheel.
struct batch {
	unsigned count;
	struct wheel_entry *entries[WHEEL_CELLS];
};

static void fire_all(struct timekeeper *keeper, const struct batch *batch, uint64_t now_tick)
{
	for (unsigned i = 0; i < batch->count; i++) {
		struct timer *timer = timer_of_entry(batch->entries[i]);
		fire(keeper, timer, now_tick);
		fetch_state(timer);
	}
}

void timekeeper_expire(struct timekeeper *keeper, uint64_t now_ns, uint32_t room)
{
	uint64_t now_tick = now_ns >> keeper->wheel.tick_bits;
	struct batch batches[2];
	unsigned next = 0;
	uint32_t delivered = 0;

	batches[1].count = 0;
	take_all_back(keeper);
	// A run queue that others keep full must not stop the time.
	if (room < LEAST_ROOM)
		room = LEAST_ROOM;
	// While some tick, what the next ones need is on its way.
	do {
		struct batch *batch = &batches[next];
		batch->count =
			wheel_expire_some(&keeper->wheel, now_tick,
					  room < WHEEL_CELLS ? room : WHEEL_CELLS, batch->entries);
		room -= batch->count;
		delivered += batch->count;
		fetch_slots(batch->entries, batch->count);
		fire_all(keeper, &batches[!next], now_tick);
		next = !next;
	} while (batches[!next].count);

	// What is left in this round is due at once.
	bool is_crowded = delivered >= CROWD && keeper->wheel.tick_bits != TICK_BITS_EXACT;
	keeper->pause_to = is_crowded && room ? now_tick + 2 : 0;
}

uint64_t timekeeper_next_ns(struct timekeeper *keeper)
{
	uint64_t tick = wheel_next(&keeper->wheel);

	unsigned tick_bits = keeper->wheel.tick_bits;
	if (tick < keeper->pause_to)
		tick = keeper->pause_to;
	if (tick > UINT64_MAX >> tick_bits)
		return UINT64_MAX;
	return tick << tick_bits;
}
