/* Envelopes: what a message travels in. Knows how large one is, not what is in it. */
#ifndef NOH_MAILBOX_ENVELOPE_H
#define NOH_MAILBOX_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

#include "mailbox/pool.h"

enum { GENERATION_BITS = 22, GENERATION_MASK = (1 << GENERATION_BITS) - 1 };

// One cache line; a body of more than 32 bytes makes it longer. The sender writes all of it before
// the push; then it belongs to whoever takes it.
struct envelope {
	struct envelope
		*next;   // the queue's link; first, so that a slot's stub can stand in for one
	uint64_t sender; // the handle, for noh_sender()
	uint32_t type;   // message id, and what kind of delivery it is in the top bits
	uint32_t tenant; // generation of the receiver it is meant for; above it the size class, 0
			 // for that of one cache line
	uint64_t
		ask; // of requests and answers; of ticks the timer; of what a life caused, the life
	_Alignas(16) unsigned char body[32];
};

_Static_assert(sizeof(struct envelope) == CACHE_LINE, "an envelope is one cache line");

enum { ENVELOPE_HEAD = offsetof(struct envelope, body) };

static inline uint32_t envelope_tenant(uint32_t generation, enum pool_class class)
{
	return generation | ((uint32_t) class ^ POOL_64) << GENERATION_BITS;
}

/* Any thread. An envelope for a body of `size` bytes; everything but the class is the caller's to
 * fill. */
static inline struct envelope *envelope_new(size_t size, uint32_t generation)
{
	// Whole cache lines: several threads write to it.
	enum pool_class class = size <= sizeof(((struct envelope *)0)->body) ? POOL_64
				: size <= 128 - ENVELOPE_HEAD                ? POOL_128
							      : pool_class_of(ENVELOPE_HEAD + size);
	struct envelope *envelope = (struct envelope *)pool_take(class, ENVELOPE_HEAD + size);
	envelope->tenant = envelope_tenant(generation, class);
	return envelope;
}

static inline uint32_t envelope_generation(const struct envelope *envelope)
{
	return envelope->tenant & GENERATION_MASK;
}

/* Any thread. What the body holds has been released before. */
static inline void envelope_free(struct envelope *envelope)
{
	if (__builtin_expect(envelope->tenant <= GENERATION_MASK, 1)) // a constant costs half
		pool_give(POOL_64, envelope);
	else
		pool_give((enum pool_class)(envelope->tenant >> GENERATION_BITS ^ POOL_64),
			  envelope);
}

#endif
