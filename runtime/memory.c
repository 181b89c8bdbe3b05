/*
 * Memory of an actor: allocations and kept messages are in its list of what it owns; kept byte
 * slices are counted by buffer. And what is lent until a handler returns.
 */
#include "runtime/memory.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

#include "mailbox/bytes.h"
#include "runtime/worker.h"

// ---- allocations and kept messages

struct allocation {
	struct owned owned;
	const struct message_info *info; // of a kept message, else NULL
	_Alignas(16) char at[];
};

static struct allocation *allocation_of(void *at)
{
	return (struct allocation *)(void *)((char *)at - offsetof(struct allocation, at));
}

static void free_allocation(struct owned *owned)
{
	struct allocation *allocation = (struct allocation *)(void *)owned;
	if (allocation->info)
		message_release(allocation->info, allocation->at);
	free(allocation);
}

static struct allocation *keep_message(const struct message_info *info, const void *body)
{
	struct allocation *allocation =
		must_allocate(sizeof(*allocation) + message_size(info, body));
	*allocation = (struct allocation){.owned.release = free_allocation, .info = info};
	message_copy(info, allocation->at, body);
	return allocation;
}

void own(struct owned *owned)
{
	struct extras *extras = extras_of(worker_of_call("own")->running);
	owned->next = extras->owned;
	owned->link = &extras->owned;
	if (owned->next)
		owned->next->link = &owned->next;
	extras->owned = owned;
}

void disown(struct owned *owned)
{
	if (!owned->link)
		return;
	*owned->link = owned->next;
	if (owned->next)
		owned->next->link = owned->link;
	owned->next = NULL;
	owned->link = NULL;
}

// The running actor has this from now on, if its type lets it have so much.
static void own_allocation(struct allocation *allocation)
{
	struct slot *slot = worker_here()->running;

	own(&allocation->owned);
	size_t most = slot->flags & SLOT_QUOTAS ? limits_of(slot)->owned_bytes : 0;
	if (!most)
		return;
	struct rare *rare = rare_of(slot);
	rare->owned_bytes += malloc_usable_size(allocation);
	if (rare->owned_bytes > most)
		noh_fail("over its quota of owned_bytes: %zu", most);
}

static void disown_allocation(struct allocation *allocation)
{
	struct worker *worker = this_worker;
	if (worker && worker->running && allocation->owned.link &&
	    worker->running->flags & SLOT_QUOTAS && limits_of(worker->running)->owned_bytes)
		rare_of(worker->running)->owned_bytes -= malloc_usable_size(allocation);
	disown(&allocation->owned);
}

void *noh_alloc(size_t size)
{
	worker_of_call("noh_alloc");
	struct allocation *allocation =
		size < SIZE_MAX / 2 ? calloc(1, sizeof(*allocation) + size) : NULL;
	if (!allocation)
		noh_fail("no memory for %zu bytes", size);
	allocation->owned.release = free_allocation;
	own_allocation(allocation);
	return allocation->at;
}

void *noh_keep_type(const struct noh_message_type *type, const void *msg)
{
	const struct message_info *info = message_info(noh_message_id(type));
	worker_of_call("noh_keep");
	struct allocation *allocation = keep_message(info, msg);
	message_disown(info, (void *)(uintptr_t)msg); // they moved
	own_allocation(allocation);
	return allocation->at;
}

void *thread_keep(const struct message_info *info, const void *body)
{
	return keep_message(info, body)->at;
}

void noh_drop(void *kept_or_allocated)
{
	if (!kept_or_allocated)
		return;
	struct allocation *allocation = allocation_of(kept_or_allocated);
	disown_allocation(allocation);
	free_allocation(&allocation->owned);
}

// ---- kept slices: how many of each buffer, in a small open-addressed table

struct kept_entry {
	struct noh_buffer *buffer;
	uint32_t count;
};

struct kept_bytes {
	uint32_t room, used; // room: a power of two; used: entries with a buffer
	struct kept_entry entries[];
};

static uint32_t kept_home(const struct kept_bytes *kept, const struct noh_buffer *buffer)
{
	return (uint32_t)(((uintptr_t)buffer * 0x9e3779b97f4a7c15u) >> 32) & (kept->room - 1);
}

static struct kept_entry *kept_find(struct kept_bytes *kept, struct noh_buffer *buffer)
{
	uint32_t i = kept_home(kept, buffer);
	while (kept->entries[i].buffer && kept->entries[i].buffer != buffer)
		i = (i + 1) & (kept->room - 1);
	return &kept->entries[i];
}

static struct kept_bytes *kept_grown(struct kept_bytes *kept)
{
	uint32_t room = kept ? 2 * kept->room : 8;
	struct kept_bytes *larger =
		must_allocate_zeroed(sizeof(*larger) + room * sizeof(larger->entries[0]));
	larger->room = room;
	for (uint32_t i = 0; kept && i < kept->room; i++) {
		if (kept->entries[i].buffer) {
			*kept_find(larger, kept->entries[i].buffer) = kept->entries[i];
			larger->used++;
		}
	}
	free(kept);
	return larger;
}

// Takes an entry out and moves those behind it up, so that every look-up still ends.
static void kept_remove(struct kept_bytes *kept, struct kept_entry *entry)
{
	uint32_t hole = (uint32_t)(entry - kept->entries), i = hole, mask = kept->room - 1;
	kept->used--;
	for (;;) {
		i = (i + 1) & mask;
		if (!kept->entries[i].buffer)
			break;
		uint32_t home = kept_home(kept, kept->entries[i].buffer);
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			kept->entries[hole] = kept->entries[i];
			hole = i;
		}
	}
	kept->entries[hole] = (struct kept_entry){0};
}

void kept_drop_all(struct extras *extras)
{
	struct kept_bytes *kept = extras->kept;
	for (uint32_t i = 0; kept && i < kept->room; i++)
		for (uint32_t n = 0; n < kept->entries[i].count; n++)
			buffer_release(kept->entries[i].buffer);
	free(kept);
	extras->kept = NULL;
}

noh_bytes noh_keep_bytes(noh_bytes bytes)
{
	struct extras *extras = extras_of(worker_of_call("noh_keep_bytes")->running);
	noh_bytes kept = bytes_hold(bytes);

	if (!kept.owner)
		return kept; // no bytes at all
	if (!extras->kept || extras->kept->used * 2 >= extras->kept->room)
		extras->kept = kept_grown(extras->kept);
	struct kept_entry *entry = kept_find(extras->kept, kept.owner);
	if (!entry->buffer) {
		entry->buffer = kept.owner;
		extras->kept->used++;
	}
	entry->count++;
	return kept;
}

void noh_bytes_drop(noh_bytes kept)
{
	struct worker *worker = this_worker;
	if (!kept.owner)
		return;
	if (worker && worker->running) {
		struct extras *extras = worker->running->extras;
		struct kept_entry *entry =
			extras && extras->kept ? kept_find(extras->kept, kept.owner) : NULL;
		if (!entry || !entry->buffer)
			return; // lent, not kept: given back when the handler returns
		if (!--entry->count)
			kept_remove(extras->kept, entry);
	}
	bytes_release(kept);
}

// ---- lent until the handler returns

struct scratch *scratch_here(struct worker *worker);

static noh_bytes lend_bytes(noh_bytes bytes)
{
	if (this_worker && bytes.owner)
		scratch_bytes(scratch_here(this_worker), bytes);
	return bytes;
}

noh_bytes noh_bytes_copy(const void *at, size_t size)
{
	return lend_bytes(bytes_copy(at, size));
}

noh_bytes noh_bytes_slice(noh_bytes whole, size_t from, size_t size)
{
	return lend_bytes(bytes_slice(whole, from, size));
}

noh_bytes noh_bytes_wrap(const void *at, size_t size, void (*drop)(void *), void *argument)
{
	return lend_bytes(bytes_wrap(at, size, drop, argument));
}

const char *noh_format(const char *format, ...)
{
	struct worker *worker = worker_of_call("noh_format");
	va_list arguments, again;
	va_start(arguments, format);
	va_copy(again, arguments);
	int length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	char *text = scratch_alloc(scratch_here(worker), (size_t)(length < 0 ? 0 : length) + 1);
	vsnprintf(text, (size_t)(length < 0 ? 0 : length) + 1, format, arguments);
	va_end(arguments);
	return text;
}

void noh_defer(void (*undo)(void *), void *argument)
{
	scratch_defer(scratch_here(worker_of_call("noh_defer")), undo, argument);
}
