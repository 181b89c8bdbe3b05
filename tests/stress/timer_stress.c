/*
 * Actors that wander between workers and set, move and cancel timers while these tick: no tick
 * comes early or after it was revoked, none is lost, what a tick holds is dropped once, and memory
 * does not grow.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include <noh/noh.h>

#include "timers/timer.h"

enum {
	ACTORS = 48,
	TIMERS = 8,    // of each actor
	LIVES = 3,     // of each actor, one after the other
	EVENTS = 6000, // of each life
	WORKERS = 4,
	STRANGERS = 2,
	MOST_LATE_MS = 20000,  // on a machine that does much else
	FIRST_PIECE = 1 << 20, // bytes with which the table begins
};

NOH_MESSAGE(poke);
NOH_MESSAGE(tick, (u64, place), (u64, serial));
NOH_MESSAGE(long_tick, (u64, place), (u64, serial), (str, text), (owned, thing));
NOH_MESSAGE(drained, (u64, ticks));

// What an actor knows of one of its timers.
struct own_timer {
	noh_timer timer;
	uint64_t serial;
	int64_t due_ms;
	bool is_set, is_interval;
};

struct wanderer {
	noh_actor root;
	uint32_t place;
	uint64_t random;
	uint64_t events, ticks, serial;
	struct own_timer timers[TIMERS];
};

static noh_actor wanderers[ACTORS]; // the handle of each, for pokes; changes with each life
static uint32_t is_poked[ACTORS];   // by a stranger, and has not handled it yet
static uint32_t things_made, things_dropped, is_over;

static _Noreturn void wrong(const char *what)
{
	printf("%s\n", what);
	exit(1);
}

static uint32_t random_below(struct wanderer *self, uint32_t limit)
{
	self->random = self->random * 6364136223846793005 + 1442695040888963407;
	return (uint32_t)(self->random >> 33) % limit;
}

static void drop_thing(void *thing)
{
	free(thing);
	ck_pr_inc_32(&things_dropped);
}

static void set_timer(struct wanderer *self, uint32_t place)
{
	struct own_timer *timer = &self->timers[place];
	int64_t ms = random_below(self, 4);

	*timer = (struct own_timer){.serial = ++self->serial, .is_set = true};
	switch (random_below(self, 6)) {
	case 0:
		timer->is_interval = true;
		timer->due_ms = noh_now_ms() + ++ms;
		timer->timer = noh_every(ms, 1 + random_below(self, 3), tick, place, timer->serial);
		break;
	case 1:
		ck_pr_inc_32(&things_made);
		timer->due_ms = noh_now_ms() + ms;
		timer->timer = noh_after(ms, long_tick, place, timer->serial, "some text",
					 {malloc(1), drop_thing});
		break;
	default:
		timer->due_ms = noh_now_ms() + ms;
		timer->timer = noh_after(ms, tick, place, timer->serial);
	}
}

static void move_timer(struct own_timer *timer, int64_t ms)
{
	timer->due_ms = noh_now_ms() + ms;
	if (noh_reset(timer->timer, ms))
		wrong("a live timer cannot be moved");
}

static void cancel_timer(struct own_timer *timer)
{
	timer->is_set = false;
	noh_cancel(timer->timer);
	if (noh_reset(timer->timer, 1) != -ESRCH)
		wrong("a cancelled timer was moved");
}

// Near the end the actor only waits for what it has set.
static void finish_if_drained(struct wanderer *self)
{
	for (uint32_t i = 0; i < TIMERS; i++) {
		if (self->timers[i].is_set && self->timers[i].is_interval)
			cancel_timer(&self->timers[i]);
		if (self->timers[i].is_set)
			return;
	}
	noh_send(self->root, drained, self->ticks);
	noh_end(0, NULL);
}

static bool has_any_set(const struct wanderer *self)
{
	for (uint32_t i = 0; i < TIMERS; i++)
		if (self->timers[i].is_set)
			return true;
	return false;
}

static void fool_around(struct wanderer *self)
{
	if (++self->events > EVENTS) {
		finish_if_drained(self);
		return;
	}
	for (int i = 0; i < 3; i++) {
		uint32_t place = random_below(self, TIMERS), what = random_below(self, 8);
		struct own_timer *timer = &self->timers[place];

		if (!timer->is_set)
			set_timer(self, place);
		else if (what < 3)
			cancel_timer(timer);
		else if (what < 7)
			move_timer(timer, random_below(self, 8));
	}
	if (!has_any_set(self))
		set_timer(self, 0); // or it may never run again

	noh_actor other = {ck_pr_load_64(&wanderers[random_below(self, ACTORS)].id)};
	if (random_below(self, 4) == 0)
		noh_send(other, poke);
}

static void ticked(struct wanderer *self, uint64_t place, uint64_t serial)
{
	struct own_timer *timer = &self->timers[place];

	self->ticks++;
	if (!timer->is_set || timer->serial != serial)
		wrong("a revoked timer has ticked");
	if (noh_now_ms() < timer->due_ms)
		wrong("a timer has ticked early");
	if (!timer->is_interval && noh_now_ms() > timer->due_ms + MOST_LATE_MS)
		wrong("a timer has ticked too late");
	if (!timer->is_interval) {
		switch (random_below(self, 4)) {
		case 0:
			move_timer(timer, 2);
			break;
		case 1:
			cancel_timer(timer);
			break;
		default:
			timer->is_set = false;
		}
	}
	fool_around(self);
}

static void on_start(struct wanderer *self, const struct noh_start *msg)
{
	(void)msg;
	fool_around(self);
}

static void on_poke(struct wanderer *self, const struct poke *msg)
{
	(void)msg;
	ck_pr_store_32(&is_poked[self->place], 0);
	fool_around(self);
}

static void on_tick(struct wanderer *self, const struct tick *msg)
{
	ticked(self, msg->place, msg->serial);
}

static void on_long_tick(struct wanderer *self, const struct long_tick *msg)
{
	if (msg->text[0] != 's')
		wrong("a tick has lost its text");
	ticked(self, msg->place, msg->serial);
}

NOH_ACTOR(wanderer, (noh_start, on_start), (poke, on_poke), (tick, on_tick),
	  (long_tick, on_long_tick));

/* A plain thread. Who is poked from outside runs on whatever worker is idle, seldom the one where
 * its timers are. */
static void *poke_them(void *runtime)
{
	struct wanderer self = {.random = (uintptr_t)&self};

	noh_thread_enter((struct noh_runtime *)runtime);
	while (!ck_pr_load_32(&is_over)) {
		uint32_t place = random_below(&self, ACTORS);
		if (swap_if_32(&is_poked[place], 0, 1))
			noh_send((noh_actor){ck_pr_load_64(&wanderers[place].id)}, poke);
		else
			sched_yield();
	}
	noh_thread_leave((struct noh_runtime *)runtime);
	return NULL;
}

static void let_wander(uint32_t place, uint32_t life)
{
	noh_actor child = noh_spawn(wanderer, .root = noh_self(), .place = place,
				    .random = place * LIVES + life);
	ck_pr_store_64(&wanderers[place].id, child.id);
	ck_pr_store_32(&is_poked[place], 0);
}

static int start(void *unused)
{
	pthread_t strangers[STRANGERS];
	uint64_t ticks = 0;
	(void)unused;

	for (uint32_t i = 0; i < ACTORS; i++)
		let_wander(i, 0);
	for (int i = 0; i < STRANGERS; i++)
		pthread_create(&strangers[i], NULL, poke_them, noh_runtime());
	for (uint32_t i = 0; i < ACTORS * LIVES; i++) {
		const struct drained *one = noh_as(noh_receive(60 * 1000, drained), drained);
		if (!one)
			wrong("a tick was lost");
		ticks += one->ticks;
		if (i < ACTORS * (LIVES - 1))
			let_wander(i % ACTORS, i / ACTORS + 1);
	}
	ck_pr_store_32(&is_over, 1);
	for (int i = 0; i < STRANGERS; i++)
		pthread_join(strangers[i], NULL);
	printf("%llu ticks\n", (unsigned long long)ticks);
	return 0;
}

int main(void)
{
	if (noh_run(start, NULL, .workers = WORKERS))
		wrong("the run has failed");
	if (things_made != things_dropped)
		wrong("what a tick holds was dropped too often or not at all");
	for (uint32_t i = 1; i < timer_table_end; i++)
		if ((uint32_t)timer_table[i].word)
			wrong("a timer was never given back");
	if (timer_table_end > FIRST_PIECE / sizeof(struct timer))
		wrong("the table has grown");
	return 0;
}
