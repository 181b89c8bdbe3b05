/*
 * One message: the usual one is handled here, where a turn's loop finds the code in line; all
 * others go to handle.c.
 */
#ifndef NOH_RUNTIME_HANDLE_H
#define NOH_RUNTIME_HANDLE_H

#include "runtime/fibers.h"
#include "runtime/message.h"

/* All of these: whoever runs the slot. Any envelope, also one that is for a former tenant, or for
 * the runtime itself. */
void handle_other(struct worker *worker, struct slot *slot, struct envelope *envelope);

/* The same in a simulation and for supervised actors, where it is noted what they handle. */
void handle_noted(struct worker *worker, struct slot *slot, struct envelope *envelope);

/* A handler has returned, and there is something left to do: it failed, did not understand, has
 * ended its life or put the message off, or somebody waits for an answer. */
void handle_done(struct worker *worker, struct slot *slot, struct envelope *envelope);

/* A handler has failed and has been left: undoes what it was at, and ends the life. */
void handle_failed(struct worker *worker);

/* A plain message's handler has returned, and has left something for after it, or for the end of
 * the turn. */
void handle_left(struct worker *worker, struct slot *slot, struct envelope *envelope);

/* Whoever runs the slot. A turn leaves the tail of the mailbox at the stub while its first message
 * is in hand, if that is a plain one (turn.c): from here on the tail is where it is for all others.
 */
void handle_catch_up(struct slot *slot, struct envelope *hand);

// What it holds, and whom it must answer, is nothing: a plain message is done with when its handler
// has returned. It stays in hand, so that who handles many need not say so of each; whoever does
// anything else then puts it down. False: there is more to do, or was, and the slot may be
// another's now.
static inline bool handle_and_hold(struct worker *worker, struct slot *slot,
				   struct envelope *envelope, uint32_t id)
{
	worker->hand = envelope;
	worker->statistics.messages++;
	slot->type->receive(slot->state, id, envelope->body, NULL);
	if (__builtin_expect(!is_8(&worker->afterwards, 0), 0)) {
		handle_left(worker, slot, envelope);
		return false;
	}
	return true;
}

static inline void handle_plain(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	if (handle_and_hold(worker, slot, envelope, post_id(envelope)))
		worker->hand = NULL;
}

// A user's message, for the tenant that lives here.
static inline bool is_usual(const struct slot *slot, const struct envelope *envelope)
{
	return __builtin_expect(envelope->type < POST_MARKED, 1) &&
	       __builtin_expect(is_for_tenant(slot, envelope), 1);
}

// And of one cache line: its type is its id.
static inline bool is_small_and_usual(uint64_t tenant, const struct envelope *envelope)
{
	return __builtin_expect(envelope->type < 1 << ENVELOPE_CLASS_AT, 1) &&
	       __builtin_expect(envelope->to == (uint32_t)tenant, 1);
}

static inline void handle_one(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	bool usual = __builtin_expect(is_usual(slot, envelope), 1);
	int how = slot->flags & (SLOT_STATE_MASK | SLOT_FIBER | SLOT_STAMPED | SLOT_NOTED);
	if (__builtin_expect(usual, 1) && __builtin_expect(how == SLOT_ALIVE, 1))
		handle_plain(worker, slot, envelope);
	else if (usual && how == (SLOT_ALIVE | SLOT_FIBER))
		fiber_offer_message(worker, slot, envelope);
	else if (__builtin_expect(how & SLOT_NOTED, 0))
		handle_noted(worker, slot, envelope);
	else
		handle_other(worker, slot, envelope);
}

#endif
