/* What a handler was lent or made that lives until it returns: strings, byte slices, undo calls.
 * Knows no actors. */
#ifndef NOH_RUNTIME_SCRATCH_H
#define NOH_RUNTIME_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>

#include <noh/message.h>

struct scratch_chunk;

struct scratch {
	bool used;                    // anything in it: the one thing looked at after each message
	struct scratch_chunk *chunks; // strings, newest first
	noh_bytes *bytes;             // slices to be released
	size_t bytes_count, bytes_room;
	struct scratch_undo {
		void (*undo)(void *argument);
		void *argument;
	} * undos; // noh_defer(): run newest first
	size_t undo_count, undo_room;
};

/* Memory until scratch_end(); aligned to 16. */
void *scratch_alloc(struct scratch *scratch, size_t size);
/* Takes one reference, released at the end. */
void scratch_bytes(struct scratch *scratch, noh_bytes bytes);
void scratch_defer(struct scratch *scratch, void (*undo)(void *), void *argument);

/* Runs the undos, newest first. They may add to the scratch. */
void scratch_undo(struct scratch *scratch);
/* Releases the rest, keeping some memory for the next handler. */
void scratch_clear(struct scratch *scratch);
/* Frees all of it. */
void scratch_finish(struct scratch *scratch);

static inline void scratch_end(struct scratch *scratch)
{
	if (__builtin_expect(scratch->used, 0)) {
		scratch_undo(scratch);
		scratch_clear(scratch);
	}
}

#endif
