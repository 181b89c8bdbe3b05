/*
 * Where what is read next goes: one large buffer that all connections of a poller read into, one
 * after another, and that slices are cut from. So no connection holds a buffer while it is idle.
 * Knows nothing of descriptors.
 */
#ifndef NET_INTAKE_H
#define NET_INTAKE_H

#include "mailbox/bytes.h"

enum {
	READ_LEAST = 2048,        // the space that a first read has at least
	READ_MOST = 64 * 1024,    // what it grows to while reads come back full
	INTAKE_BYTES = 16 * 1024, // of one buffer, if no larger read is wanted
	READ_COPIED = 512,        // who wants to keep so little makes a copy of it
};

struct intake {
	struct noh_buffer *buffer; // NULL until the first read
};

/* Another buffer, for a read of at least `size` bytes. */
void intake_renew(struct intake *intake, uint32_t size);

/* Space for a read of at least `size` bytes; good until intake_take(). All room of the buffer is
 * offered: what is read at once saves work to whoever reads it. */
static inline uint8_t *intake_space(struct intake *intake, uint32_t size, size_t *ret_room)
{
	const struct noh_buffer *buffer = intake->buffer;

	// As long as slices are done with quickly, the same few cache lines are read into.
	if (!buffer || (!buffer_rewind(intake->buffer) && buffer_room(buffer) < size))
		intake_renew(intake, size);
	*ret_room = buffer_room(intake->buffer);
	return buffer_data(intake->buffer);
}

/* Cuts off what was read into the space: a slice that is borrowed until the next call of either.
 * Without an owner if it is small: a buffer is not to be kept, and its count of references not to
 * be fought for by all workers, for the sake of a few bytes. */
static inline noh_bytes intake_take(struct intake *intake, size_t size)
{
	struct noh_buffer *buffer = intake->buffer;
	noh_bytes bytes = {.at = buffer_data(buffer), .size = size, .owner = buffer};

	if (size <= READ_COPIED)
		return (noh_bytes){.at = bytes.at, .size = size};
	// No reference of its own: the intake's keeps the bytes there until they are retained.
	buffer->used += size;
	return bytes;
}

/* How large the next read of a connection should be, after one of `got` in a space of `room`. */
static inline uint32_t intake_next_size(uint32_t size, size_t got, size_t room)
{
	if (got == room)
		return size < READ_MOST ? size * 2 : READ_MOST;
	// Slowly back, so that one short read among many long ones does no harm.
	return size > READ_LEAST && got < size / 4 ? size / 2 : size;
}

/* Gives the buffer back. The slices stay. */
void intake_finish(struct intake *intake);

#endif
