/*
 * What the runtime needs of the layers above it, as small structs of functions that they fill in at
 * start: where a worker waits, who keeps time, what an event's message does when it is taken and
 * when it is done with. It knows neither epoll nor wheels nor sockets.
 */
#ifndef NOH_RUNTIME_SEAMS_H
#define NOH_RUNTIME_SEAMS_H

#include <stdbool.h>
#include <stdint.h>

#include <noh/message.h>

#include "mailbox/atomic.h"

struct worker;
struct slot;
struct timekeeper;

// ---- what an actor owns

/* Something of an actor's that is released at its end: a connection, an allocation. (Timers are in
 * a list of their own.) Embedded in it. Touched by whoever runs the actor. */
struct owned {
	struct owned *next, **link; // NULL link: in no list
	/* The life of its owner ends. It is out of the list already. Runs on the worker that runs
	 * the actor. */
	void (*release)(struct owned *owned);
};

/* Handlers and fibers only: the running actor's from now on. */
void own(struct owned *owned);
/* Whoever runs its owner. Harmless when it is in no list. */
void disown(struct owned *owned);
/* The same for an actor that is not running: its handle is in hand. */

// ---- messages that events cause

/* The source of an event's messages (a timer, a connection). Envelopes point at it, so its memory
 * must outlive the last `retired`. Embedded in it. */
struct gate {
	const struct gate_ops *ops;
};

struct gate_ops {
	/* The message has reached a living actor (the slot it was sent to) and would be handled
	 * next. False drops it: the timer was cancelled, the connection closed or given away, or
	 * the life that caused it is over. */
	bool (*admit)(struct gate *gate, const void *body);
	/* The message is done with: handled, refused by admit, or never taken. Exactly once for
	 * each deliver(); any thread, but on the worker that runs the actor if it was handled. */
	void (*retired)(struct gate *gate, const void *body);
};

/* Any thread. Sends a message that an event caused. `gate` may be NULL. The sender shows as `from`,
 * 0: nobody. Returns false when the receiver is gone; then `retired` has been called already.
 * Copies as noh_send() does. */
bool deliver(uint64_t to, uint64_t from, const struct noh_message_type *type, const void *body,
	     struct gate *gate);

// ---- the end of a turn

/* Something to be done when the turn that runs now ends, before its actor can run elsewhere: flush
 * a connection. */
struct turn_end {
	struct turn_end *next; // NULL: in no list
	void (*run)(struct turn_end *hook);
};

static inline bool is_at_turn_end(const struct turn_end *hook)
{
	return hook->next != NULL;
}

/* Handlers and fibers only. Listed twice, it runs once. */
void at_turn_end(struct turn_end *hook);

// ---- where a worker waits

/*
 * The reactor at home with a worker: the only thing it parks in. Embedded in the implementation.
 *
 * `held` is a lock that is only ever tried: whoever polls, or touches what the reactor owns (its
 * wheel), holds it; never while a handler runs. The home worker polls between turns and before it
 * parks. If it has been stuck in a handler for 10 ms, the watchdog polls in its place.
 */
struct reactor {
	const struct reactor_ops *ops;
	struct worker *home;
	uint32_t held;                 // by compare-and-swap
	uint64_t polled_ns;            // when it was polled last; also the watchdog's
	struct timekeeper *timekeeper; // of the layer that keeps time, and known only there
};

struct reactor_ops {
	/* Delivers what has happened, takes its commands, expires timers. With `until_ns` > now it
	 * waits until then (UINT64_MAX: for ever), until an event or until ring(). The caller holds
	 * the reactor. `room` is about how many actors may be woken before the caller's run queue
	 * is full. */
	void (*poll)(struct reactor *reactor, uint64_t until_ns, uint32_t room);
	/* Any thread, without holding it: makes a poll that waits, or the next one that would,
	 * return at once. */
	void (*ring)(struct reactor *reactor);
	/* True if a command has been sent to it since the last poll. Any thread; looked at before
	 * parking. */
	bool (*has_commands)(struct reactor *reactor);
	/* When the next timer is due; UINT64_MAX: none. The caller holds the reactor. */
	uint64_t (*next_deadline)(struct reactor *reactor);
	/* The worker has ended for good; nobody polls any more. */
	void (*destroy)(struct reactor *reactor);
};

static inline bool reactor_try_hold(struct reactor *reactor)
{
	return !ck_pr_load_32(&reactor->held) &&
	       swap_if_32(&reactor->held, 0, 1); // pairs with reactor_release()
}

static inline void reactor_release(struct reactor *reactor)
{
	store_release_32(&reactor->held, 0); // pairs with reactor_try_hold()
}

/* Short: spins, then yields. */
void reactor_hold_contended(struct reactor *reactor);
static inline void reactor_hold(struct reactor *reactor)
{
	if (__builtin_expect(!reactor_try_hold(reactor), 0))
		reactor_hold_contended(reactor);
}

/* Commands that reached a reactor from another thread have been queued: makes its worker poll soon,
 * if it is parked. */
void reactor_wake(struct reactor *reactor);

// ---- time

/* Timers as the runtime itself needs them: one alarm an actor, for its asks and for a fiber that
 * waits. */
struct time_ops {
	/* Handlers and fibers, and the turn of the actor itself: sends the running actor `type` (no
	 * body) at `deadline_ns`. The alarm is owned by the actor. */
	struct alarm *(*set)(uint64_t deadline_ns, const struct noh_message_type *type);
	/* Whoever runs the owner. It is forgotten, no message of it arrives. */
	void (*cancel)(struct alarm *alarm);
	/* The turn of the actor, whose life ends: cancels all timers in the slot's list. */
	void (*drop)(struct slot *slot);
};

/* All that a runtime is given at its start. */
struct seams {
	/* A reactor for worker `home`; never NULL (an error ends the start: negative errno by ret).
	 */
	int (*reactor_create)(struct worker *home, struct reactor **ret_reactor);
	const struct time_ops *time;
};

#endif
