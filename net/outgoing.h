/*
 * Bytes that are to be sent: slices in order, small ones copied together. Knows no sockets.
 *
 * What one side has gathered it can hand over to another through a stack that both reach, without a
 * lock.
 */
#ifndef NET_OUTGOING_H
#define NET_OUTGOING_H

#include <sys/uio.h>

#include "mailbox/bytes.h"

enum { PIECES_A_BATCH = 9 };

struct batch {
	struct batch *next;

	// Of the first of a chain.
	struct batch *last;
	size_t bytes; // of the chain
	union {
		struct noh_buffer *copies; // has room for the next small ones; or NULL
		struct batch *older;       // of one that is being handed over
	};

	uint32_t first, count;
	noh_bytes pieces[PIECES_A_BATCH];
};

/* All zero is empty, and holds nothing: each idle connection has one. */
struct outgoing {
	struct batch *first;
};

static inline size_t outgoing_bytes(const struct outgoing *outgoing)
{
	return outgoing->first ? outgoing->first->bytes : 0;
}

/* Retains the slice, or copies it if nobody owns it, or if it is small and others wait too. */
void outgoing_add(struct outgoing *outgoing, noh_bytes bytes);

/* The first pieces, at most `most`; how many. They stay until outgoing_drop(). */
uint32_t outgoing_pieces(const struct outgoing *outgoing, struct iovec *ret_pieces, uint32_t most);

/* The only piece, or NULL: there is none, or more than one. */
static inline const noh_bytes *outgoing_lone(const struct outgoing *outgoing)
{
	const struct batch *first = outgoing->first;
	return first && first->count == 1 && !first->next ? &first->pieces[first->first] : NULL;
}

/* Releases the only piece. */
void outgoing_drop_lone(struct outgoing *outgoing);

/* Releases the first `size` bytes. */
void outgoing_drop(struct outgoing *outgoing, size_t size);

/* Releases all. */
void outgoing_finish(struct outgoing *outgoing);

/* Leaves `from` empty. One thread hands over at a time, one takes over at a time. */
void outgoing_hand_over(struct outgoing *from, void **stack);
/* Appends what was handed over, in order. */
void outgoing_take_over(struct outgoing *to, void **stack);

#endif
