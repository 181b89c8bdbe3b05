/* Envelopes: what a message travels in. Knows how large one is, not what is in it. */
#ifndef NOH_MAILBOX_ENVELOPE_H
#define NOH_MAILBOX_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "mailbox/pool.h"

enum { GENERATION_BITS = 22, GENERATION_MASK = (1 << GENERATION_BITS) - 1 };

// One cache line; a body of more than 32 bytes makes it longer. The sender writes all of it before
// the push; then it belongs to whoever takes it.
struct envelope {
	struct envelope
		*next;   // the queue's link; first, so that a slot's stub can stand in for one
	uint64_t sender; // the handle, for noh_sender()
	uint32_t type;   // what it is, and in ENVELOPE_CLASS how large
	uint32_t to;     // the lower half of the handle that it is meant for
	uint64_t
		ask; // of requests and answers; of ticks the timer; of what a life caused, the life
	_Alignas(16) unsigned char body[32];
};

_Static_assert(sizeof(struct envelope) == CACHE_LINE, "an envelope is one cache line");

enum {
	ENVELOPE_HEAD = offsetof(struct envelope, body),
	ENVELOPE_CLASS_AT = 16,
	ENVELOPE_CLASS = 15 << ENVELOPE_CLASS_AT, // of `type`: 0 for that of one cache line
};

/* Any thread. An envelope for a body of `size` bytes, to a handle of which the lower half counts.
 * The caller adds to `type`, which says its class already, and fills in the rest. */
static inline struct envelope *envelope_new(size_t size, uint64_t to)
{
	// Whole cache lines: several threads write to it.
	enum pool_class class = size <= sizeof(((struct envelope *)0)->body) ? POOL_64
				: size <= 128 - ENVELOPE_HEAD                ? POOL_128
							      : pool_class_of(ENVELOPE_HEAD + size);
	struct envelope *envelope = (struct envelope *)pool_take(class, ENVELOPE_HEAD + size);
	envelope->type = ((uint32_t) class ^ POOL_64) << ENVELOPE_CLASS_AT;
	envelope->to = (uint32_t)to;
	return envelope;
}

/* The sender. Both at once, which takes one store. */
static inline void envelope_address(struct envelope *envelope, uint32_t type, uint64_t to)
{
	const uint32_t both[] = {type, (uint32_t)to};
	_Static_assert(offsetof(struct envelope, to) ==
			       offsetof(struct envelope, type) + sizeof(both[0]),
		       "they lie side by side");
	memcpy((unsigned char *)envelope + offsetof(struct envelope, type), both, sizeof(both));
}

static inline uint32_t envelope_generation(const struct envelope *envelope)
{
	return envelope->to & GENERATION_MASK;
}

/* Any thread. One that is known to be of one cache line. What the body holds has been released
 * before. */
static inline void envelope_free_small(struct envelope *envelope)
{
	pool_give(POOL_64, envelope);
}

/* The same, of any size. */
static inline void envelope_free(struct envelope *envelope)
{
	uint32_t class = (envelope->type & ENVELOPE_CLASS) >> ENVELOPE_CLASS_AT;
	if (__builtin_expect(!class, 1)) // a constant costs half
		envelope_free_small(envelope);
	else
		pool_give((enum pool_class)(class ^ POOL_64), envelope);
}

#endif
