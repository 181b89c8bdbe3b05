/* Byte buffers shared by counting references, and slices of them. Knows no messages: who holds a
 * slice how long is told by those above. */
#ifndef NOH_MAILBOX_BYTES_H
#define NOH_MAILBOX_BYTES_H

#include <assert.h>

#include <ck_pr.h>
#include <noh/message.h>

/* What a slice names as its owner. Its bytes do not change once a slice shows them. */
struct noh_buffer {
	// Written by every holder.
	uint32_t references;

	uint32_t kind; // a class of the pools, or that `drop` below is called

	// Touched only by who created it: slices are cut from the front, in order.
	size_t capacity, used;

	uint8_t data[];
};

// Called for the last reference.
void buffer_destroy(struct noh_buffer *buffer);

/* An empty buffer with one reference, the caller's. */
struct noh_buffer *buffer_create(size_t capacity);

/* Room of `size` bytes, aligned to 8, that is counted as a buffer is: drop(room) is called for the
 * last reference, then the memory goes. One reference, the caller's. */
void *buffer_create_room(size_t size, void (*drop)(void *room));
struct noh_buffer *buffer_of_room(const void *room);

/* Any thread that holds a reference. */
static inline void buffer_retain(struct noh_buffer *buffer)
{
	ck_pr_inc_32(&buffer->references);
}

/* Any thread. */
static inline void buffer_release(struct noh_buffer *buffer)
{
	// Pairs with the acquire below, in whichever thread comes last: what others read of the
	// buffer is read before it is destroyed.
	ck_pr_fence_release();
	bool last = ck_pr_load_32(&buffer->references) == 1 || // then nobody is left to race with
		    ck_pr_faa_32(&buffer->references, UINT32_MAX) == 1;
	if (last) {
		ck_pr_fence_acquire();
		buffer_destroy(buffer);
	}
}

/* Any thread that holds a reference. So many more, or fewer, at once. */
static inline void buffer_retain_more(struct noh_buffer *buffer, int32_t count)
{
	uint32_t added = (uint32_t)count;
	ck_pr_fence_release(); // pairs with buffer_release(), as that does
	if (ck_pr_faa_32(&buffer->references, added) + added == 0) {
		ck_pr_fence_acquire();
		buffer_destroy(buffer);
	}
}

/* Creator only. How much can still be written, and where. */
static inline size_t buffer_room(const struct noh_buffer *buffer)
{
	return buffer->capacity - buffer->used;
}

static inline uint8_t *buffer_data(struct noh_buffer *buffer)
{
	return buffer->data + buffer->used;
}

/* Creator only. Hands out the first `size` bytes written at buffer_data(), as a slice with a
 * reference of its own; from then on they do not change. */
static inline noh_bytes buffer_take(struct noh_buffer *buffer, size_t size)
{
	assert(size <= buffer_room(buffer));
	noh_bytes taken = {.at = buffer_data(buffer), .size = size, .owner = buffer};

	buffer->used += size;
	buffer_retain(buffer);
	return taken;
}

/* Creator only. Makes all of the buffer room again if no slice of it is left; tells whether. */
static inline bool buffer_rewind(struct noh_buffer *buffer)
{
	if (ck_pr_load_32(&buffer->references) != 1)
		return false;
	ck_pr_fence_acquire(); // pairs with buffer_release()
	buffer->used = 0;
	return true;
}

/* What bytes_ functions make has a reference, the caller's, to be given back by bytes_release().
 * Any thread. */
noh_bytes bytes_copy(const void *at, size_t size);

/* Takes `at`, and calls drop(argument) in the thread that releases the last slice. */
noh_bytes bytes_wrap(const void *at, size_t size, void (*drop)(void *argument), void *argument);

/* A part of the same bytes, clipped to what there is. */
noh_bytes bytes_slice(noh_bytes whole, size_t from, size_t size);

static inline void bytes_retain(noh_bytes bytes)
{
	if (bytes.owner)
		buffer_retain(bytes.owner);
}

static inline void bytes_release(noh_bytes bytes)
{
	if (bytes.owner)
		buffer_release(bytes.owner);
}

/* The same bytes for whoever must outlive the caller: retained, or copied if nobody owns them. */
static inline noh_bytes bytes_hold(noh_bytes bytes)
{
	if (!bytes.owner)
		return bytes_copy(bytes.at, bytes.size);
	buffer_retain(bytes.owner);
	return bytes;
}

#endif
