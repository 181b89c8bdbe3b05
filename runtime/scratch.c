/* Scratch memory: a bump arena of chunks, and lists of what is to be released. */
#include "runtime/scratch.h"

#include <stdlib.h>

#include "mailbox/bytes.h"
#include "mailbox/pool.h"

enum { CHUNK_BYTES = 4096 };

struct scratch_chunk {
	struct scratch_chunk *older;
	size_t used, room;
	_Alignas(16) char at[];
};

void *scratch_alloc(struct scratch *scratch, size_t size)
{
	struct scratch_chunk *chunk = scratch->chunks;

	scratch->used = true;
	size = (size + 15) & ~(size_t)15;
	if (!chunk || chunk->room - chunk->used < size) {
		size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
		chunk = must_allocate(sizeof(*chunk) + room);
		*chunk = (struct scratch_chunk){.older = scratch->chunks, .room = room};
		scratch->chunks = chunk;
	}
	void *at = chunk->at + chunk->used;
	chunk->used += size;
	return at;
}

void scratch_bytes(struct scratch *scratch, noh_bytes bytes)
{
	scratch->used = true;
	if (scratch->bytes_count == scratch->bytes_room) {
		scratch->bytes_room = scratch->bytes_room ? 2 * scratch->bytes_room : 16;
		scratch->bytes = must_reallocate(scratch->bytes,
						 scratch->bytes_room * sizeof(*scratch->bytes));
	}
	scratch->bytes[scratch->bytes_count++] = bytes;
}

void scratch_defer(struct scratch *scratch, void (*undo)(void *), void *argument)
{
	scratch->used = true;
	if (scratch->undo_count == scratch->undo_room) {
		scratch->undo_room = scratch->undo_room ? 2 * scratch->undo_room : 8;
		scratch->undos = must_reallocate(scratch->undos,
						 scratch->undo_room * sizeof(*scratch->undos));
	}
	scratch->undos[scratch->undo_count++] = (struct scratch_undo){undo, argument};
}

void scratch_undo(struct scratch *scratch)
{
	while (scratch->undo_count) {
		struct scratch_undo last = scratch->undos[--scratch->undo_count];
		last.undo(last.argument);
	}
}

void scratch_clear(struct scratch *scratch)
{
	while (scratch->bytes_count)
		bytes_release(scratch->bytes[--scratch->bytes_count]);

	// One chunk of the usual size is kept warm.
	while (scratch->chunks && (scratch->chunks->older || scratch->chunks->room > CHUNK_BYTES)) {
		struct scratch_chunk *chunk = scratch->chunks;
		scratch->chunks = chunk->older;
		free(chunk);
	}
	if (scratch->chunks)
		scratch->chunks->used = 0;
	scratch->used = scratch->undo_count != 0;
}

void scratch_finish(struct scratch *scratch)
{
	scratch_clear(scratch);
	free(scratch->chunks);
	free(scratch->bytes);
	free(scratch->undos);
	*scratch = (struct scratch){0};
}
