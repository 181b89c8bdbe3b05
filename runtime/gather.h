/* What a fiber waits for while it asks: one answer, or so many of several. */
#ifndef NOH_RUNTIME_GATHER_H
#define NOH_RUNTIME_GATHER_H

#include <noh/ask.h>

#include "runtime/post.h"

// On the stack of the fiber that waits. All open asks of a fiber belong to it, the tag of each is
// its place.
struct gather {
	uint32_t count, needed; // asked; how many good answers will do, 0: it waits for all to end
	uint32_t open, good;
	struct noh_answered *answers; // or NULL
	const void *first;            // the good answer that came first
	uint32_t err_place;           // of the failed ones, the first in order
	int err;
	const char *text;
};

/* Whoever runs the slot of the fiber. The ask of this place has ended; the answer lives as long as
 * a message. True: that was enough, and the others have been cancelled. */
bool gather_take(struct slot *slot, struct gather *gather, uint64_t place, int err,
		 const char *text, const void *answer);

#endif
