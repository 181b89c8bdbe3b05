/*
 * Bounded mailboxes: what is queued is counted, and what finds the mailbox full is dealt with as
 * the receiver's type says. Knows envelopes and slots, not turns.
 *
 * Only slots that are marked as bounded come here. What one keeps for it stays with the slot for
 * good, since a sender may look at it after its tenant has gone. Each envelope that was counted
 * says so, and is counted off by whoever takes it out, whoever lives in the slot by then: so the
 * count is always that of the envelopes.
 *
 * Senders count by compare-and-swap, so no mailbox ever holds more than its bound, and none is
 * refused while there is room.
 */
#ifndef NOH_RUNTIME_BOUND_H
#define NOH_RUNTIME_BOUND_H

#include "runtime/post.h"

struct lane;

// A fiber that waits for room for so many bytes.
struct waiting {
	uint64_t who, bytes;
};

struct bound {
	// Senders and the owner: messages above bytes.
	uint64_t held;
	uint32_t over; // with NOH_FULL_FAIL: the generation of the tenant that is to fail

	// Written by the spawner, read by senders.
	uint32_t on_full;
	uint64_t most_messages, most_bytes;
	noh_key_fn key;
	struct lane *lane; // made for the first tenant that drops old messages

	// The owner's: fibers that wait for room.
	LIST_OF(struct waiting) waiting;

	struct bound *next; // of all there are
};

/* The spawner, before the handle is known. */
void bound_set(struct slot *slot, const struct noh_limits *limits);

/* Any thread. Posts a user's message to a bounded slot, or drops it or others as its type says.
 * Returns 0; else the envelope is the caller's still: -EAGAIN the mailbox is full, -EMSGSIZE it
 * will never have room for this message. */
int bound_post(struct slot *slot, struct envelope *envelope);

/* The sender of an envelope that was refused: gives it back, and what it holds but for what is
 * owned, which stays with the original. */
void bound_give_back(struct envelope *envelope);

/* Whoever has the envelope, which no mailbox holds. It was not handled because there was no room:
 * counts it, answers, and frees it. */
void bound_drop(struct slot *slot, struct envelope *envelope, const char *why);

/* What a message counts for, in bytes. */
static inline size_t bound_weight_of(const struct message_info *info, const void *body)
{
	return ENVELOPE_HEAD + message_weight(info, body);
}

static inline size_t bound_weight(const struct envelope *envelope)
{
	return bound_weight_of(message_info(post_id(envelope)), envelope->body);
}

// ---- whoever runs the slot

/* A counted envelope is taken out. */
void bound_taken(struct slot *slot, const struct envelope *envelope);

/* True if the tenant is to fail, since it was sent too much; says how in `text`. */
bool bound_is_over(struct slot *slot, char *text, size_t size);

/* A life begins in a slot that may be bounded. With `again` it forgets that the last one was over;
 * a first life may have been sent too much before it began. */
void bound_begin(struct slot *slot, bool again);

/* A fiber waits for room. */
void bound_want_room(struct slot *slot, uint64_t who, uint64_t bytes);

/* The tenant has gone: what it would still have taken is a dead letter, and nobody waits. */
void bound_end(struct slot *slot, uint64_t to);

#endif
