/*
 * The reactor's half that keeps time: a wheel, what waits in it, and how the actors of other
 * workers reach it. Knows nothing of I/O: a reactor embeds one and says what time it is.
 */
#ifndef TIMERS_TIMEKEEPER_H
#define TIMERS_TIMEKEEPER_H

#include "runtime/seams.h"
#include "timers/wheel.h"

struct timer;
struct returned_timer;

// How finely a keeper keeps time: deadlines round up to 2^bits nanoseconds.
enum {
	TICK_BITS = 18,     // a quarter of a millisecond
	TICK_BITS_EXACT = 0 // virtual clocks, which stand still exactly at a deadline
};

struct timekeeper {
	// Touched only by who holds the reactor.
	struct reactor *reactor;
	uint32_t index;     // in the table of keepers
	struct timer *free; // timers of the table that this keeper has at hand
	uint32_t free_count;
	uint64_t pause_to; // the tick before which nobody needs to be woken, since many have come
	struct wheel wheel;

	// Written by any worker: timers of this wheel that an actor elsewhere has cancelled, or
	// wants earlier.
	_Alignas(64) struct returned_timer *returned;
	uint32_t returned_count;
};

/* At the start of the reactor, before its worker runs. Makes itself known in reactor->timekeeper.
 * Must not be moved afterwards. */
void timekeeper_init(struct timekeeper *keeper, struct reactor *reactor, unsigned tick_bits,
		     uint64_t now_ns);

/* When the worker has ended for good. */
void timekeeper_finish(struct timekeeper *keeper);

/* In every poll, after its wait. The caller holds the reactor. Takes back what other workers
 * returned, and delivers the ticks that are due, never early: about `room` of them, the rest in the
 * next poll, so that the actors that they wake find room in the run queue. */
void timekeeper_expire(struct timekeeper *keeper, uint64_t now_ns, uint32_t room);

/* When timekeeper_expire() should be called next, at the latest: UINT64_MAX if nothing waits. May
 * be somewhat earlier than the first deadline, and a tick later where many are due in each: one
 * wake-up then serves two. The caller holds the reactor. */
uint64_t timekeeper_next_ns(struct timekeeper *keeper);

/* Any thread: other workers have returned timers since the last timekeeper_expire(). One of the
 * commands that a reactor's has_commands() must see. */
static inline bool timekeeper_has_returned(const struct timekeeper *keeper)
{
	return __atomic_load_n(&keeper->returned, __ATOMIC_RELAXED) != NULL;
}

/* What a runtime needs for struct seams. */
extern const struct time_ops timer_ops;

#endif
