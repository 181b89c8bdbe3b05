/* The queue of slices to be sent. */
#include "net/outgoing.h"

#include <string.h>

#include "mailbox/atomic.h"
#include "mailbox/pool.h"

enum {
	COPIED_MOST = 512, // copying so much is cheaper than sharing it, and pins no large buffer
	COPIES_BYTES = 2048 - sizeof(struct noh_buffer),
};

static void free_batch(struct batch *batch)
{
	pool_give(pool_class_of(sizeof(*batch)), batch);
}

static inline struct batch *new_batch(void)
{
	struct batch *batch = pool_take(pool_class_of(sizeof(*batch)), sizeof(*batch));
	batch->next = NULL;
	batch->first = batch->count = 0;
	return batch;
}

static inline struct batch *begin(struct outgoing *outgoing)
{
	struct batch *first = outgoing->first = new_batch();
	first->last = first;
	first->bytes = 0;
	first->copies = NULL;
	return first;
}

// Nothing else waits.
static void add_first(struct outgoing *outgoing, noh_bytes bytes)
{
	struct batch *first = begin(outgoing);

	buffer_retain(bytes.owner);
	first->pieces[0] = bytes;
	first->count = 1;
	first->bytes = bytes.size;
}

// Takes over the caller's reference.
static void add_piece(struct batch *first, noh_bytes bytes)
{
	struct batch *last = first->last;

	if (last->first + last->count == PIECES_A_BATCH)
		last = first->last = last->next = new_batch();
	last->pieces[last->first + last->count++] = bytes;
	first->bytes += bytes.size;
}

static void drop_copies(struct batch *first)
{
	if (first->copies)
		buffer_release(first->copies);
	first->copies = NULL;
}

static void add_copy(struct batch *first, noh_bytes bytes)
{
	struct noh_buffer *copies = first->copies;

	if (!copies || buffer_room(copies) < bytes.size) {
		drop_copies(first);
		copies = first->copies = buffer_create(COPIES_BYTES);
	}
	uint8_t *at = buffer_data(copies);
	memcpy(at, bytes.at, bytes.size);

	// Often directly behind the last piece: then it is the same piece.
	struct batch *last = first->last;
	if (last->count) {
		noh_bytes *piece = &last->pieces[last->first + last->count - 1];
		if (piece->owner == copies && piece->at + piece->size == at) {
			copies->used += bytes.size;
			piece->size += bytes.size;
			first->bytes += bytes.size;
			return;
		}
	}
	add_piece(first, buffer_take(copies, bytes.size));
}

// The only piece, if it is small and shared. Most often it is sent at once, and nothing is copied;
// but it should not wait for long, and those that follow are to be one piece with it.
static void copy_lone(struct batch *first)
{
	noh_bytes *piece = &first->pieces[first->first], shared = *piece;

	if (first->copies || first->count != 1 || first->next || shared.size > COPIED_MOST)
		return;
	first->copies = buffer_create(COPIES_BYTES);
	memcpy(buffer_data(first->copies), shared.at, shared.size);
	*piece = buffer_take(first->copies, shared.size);
	bytes_release(shared);
}

void outgoing_add(struct outgoing *outgoing, noh_bytes bytes)
{
	struct batch *first = outgoing->first;

	if (!bytes.size)
		return;
	if (!first && bytes.owner) {
		add_first(outgoing, bytes);
		return;
	}
	if (first)
		copy_lone(first);
	else
		first = begin(outgoing);
	if (bytes.size <= COPIED_MOST)
		add_copy(first, bytes);
	else
		add_piece(first, bytes_hold(bytes));
}

uint32_t outgoing_pieces(const struct outgoing *outgoing, struct iovec *ret_pieces, uint32_t most)
{
	uint32_t count = 0;

	for (struct batch *batch = outgoing->first; batch; batch = batch->next) {
		for (uint32_t i = 0; i < batch->count; i++) {
			noh_bytes piece = batch->pieces[batch->first + i];
			if (count == most)
				return count;
			ret_pieces[count++] = (struct iovec){(void *)piece.at, piece.size};
		}
	}
	return count;
}

// The first one is used up. An idle connection holds nothing.
static void drop_first(struct outgoing *outgoing)
{
	struct batch *first = outgoing->first, *next = first->next;

	if (next) {
		next->last = first->last;
		next->bytes = first->bytes;
		next->copies = first->copies;
	} else {
		drop_copies(first);
	}
	outgoing->first = next;
	free_batch(first);
}

void outgoing_drop(struct outgoing *outgoing, size_t size)
{
	if (size)
		outgoing->first->bytes -= size;
	while (size) {
		struct batch *batch = outgoing->first;
		noh_bytes *piece = &batch->pieces[batch->first];

		if (size < piece->size) {
			piece->at += size;
			piece->size -= size;
			return;
		}
		size -= piece->size;
		bytes_release(*piece);
		batch->first++;
		if (--batch->count == 0)
			drop_first(outgoing);
	}
}

void outgoing_drop_lone(struct outgoing *outgoing)
{
	struct batch *first = outgoing->first;
	noh_bytes piece = first->pieces[first->first];

	drop_copies(first);
	outgoing->first = NULL;
	free_batch(first);
	bytes_release(piece);
}

void outgoing_finish(struct outgoing *outgoing)
{
	outgoing_drop(outgoing, outgoing_bytes(outgoing));
}

void outgoing_hand_over(struct outgoing *from, void **stack)
{
	struct batch *first = from->first;
	if (!first)
		return;

	copy_lone(first);
	drop_copies(first);
	do
		first->older = ck_pr_load_ptr(stack);
	while (!swap_if(stack, first->older, first)); // pairs with outgoing_take_over()
	*from = (struct outgoing){0};
}

// The chain may not be looked at as one that is handed over any more.
static void append(struct outgoing *to, struct batch *chain)
{
	struct batch *first = to->first;

	chain->copies = NULL;
	if (!first) {
		to->first = chain;
		return;
	}
	first->last->next = chain;
	first->last = chain->last;
	first->bytes += chain->bytes;
}

void outgoing_take_over(struct outgoing *to, void **stack)
{
	if (!ck_pr_load_ptr(stack))
		return;

	struct batch *newest = exchange(stack, NULL); // pairs with outgoing_hand_over()
	struct batch *oldest = NULL;
	while (newest) {
		struct batch *older = newest->older;
		newest->older = oldest;
		oldest = newest;
		newest = older;
	}
	while (oldest) {
		struct batch *next = oldest->older;
		append(to, oldest);
		oldest = next;
	}
}
