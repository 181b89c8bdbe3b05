/*
 * A timer as it lies in memory, the table it lies in, and the one word that its actor and its
 * wheel's reactor agree by. Knows no public calls.
 *
 * Timers are type-stable: their memory is only ever used as timers, so an old id reads a timer,
 * never freed memory.
 *
 * Two sides touch a timer. The actor's side is whoever runs its owner, on any worker: it sets,
 * moves and cancels it, and is told of each tick that was handled. The keeper's side is whoever
 * holds the reactor in whose wheel the timer is: it takes the timer out and delivers its tick. On
 * its own worker the actor holds that reactor for a moment and does all by itself; from elsewhere
 * it cannot, since a parked worker holds its reactor for as long as it sleeps. So both sides change
 * `word` by compare-and-swap, and what needs the wheel is put on the keeper's stack of returned
 * timers. It follows that
 *
 *  - a tick is delivered only by who swapped ARMED for QUEUED, and then the timer is out of the
 *    wheel: the actor's side may arm it again in the wheel of the worker it runs on by now, so a
 *    timer follows its actor;
 *  - ticks reach the actor in the order in which they were pushed, so if several are in flight
 *    only the last can be meant, and only while the state is QUEUED: all others are refused, which
 *    is the guarantee that cancel and reset give;
 *  - while RETURNED is set the timer is in that keeper's wheel or in none, is in its stack once,
 *    and nobody but that keeper frees it or changes the wheel it is in;
 *  - a timer is freed by who finds it OFF, not RETURNED, and with no tick in flight.
 *
 * A timer that is moved to later is left where it is in the wheel: when its former deadline comes,
 * or the wheel moves it anyway, the new one is found and it is put there. So the most frequent use,
 * a time limit that each message renews, costs a store and a swap from wherever the actor runs.
 */
#ifndef TIMERS_TIMER_H
#define TIMERS_TIMER_H

#include <noh/timer.h>

#include "mailbox/atomic.h"
#include "mailbox/pool.h"
#include "runtime/message.h"
#include "runtime/seams.h"
#include "timers/timekeeper.h"

enum timer_state {
	TIMER_OFF,   // free, or on its way to be: cancelled, or a one-shot that has been handled
	TIMER_ARMED, // waits for its deadline in a wheel, or is about to be put there
	TIMER_QUEUED // its tick has been delivered and not been handled, and it is in no wheel
};

// The word: state in the lowest bits, then these.
#define TIMER_STATE_MASK UINT64_C(3)
#define TIMER_RETURNED (UINT64_C(1) << 2)  // in the stack of the keeper that it names
#define TIMER_COPYING (UINT64_C(1) << 3)   // its body is being taken apart for the tick
#define TIMER_IN_FLIGHT (UINT64_C(1) << 4) // 28 bits: ticks delivered and not retired
#define TIMER_MOVED (UINT64_C(1) << 32)    // 32 bits: counts resets, so that a swap cannot miss one

static inline enum timer_state timer_state(uint64_t word)
{
	return (enum timer_state)(word & TIMER_STATE_MASK);
}

static inline uint64_t timer_with(uint64_t word, enum timer_state state)
{
	return (word & ~TIMER_STATE_MASK) | state;
}

static inline uint32_t timer_in_flight(uint64_t word)
{
	return (uint32_t)word >> 4;
}

enum { TIMER_INDEX_BITS = 26, TIMER_LIMIT = 1 << TIMER_INDEX_BITS, KEEPER_LIMIT = 1 << 12 };

// What few timers have: a message that says something, or a period.
struct timer_more {
	uint64_t period_ns; // 0: once
	uint32_t missed;
	uint32_t bytes;       // of this block
	unsigned char body[]; // a deep copy
};

struct timer {
	struct gate gate; // first: envelopes point at it
	// The wheel's, touched by who holds the keeper's reactor. But its deadline, in nanoseconds,
	// and all that follows is written by the actor's side; the keeper reads it while the timer
	// is armed.
	struct wheel_entry entry;
	uint64_t word;
	uint64_t receiver;       // the owner's handle; in place of its node the keeper, see below
	uint32_t older, younger; // timers of the same actor, by index; the actor's side alone
	// A sequence, another one as soon as it is cancelled; below it, where its id has the index,
	// what it says: type and policy.
	uint64_t id;
	union {
		struct timer_more *more;
		struct timer *next; // of free ones
	};
};

enum { TIMER_TYPE_BITS = 14, TIMER_TYPE_MASK = (1 << TIMER_TYPE_BITS) - 1 };

_Static_assert(sizeof(struct timer) == CACHE_LINE, "a timer is a cache line");
_Static_assert(MESSAGE_TYPES <= 1 << TIMER_TYPE_BITS, "a message id fits");
_Static_assert(KEEPER_LIMIT <= 1 << 16, "a keeper's number fits");

static inline struct timer *timer_of_gate(struct gate *gate)
{
	return (struct timer *)gate;
}

static inline struct timer *timer_of_entry(struct wheel_entry *entry)
{
	return (struct timer *)(void *)((char *)entry - offsetof(struct timer, entry));
}

enum { TIMER_KEEPER_SHIFT = 48 };

// An actor here, since it owns a timer; so its handle leaves room for the number of the keeper in
// whose wheel the timer is, or was last.
static inline uint64_t timer_receiver(const struct timer *timer)
{
	return ck_pr_load_64(&timer->receiver) & ((UINT64_C(1) << TIMER_KEEPER_SHIFT) - 1);
}

static inline uint32_t timer_keeper(const struct timer *timer)
{
	return (uint32_t)(ck_pr_load_64(&timer->receiver) >> TIMER_KEEPER_SHIFT);
}

/* The actor's side, before it is armed. */
static inline void timer_set_receiver(struct timer *timer, uint64_t receiver, uint32_t keeper)
{
	ck_pr_store_64(&timer->receiver, receiver | (uint64_t)keeper << TIMER_KEEPER_SHIFT);
}

/* Likewise. */
static inline void timer_set_what(struct timer *timer, uint32_t type, enum noh_missed policy)
{
	uint64_t sequence = timer->id & ~(uint64_t)(TIMER_LIMIT - 1);
	ck_pr_store_64(&timer->id, sequence | (uint32_t)policy << TIMER_TYPE_BITS | type);
}

static inline uint32_t timer_type(const struct timer *timer)
{
	return ck_pr_load_64(&timer->id) & TIMER_TYPE_MASK;
}

static inline uint32_t timer_policy(const struct timer *timer)
{
	return (uint32_t)ck_pr_load_64(&timer->id) % TIMER_LIMIT >> TIMER_TYPE_BITS;
}

// ---- the table

// The process's table: one reserved range of addresses, made usable piece by piece. Index 0 is
// never used, so that no timer has the id 0.
extern struct timer *timer_table;
extern uint32_t timer_table_end; // timers from here on are not usable yet; only ever grows

static inline uint32_t timer_index(const struct timer *timer)
{
	return (uint32_t)(timer - timer_table);
}

/* The actor's side. */
static inline uint64_t timer_id(const struct timer *timer)
{
	return (timer->id & ~(uint64_t)(TIMER_LIMIT - 1)) | timer_index(timer);
}

/* Any thread. The timer of this id; NULL if it has been cancelled or has ticked for the last time.
 */
static inline struct timer *timer_find(uint64_t id)
{
	uint32_t index = id & (TIMER_LIMIT - 1);
	if (!index || index >= load_acquire_32(&timer_table_end))
		return NULL;

	// For its owner it stays what it is; others merely look.
	struct timer *timer = &timer_table[index];
	return (ck_pr_load_64(&timer->id) ^ id) < TIMER_LIMIT ? timer : NULL;
}

enum { TIMERS_AT_HAND = 512 }; // at most, of a keeper

/* What the next two need of the table: when the keeper has none at hand, or too many. */
void timer_refill(struct timekeeper *keeper);
void timer_spill(struct timekeeper *keeper);

/* A timer that is in use by nobody: OFF, in no wheel, without a body. The caller holds the keeper's
 * reactor. */
static inline struct timer *timer_take(struct timekeeper *keeper)
{
	if (__builtin_expect(!keeper->free_count, 0))
		timer_refill(keeper);
	struct timer *timer = keeper->free;
	keeper->free = timer->next;
	keeper->free_count--;
	return timer;
}

/* The other way. The caller holds the keeper's reactor. */
static inline void timer_give(struct timekeeper *keeper, struct timer *timer)
{
	timer->next = keeper->free;
	keeper->free = timer;
	if (__builtin_expect(++keeper->free_count > TIMERS_AT_HAND, 0))
		timer_spill(keeper);
}

/* The same to the table, by whoever holds no reactor. */
void timer_give_back(struct timer *timer);

/* Gives all that the keeper has at hand back to the table. */
void timer_flush(struct timekeeper *keeper);

// ---- what the actor's side needs of the keeper's

/* The keeper in whose wheel, or stack, the timer is or was last. */
struct timekeeper *timekeeper_of(const struct timer *timer);

/* Puts the timer, which names the keeper, into the wheel. The caller holds the keeper's reactor. */
void timekeeper_add(struct timekeeper *keeper, struct timer *timer);

/* Makes the wheel agree with a deadline that has become earlier. The caller holds the reactor. */
void timekeeper_move(struct timekeeper *keeper, struct timer *timer);

/* Any thread that has just set RETURNED. The keeper will look at the timer; soon, if `now`. */
void timekeeper_return(struct timer *timer, bool now);

/* Any thread that may deliver the tick: it has set QUEUED and counted it. The timer may be in
 * other hands when this returns. */
void timekeeper_tick(struct timer *timer);

/* True within timekeeper_tick(): the reactor may be held already. */
bool timekeeper_is_delivering(void);

// ---- the actor's side of a timer that runs

/* What envelopes need to know of a timer. */
extern const struct gate_ops timer_ticks;

/* The list of its actor's timers. Whoever runs the actor. */
void timer_own(struct slot *slot, struct timer *timer);
void timer_disown(struct timer *timer);

/* The keeper at home with this thread; NULL outside of workers. */
struct timekeeper *timekeeper_here(void);

/* From here on no tick of it is admitted, its id is forgotten, and its actor does not list it any
 * more. Whoever runs that; `here` is timekeeper_here(). */
void timer_cancel(struct timer *timer, struct timekeeper *here);

/* Puts a timer that is in no wheel into the one of this worker, to tick at its deadline, and counts
 * `retired` ticks less in flight. Whoever runs its owner. */
void timer_arm(struct timer *timer, uint64_t retired);

#endif
