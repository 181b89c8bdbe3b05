/*
 * The timing wheel's lists and bitmaps; see wheel.h for what is always true of them. It knows no
 * clock and no threads.
 */
#include "timers/wheel.h"

#include <assert.h>

#include "mailbox/atomic.h"
#include "mailbox/pool.h"

// How many entries of a slot wheel_next() looks at before it makes do with where the slot begins.
enum { LOOK_AT_MOST = 8 };

static_assert(offsetof(struct wheel_chunk, link) == 0, "a link is cast to its chunk");

static void make_empty(struct wheel_link *list)
{
	list->next = list;
	list->prev = list;
}

static bool is_empty(const struct wheel_link *list)
{
	return list->next == list;
}

static struct wheel_chunk *chunk_of(struct wheel_link *link)
{
	return (struct wheel_chunk *)link;
}

// ---- chunks

static __attribute__((noinline)) struct wheel_chunk *chunk_append(struct wheel_link *list)
{
	struct wheel_chunk *chunk = pool_take(POOL_128, sizeof(*chunk));

	chunk->link = (struct wheel_link){.next = list, .prev = list->prev};
	list->prev->next = &chunk->link;
	list->prev = &chunk->link;
	chunk->first = chunk->used = chunk->count = 0;
	return chunk;
}

static void chunk_free(struct wheel_chunk *chunk)
{
	chunk->link.prev->next = chunk->link.next;
	chunk->link.next->prev = chunk->link.prev;
	pool_give(POOL_128, chunk);
}

static inline __attribute__((always_inline)) void append(struct wheel_link *list,
							 struct wheel_entry *entry)
{
	struct wheel_chunk *chunk = chunk_of(list->prev);

	if (is_empty(list) || chunk->used == WHEEL_CELLS)
		chunk = chunk_append(list);
	entry->cell = (uintptr_t)chunk | chunk->used;
	chunk->cells[chunk->used++] = entry;
	chunk->count++;
}

// There is one. The chunk is gone with its last.
static struct wheel_entry *chunk_take(struct wheel_chunk *chunk)
{
	while (!chunk->cells[chunk->first])
		chunk->first++;
	struct wheel_entry *entry = chunk->cells[chunk->first++];
	entry->cell = 0;
	if (!--chunk->count)
		chunk_free(chunk);
	return entry;
}

// Asks for what its entries are part of.
static void chunk_fetch(const struct wheel_chunk *chunk)
{
	for (unsigned i = chunk->first; i < chunk->used; i++)
		__builtin_prefetch(chunk->cells[i], 1);
}

static void fetch(const struct wheel_link *link)
{
	const struct wheel_chunk *chunk = (const struct wheel_chunk *)link;
	__builtin_prefetch(chunk, 1);
	__builtin_prefetch(&chunk->cells[WHEEL_CELLS - 1], 1);
}

// Puts all links of `from` behind those of `list`.
static void append_all(struct wheel_link *list, struct wheel_link *from)
{
	if (is_empty(from))
		return;

	from->next->prev = list->prev;
	from->prev->next = list;
	list->prev->next = from->next;
	list->prev = from->prev;
	make_empty(from);
}

// ---- slots

static uint64_t block_of(uint64_t tick)
{
	return tick >> WHEEL_BLOCK_BITS;
}

static void put(struct wheel *wheel, struct wheel_entry *entry)
{
	uint64_t tick = wheel_tick_of(wheel, ck_pr_load_64(&entry->deadline));
	uint64_t block = block_of(tick);
	unsigned slot;

	if (tick <= wheel->now) {
		append(&wheel->late, entry);
		return;
	}
	if (block <= wheel->last_near) {
		slot = tick % WHEEL_NEAR_SLOTS;
	} else {
		unsigned highest = 63 - __builtin_clzll(block ^ wheel->last_near);
		unsigned level = highest / WHEEL_FAR_BITS;
		slot = WHEEL_NEAR_SLOTS + level * 64 + (block >> level * WHEEL_FAR_BITS) % 64;
	}
	append(&wheel->slots[slot], entry);
	wheel->marks[slot / 64] |= UINT64_C(1) << slot % 64;
	wheel->words[slot / 64 / 64] |= UINT64_C(1) << slot / 64 % 64;
}

static void clear_mark(struct wheel *wheel, unsigned slot)
{
	wheel->marks[slot / 64] &= ~(UINT64_C(1) << slot % 64);
	if (!wheel->marks[slot / 64])
		wheel->words[slot / 64 / 64] &= ~(UINT64_C(1) << slot / 64 % 64);
}

enum { NEAR_WORDS = 2, NO_SLOT = WHEEL_SLOTS };

// The first slot with a mark in this stretch of them.
static unsigned first_marked(const struct wheel *wheel, unsigned stretch)
{
	if (!wheel->words[stretch])
		return NO_SLOT;
	unsigned word = stretch * 64 + __builtin_ctzll(wheel->words[stretch]);
	return word * 64 + __builtin_ctzll(wheel->marks[word]);
}

static unsigned first_marked_near(const struct wheel *wheel)
{
	unsigned last = wheel->last_near % NEAR_WORDS;
	unsigned slot = first_marked(wheel, !last);
	return slot != NO_SLOT ? slot : first_marked(wheel, last);
}

// The slot that holds the earliest near entry, and its tick. Removing leaves the marks, so that a
// timer which is added and cancelled costs little; they are cleared here.
static unsigned first_near(struct wheel *wheel, uint64_t *ret_tick)
{
	unsigned slot;

	while ((slot = first_marked_near(wheel)) != NO_SLOT && is_empty(&wheel->slots[slot]))
		clear_mark(wheel, slot);
	if (slot == NO_SLOT)
		return NO_SLOT;

	uint64_t block = wheel->last_near;
	if (slot >> WHEEL_BLOCK_BITS != block % 2)
		block--;
	*ret_tick = block << WHEEL_BLOCK_BITS | slot % (1 << WHEEL_BLOCK_BITS);
	return slot;
}

// The same of far ones, and the first and last block of its span.
static unsigned first_far(struct wheel *wheel, uint64_t *ret_block, uint64_t *ret_last)
{
	unsigned slot;

	while ((slot = first_marked(wheel, NEAR_WORDS)) != NO_SLOT && is_empty(&wheel->slots[slot]))
		clear_mark(wheel, slot);
	if (slot == NO_SLOT)
		return NO_SLOT;

	unsigned shift = (slot - WHEEL_NEAR_SLOTS) / 64 * WHEEL_FAR_BITS;
	*ret_block = ((wheel->last_near >> shift & ~UINT64_C(63)) | slot % 64) << shift;
	*ret_last = *ret_block | ((UINT64_C(1) << shift) - 1);
	return slot;
}

static void set_now(struct wheel *wheel, uint64_t tick)
{
	wheel->now = tick;
	if (wheel->last_near <= block_of(tick))
		wheel->last_near = block_of(tick) + 1;
}

// The far slot's span begins.
static void move_down(struct wheel *wheel, unsigned slot, uint64_t block)
{
	struct wheel_link list;

	make_empty(&list);
	append_all(&list, &wheel->slots[slot]);
	wheel->last_near = block;
	clear_mark(wheel, slot);
	while (!is_empty(&list)) {
		struct wheel_chunk *chunk = chunk_of(list.next);
		fetch(chunk->link.next);
		chunk_fetch(chunk);
		for (unsigned i = chunk->count; i > 0; i--)
			put(wheel, chunk_take(chunk));
	}
}

// Moves `now` to where something happens next, unless that is later than `target`: the first near
// slot's entries come out, or the first far slot's down.
static bool advance(struct wheel *wheel, uint64_t target)
{
	uint64_t tick = WHEEL_NEVER, block = 0, last;
	unsigned near = first_near(wheel, &tick), far = first_far(wheel, &block, &last);
	uint64_t begin = (block - 1) << WHEEL_BLOCK_BITS; // when the first far one becomes near

	if (far != NO_SLOT && begin <= tick) {
		if (begin > target)
			return false;
		wheel->now = begin - 1;
		move_down(wheel, far, block);
		return true;
	}
	if (near == NO_SLOT || tick > target)
		return false;
	set_now(wheel, tick);
	clear_mark(wheel, near);
	append_all(&wheel->due, &wheel->slots[near]);
	chunk_fetch(chunk_of(wheel->due.next));
	return true;
}

static bool is_all_empty(const struct wheel *wheel)
{
	return !(wheel->words[0] | wheel->words[1] | wheel->words[2]) && is_empty(&wheel->due) &&
	       is_empty(&wheel->late);
}

static bool is_due(struct wheel *wheel, uint64_t now_tick)
{
	// Servers without timers look often.
	if (is_all_empty(wheel)) {
		if (now_tick > wheel->expiring_to)
			wheel->expiring_to = now_tick;
		set_now(wheel, wheel->expiring_to);
		wheel->expiring = false;
		return false;
	}
	if (!wheel->expiring || now_tick > wheel->expiring_to) {
		append_all(&wheel->due, &wheel->late);
		wheel->expiring = true;
		if (now_tick > wheel->expiring_to)
			wheel->expiring_to = now_tick;
	}

	while (is_empty(&wheel->due)) {
		if (!advance(wheel, wheel->expiring_to)) {
			set_now(wheel, wheel->expiring_to);
			wheel->expiring = false;
			return false;
		}
	}
	return true;
}

// The entries of the next chunk, which was asked for when this one was begun; or the first chunk of
// what is due next.
static void fetch_ahead(const struct wheel *wheel, const struct wheel_chunk *chunk)
{
	const struct wheel_link *next = chunk->link.next;

	if (next != &wheel->due) {
		chunk_fetch((const struct wheel_chunk *)next);
		if (next->next != &wheel->due) {
			fetch(next->next);
			return;
		}
	}
	unsigned slot = first_marked_near(wheel);
	if (slot != NO_SLOT)
		fetch(wheel->slots[slot].next);
}

// ---- public

void wheel_init(struct wheel *wheel, unsigned tick_bits, uint64_t now_tick)
{
	*wheel = (struct wheel){.tick_bits = tick_bits, .expiring_to = now_tick};
	set_now(wheel, now_tick);
	for (unsigned i = 0; i < WHEEL_SLOTS; i++)
		make_empty(&wheel->slots[i]);
	make_empty(&wheel->due);
	make_empty(&wheel->late);
}

void wheel_finish(struct wheel *wheel)
{
	for (unsigned i = 0; i < WHEEL_SLOTS; i++)
		append_all(&wheel->due, &wheel->slots[i]);
	append_all(&wheel->due, &wheel->late);
	while (!is_empty(&wheel->due))
		chunk_free(chunk_of(wheel->due.next));
}

void wheel_add(struct wheel *wheel, struct wheel_entry *entry)
{
	assert(!wheel_contains(entry));
	put(wheel, entry);
}

void wheel_remove(struct wheel_entry *entry)
{
	if (!wheel_contains(entry))
		return;

	unsigned cell = entry->cell % CACHE_LINE;
	struct wheel_chunk *chunk = (struct wheel_chunk *)(entry->cell - cell);
	entry->cell = 0;
	chunk->cells[cell] = NULL;
	if (!--chunk->count)
		chunk_free(chunk);
	else if (cell + 1 == chunk->used)
		chunk->used--; // so that what is added and removed by turns takes up no more
}

struct wheel_entry *wheel_expire(struct wheel *wheel, uint64_t now_tick)
{
	return is_due(wheel, now_tick) ? chunk_take(chunk_of(wheel->due.next)) : NULL;
}

unsigned wheel_expire_some(struct wheel *wheel, uint64_t now_tick, unsigned most,
			   struct wheel_entry *ret_entries[WHEEL_CELLS])
{
	if (!is_due(wheel, now_tick))
		return 0;

	struct wheel_chunk *chunk = chunk_of(wheel->due.next);
	unsigned count = chunk->count < most ? chunk->count : most;
	fetch_ahead(wheel, chunk);
	for (unsigned i = 0; i < count; i++)
		ret_entries[i] = chunk_take(chunk);
	return count;
}

uint64_t wheel_next(struct wheel *wheel)
{
	uint64_t tick, block, last;

	if (is_all_empty(wheel))
		return WHEEL_NEVER;
	if (!is_empty(&wheel->due) || !is_empty(&wheel->late))
		return wheel->now;
	if (first_near(wheel, &tick) != NO_SLOT)
		return tick;
	unsigned slot = first_far(wheel, &block, &last);
	if (slot == NO_SLOT)
		return WHEEL_NEVER;

	// A cascade is a wake-up for nothing; with few timers about, looking costs less.
	const struct wheel_link *list = &wheel->slots[slot];
	const struct wheel_chunk *chunk = chunk_of(list->next);
	if (chunk->link.next != list || chunk->count > LOOK_AT_MOST)
		return block << WHEEL_BLOCK_BITS;
	uint64_t earliest = last << WHEEL_BLOCK_BITS | ((1 << WHEEL_BLOCK_BITS) - 1);
	for (unsigned i = chunk->first; i < chunk->used; i++) {
		const struct wheel_entry *entry = chunk->cells[i];
		if (!entry)
			continue;
		tick = wheel_tick_of(wheel, ck_pr_load_64(&entry->deadline));
		if (tick < earliest)
			earliest = tick;
	}
	return earliest;
}
