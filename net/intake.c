/* The buffer that reads go into. */
#include "net/intake.h"

uint8_t *intake_space(struct intake *intake, uint32_t size, size_t *ret_room)
{
	struct noh_buffer *buffer = intake->buffer;

	// As long as slices are done with quickly, the same few cache lines are read into.
	if (!buffer || (!buffer_rewind(buffer) && buffer_room(buffer) < size)) {
		if (buffer)
			buffer_release(buffer);
		buffer = intake->buffer = buffer_create(size > INTAKE_BYTES ? size : INTAKE_BYTES);
	}
	*ret_room = buffer_room(buffer);
	return buffer_data(buffer);
}

noh_bytes intake_take(struct intake *intake, size_t size)
{
	struct noh_buffer *buffer = intake->buffer;
	noh_bytes bytes = {.at = buffer_data(buffer), .size = size, .owner = buffer};

	if (size <= READ_COPIED)
		return (noh_bytes){.at = bytes.at, .size = size};
	// No reference of its own: the intake's keeps the bytes there until they are retained.
	buffer->used += size;
	return bytes;
}

uint32_t intake_next_size(uint32_t size, size_t got, size_t room)
{
	if (got == room)
		return size < READ_MOST ? size * 2 : READ_MOST;
	// Slowly back, so that one short read among many long ones does no harm.
	return got < size / 4 && size > READ_LEAST ? size / 2 : size;
}

void intake_finish(struct intake *intake)
{
	if (intake->buffer)
		buffer_release(intake->buffer);
	intake->buffer = NULL;
}
