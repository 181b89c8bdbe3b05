/* Where byte buffers come from and go to; counting their references is in the header. */
#include "mailbox/bytes.h"

#include <string.h>

#include "mailbox/drop.h"
#include "mailbox/pool.h"

enum { WRAPPED = POOL_LARGE + 1 };

// What lies in a buffer whose end somebody is told of.
struct wrapped {
	void (*drop)(void *argument);
	void *argument;
	_Alignas(8) char room[];
};

struct noh_buffer *buffer_create(size_t capacity)
{
	assert(capacity < SIZE_MAX / 2);
	size_t size = sizeof(struct noh_buffer) + capacity;
	enum pool_class class = pool_class_of(size);
	struct noh_buffer *buffer = pool_take(class, size);

	*buffer = (struct noh_buffer){.references = 1, .kind = class, .capacity = capacity};
	return buffer;
}

void buffer_destroy(struct noh_buffer *buffer)
{
	if (buffer->kind == WRAPPED) {
		struct wrapped *wrapped = (struct wrapped *)buffer->data;
		call_drop(wrapped->drop, wrapped->argument);
		buffer->kind = pool_class_of(sizeof(*buffer) + buffer->capacity);
	}
	pool_give(buffer->kind, buffer);
}

noh_bytes bytes_copy(const void *at, size_t size)
{
	if (!size)
		return (noh_bytes){0};

	struct noh_buffer *buffer = buffer_create(size);
	memcpy(buffer->data, at, size);
	buffer->used = size;
	return (noh_bytes){.at = buffer->data, .size = size, .owner = buffer};
}

static struct noh_buffer *wrap(size_t room, void (*drop)(void *argument), void *argument)
{
	struct noh_buffer *buffer = buffer_create(sizeof(struct wrapped) + room);
	struct wrapped *wrapped = (struct wrapped *)buffer->data;

	buffer->kind = WRAPPED;
	wrapped->drop = drop;
	wrapped->argument = argument;
	return buffer;
}

noh_bytes bytes_wrap(const void *at, size_t size, void (*drop)(void *argument), void *argument)
{
	return (noh_bytes){.at = at, .size = size, .owner = wrap(0, drop, argument)};
}

void *buffer_create_room(size_t size, void (*drop)(void *room))
{
	struct noh_buffer *buffer = wrap(size, drop, NULL);
	struct wrapped *wrapped = (struct wrapped *)buffer->data;
	return wrapped->argument = wrapped->room;
}

struct noh_buffer *buffer_of_room(const void *room)
{
	size_t before = offsetof(struct noh_buffer, data) + offsetof(struct wrapped, room);
	return (struct noh_buffer *)((uintptr_t)room - before);
}

noh_bytes bytes_slice(noh_bytes whole, size_t from, size_t size)
{
	if (from > whole.size)
		from = whole.size;
	if (size > whole.size - from)
		size = whole.size - from;

	bytes_retain(whole);
	return (noh_bytes){
		.at = from ? whole.at + from : whole.at, .size = size, .owner = whole.owner};
}
