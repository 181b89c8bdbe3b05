/*
 * A fiber's record: its stack, what it waits for, what it got, what it was lent. Shared by
 * fibers.c, which runs fibers and tells them what has come, and receive.c, which is what a fiber
 * calls to receive.
 */
#ifndef NOH_RUNTIME_FIBER_H
#define NOH_RUNTIME_FIBER_H

#include <string.h>

#include "mailbox/drop.h"
#include "runtime/asks.h"
#include "runtime/fibers.h"
#include "runtime/saved.h"

enum fiber_state {
	FIBER_RUNS,
	FIBER_RECEIVES,
	FIBER_ASKS,
	FIBER_SLEEPS,
	FIBER_YIELDS,
	FIBER_SETTLES, // until it is woken
	FIBER_NEEDS_ROOM,
	FIBER_RETURNED,
	FIBER_FAILED
};

enum { LOOKED_IDS = 6, LOOKED_MOST = 4 };

/* How far a fiber has looked through its saved mail for messages of some types, in vain. */
struct looked {
	uint32_t count; // of the types; 0: unused
	uint32_t ids[LOOKED_IDS];
	struct envelope *upto; // the newest one looked at; NULL: none
};

struct fiber {
	struct context context;
	struct fiber_stack *stack;
	struct slot *slot;
	enum fiber_state state;
	char *first_failure; // while what it deferred runs; else NULL
	bool has_thrown;     // in C++: how it failed is in the worker
	bool is_joined;      // by somebody, who may be other than its parent: a probe has said so
	bool in_circle;      // its join is one of a circle of joins, and is over

	// What it waits for.
	bool takes_whole;             // an envelope of its own, which `copy` is not
	bool examines;                // goes on when any has been saved
	uint32_t wanted_id;           // messages of this type are; 0: look further
	envelope_wanted_fn is_wanted; // NULL: no others are
	const void *argument;
	struct gather *gather;
	uint64_t deadline_ns; // UINT64_MAX: none

	// What it got.
	struct envelope *got; // NULL: time is up
	struct noh_delivery delivery;
	const char *problem; // what was said beside the error of the last ask

	// What it was lent.
	struct envelope *hand; // the message received last: `copy`, or among those lent
	struct envelope *lent; // all others, newest first, through `next`
	uint32_t lent_count;
	bool has_pinned;         // so many that it was said
	struct envelope *joined; // by the last join: likewise
	struct noh_delivery joined_result;
	struct scratch scratch;

	// Its saved mail.
	struct looked *looked, *looking; // LOOKED_MOST of them, or NULL; the one that is kept up
	uint32_t forgets;                // which is used anew next
	const struct envelope *examined; // saved, and in a predicate's hands

	// A message of a few words, so that the mailbox may keep its envelope.
	struct envelope copy;
};

/* The running fiber; fails the actor if it is none. */
struct fiber *running_fiber(const char *call);

_Noreturn void fiber_must_not_wait(void);

/* On the fiber's stack: goes back to the worker's loop until something resumes it. Inline, as
 * context_switch() wants it. */
static inline void fiber_wait(struct fiber *fiber, enum fiber_state state)
{
	if (__builtin_expect(fiber->examined != NULL || running_drop, 0))
		fiber_must_not_wait();
	fiber->state = state;
	context_switch(&fiber->context, &worker_here()->loop);
}

/* The same with a limit; UINT64_MAX: none. */
static inline void fiber_wait_until(struct fiber *fiber, enum fiber_state state,
				    uint64_t deadline_ns)
{
	if (deadline_ns != UINT64_MAX) {
		fiber->deadline_ns = deadline_ns;
		asks_alarm_at(worker_here(), fiber->slot, deadline_ns);
	}
	fiber_wait(fiber, state);
}

/* On the fiber's stack: everybody else who is runnable comes first. */
void fiber_let_others_run(struct fiber *fiber);

/* The plain message that mailbox_take() returned last becomes the fiber's, and is the result: as a
 * copy, if it is of a few words, so that the queue may keep its envelope; else detached. */
static inline struct envelope *fiber_take(struct fiber *fiber, struct envelope *envelope)
{
	// (Of a request with a deadline the body is longer.)
	if (fiber->takes_whole || envelope->type > POST_ID_MASK ||
	    !message_info(envelope->type)->words)
		return saved_detach(fiber->slot, envelope);
	// All but `next`, which a sender may be writing.
	memcpy(&fiber->copy.sender, &envelope->sender,
	       sizeof(*envelope) - offsetof(struct envelope, sender));
	return &fiber->copy;
}

/* True if this is still for the fiber, which takes it now, however long it was saved: a timer may
 * have been cancelled, a connection closed, a monitor ended. */
bool fiber_admits(struct fiber *fiber, struct envelope *envelope);

/* It lives until the next noh_receive(). */
void fiber_keep_lent(struct fiber *fiber, struct envelope *envelope);

/* Gives back the message in hand and all that was lent. */
void fiber_give_back_lent(struct fiber *fiber);

/* Gives back what the last join got. */
void fiber_give_back_joined(struct fiber *fiber);

/* The envelope that mailbox_take() returned last is saved by a fiber that receives. */
void fiber_save_unwanted(struct fiber *fiber, struct envelope *envelope);

#endif
