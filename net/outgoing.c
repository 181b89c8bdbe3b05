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

// Takes over the caller's reference.
static void add_piece(struct outgoing *outgoing, noh_bytes bytes)
{
	struct batch *last = outgoing->last;

	if (!last || last->first + last->count == PIECES_A_BATCH) {
		struct batch *batch = pool_take(pool_class_of(sizeof(*batch)), sizeof(*batch));
		batch->next = NULL;
		batch->first = batch->count = 0;
		if (last)
			last->next = batch;
		else
			outgoing->first = batch;
		outgoing->last = last = batch;
	}
	last->pieces[last->first + last->count++] = bytes;
	outgoing->bytes += bytes.size;
}

static void drop_copies(struct outgoing *outgoing)
{
	if (outgoing->copies)
		buffer_release(outgoing->copies);
	outgoing->copies = NULL;
}

static void add_copy(struct outgoing *outgoing, noh_bytes bytes)
{
	struct noh_buffer *copies = outgoing->copies;

	if (!copies || buffer_room(copies) < bytes.size) {
		drop_copies(outgoing);
		copies = outgoing->copies = buffer_create(COPIES_BYTES);
	}
	uint8_t *at = buffer_data(copies);
	memcpy(at, bytes.at, bytes.size);

	// Often directly behind the last piece: then it is the same piece.
	struct batch *last = outgoing->last;
	if (last && last->count) {
		noh_bytes *piece = &last->pieces[last->first + last->count - 1];
		if (piece->owner == copies && piece->at + piece->size == at) {
			copies->used += bytes.size;
			piece->size += bytes.size;
			outgoing->bytes += bytes.size;
			return;
		}
	}
	add_piece(outgoing, buffer_take(copies, bytes.size));
}

void outgoing_add(struct outgoing *outgoing, noh_bytes bytes)
{
	if (!bytes.size)
		return;
	if (bytes.size <= COPIED_MOST)
		add_copy(outgoing, bytes);
	else
		add_piece(outgoing, bytes_hold(bytes));
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

void outgoing_drop(struct outgoing *outgoing, size_t size)
{
	outgoing->bytes -= size;
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
		if (--batch->count == 0) {
			outgoing->first = batch->next;
			if (!outgoing->first)
				outgoing->last = NULL;
			free_batch(batch);
		}
	}
	if (!outgoing->first)
		drop_copies(outgoing); // an idle connection holds nothing
}

void outgoing_finish(struct outgoing *outgoing)
{
	outgoing_drop(outgoing, outgoing->bytes);
}

void outgoing_hand_over(struct outgoing *from, void **stack)
{
	struct batch *first = from->first;
	if (!first)
		return;

	drop_copies(from);
	first->last = from->last;
	do
		first->older = ck_pr_load_ptr(stack);
	while (!swap_if(stack, first->older, first)); // pairs with outgoing_take_over()
	*from = (struct outgoing){0};
}

static void append(struct outgoing *to, struct batch *chain)
{
	if (to->last)
		to->last->next = chain;
	else
		to->first = chain;
	to->last = chain->last;
	for (; chain; chain = chain->next) {
		for (uint32_t i = 0; i < chain->count; i++)
			to->bytes += chain->pieces[chain->first + i].size;
	}
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
