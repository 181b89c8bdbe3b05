/*
 * The timing wheel's lists and bitmaps; see wheel.h for what is always true of them. It knows no
 * clock, no threads and no allocation.
 */
#include "timers/wheel.h"

#include <assert.h>

// How many entries of a slot wheel_next() looks at before it makes do with where the slot begins.
enum { LOOK_AT_MOST = 8 };

static_assert(offsetof(struct wheel_entry, link) == 0, "a link is cast to its entry");

static struct wheel_entry *entry_of(struct wheel_link *link)
{
	return (struct wheel_entry *)link;
}

static void make_empty(struct wheel_link *list)
{
	list->next = list;
	list->prev = list;
}

static bool is_empty(const struct wheel_link *list)
{
	return list->next == list;
}

static void append(struct wheel_link *list, struct wheel_link *link)
{
	link->next = list;
	link->prev = list->prev;
	list->prev->next = link;
	list->prev = link;
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

static struct wheel_entry *take_first(struct wheel_link *list)
{
	struct wheel_link *first = list->next;

	list->next = first->next;
	first->next->prev = list;
	first->next = NULL;
	first->prev = NULL;
	return entry_of(first);
}

static uint64_t block_of(uint64_t tick)
{
	return tick >> WHEEL_BLOCK_BITS;
}

static void put_into_slot(struct wheel *wheel, struct wheel_entry *entry)
{
	uint64_t block = block_of(entry->tick);
	unsigned slot;

	if (block <= wheel->last_near) {
		slot = entry->tick % WHEEL_NEAR_SLOTS;
	} else {
		unsigned highest = 63 - __builtin_clzll(block ^ wheel->last_near);
		unsigned level = highest / WHEEL_FAR_BITS;
		slot = WHEEL_NEAR_SLOTS + level * 64 + (block >> level * WHEEL_FAR_BITS) % 64;
	}
	append(&wheel->slots[slot], &entry->link);
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

// The same of far ones, and the block with which its span begins.
static unsigned first_far(struct wheel *wheel, uint64_t *ret_block)
{
	unsigned slot;

	while ((slot = first_marked(wheel, NEAR_WORDS)) != NO_SLOT && is_empty(&wheel->slots[slot]))
		clear_mark(wheel, slot);
	if (slot == NO_SLOT)
		return NO_SLOT;

	unsigned shift = (slot - WHEEL_NEAR_SLOTS) / 64 * WHEEL_FAR_BITS;
	*ret_block = ((wheel->last_near >> shift & ~UINT64_C(63)) | slot % 64) << shift;
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
	struct wheel_link *list = &wheel->slots[slot];
	struct wheel_link *link = list->next;

	wheel->last_near = block;
	clear_mark(wheel, slot);
	while (link != list) {
		struct wheel_link *next = link->next;
		__builtin_prefetch(next->next);
		put_into_slot(wheel, entry_of(link));
		link = next;
	}
	make_empty(list);
}

// Moves `now` to where something happens next, unless that is later than `target`: the first near
// slot's entries come out, or the first far slot's down.
static bool advance(struct wheel *wheel, uint64_t target)
{
	uint64_t tick = WHEEL_NEVER, block = 0;
	unsigned near = first_near(wheel, &tick), far = first_far(wheel, &block);

	if (far != NO_SLOT && (block - 1) << WHEEL_BLOCK_BITS <= tick) {
		uint64_t begin = (block - 1) << WHEEL_BLOCK_BITS;
		if (begin > target)
			return false;
		wheel->now = begin - 1;
		move_down(wheel, far, block);
		wheel_walk_anew(wheel);
		return true;
	}
	if (near == NO_SLOT || tick > target)
		return false;
	set_now(wheel, tick);
	clear_mark(wheel, near);
	append_all(&wheel->due, &wheel->slots[near]);
	wheel_walk_anew(wheel);
	return true;
}

void wheel_init(struct wheel *wheel, uint64_t now_tick)
{
	*wheel = (struct wheel){.expiring_to = now_tick};
	set_now(wheel, now_tick);
	for (unsigned i = 0; i < WHEEL_SLOTS; i++)
		make_empty(&wheel->slots[i]);
	make_empty(&wheel->due);
	make_empty(&wheel->late);
}

void wheel_add(struct wheel *wheel, struct wheel_entry *entry, uint64_t tick)
{
	assert(!wheel_contains(entry));

	entry->tick = tick;
	if (tick > wheel->now)
		put_into_slot(wheel, entry);
	else
		append(&wheel->late, &entry->link);
}

void wheel_remove(struct wheel_entry *entry)
{
	if (!wheel_contains(entry))
		return;
	entry->link.next->prev = entry->link.prev;
	entry->link.prev->next = entry->link.next;
	entry->link.next = NULL;
	entry->link.prev = NULL;
}

struct wheel_entry *wheel_expire(struct wheel *wheel, uint64_t now_tick)
{
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
			return NULL;
		}
	}
	return take_first(&wheel->due);
}

const struct wheel_entry *wheel_walk_ahead(struct wheel *wheel)
{
	struct wheel_walk *walk = &wheel->walk;

	unsigned first = first_marked_near(wheel);
	if (first == NO_SLOT)
		return NULL; // what is far will be moved before it is due
	const struct wheel_link *list = &wheel->slots[first];
	if (walk->list != list) {
		*walk = (struct wheel_walk){.list = list, .at = {list->next, list->prev}};
		__builtin_prefetch(list->next, 1);
		__builtin_prefetch(list->prev, 1);
		return NULL;
	}

	bool backward = walk->backward = !walk->backward;
	const struct wheel_link *at = walk->at[backward];
	if (at == list)
		return NULL;
	walk->at[backward] = backward ? at->prev : at->next;
	if (walk->at[0] == walk->at[1])
		walk->at[0] = walk->at[1] = list;
	else
		__builtin_prefetch(walk->at[backward], 1);
	return (const struct wheel_entry *)at;
}

uint64_t wheel_next(struct wheel *wheel)
{
	uint64_t tick, block;

	if (!is_empty(&wheel->due) || !is_empty(&wheel->late))
		return wheel->now;
	if (first_near(wheel, &tick) != NO_SLOT)
		return tick;
	unsigned slot = first_far(wheel, &block);
	if (slot == NO_SLOT)
		return WHEEL_NEVER;

	// A cascade is a wake-up for nothing; with few timers about, looking costs less.
	const struct wheel_link *list = &wheel->slots[slot];
	const struct wheel_link *link = list->next;
	uint64_t earliest = WHEEL_NEVER;
	for (unsigned i = 0; i < LOOK_AT_MOST && link != list; i++) {
		uint64_t tick_of_link = ((const struct wheel_entry *)link)->tick;
		if (tick_of_link < earliest)
			earliest = tick_of_link;
		link = link->next;
	}
	return link == list ? earliest : block << WHEEL_BLOCK_BITS;
}
