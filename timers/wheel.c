/*
 * The timing wheel's lists and bitmaps; see wheel.h for what is always true of them. It knows no
 * clock, no threads and no allocation.
 */
#include "timers/wheel.h"

#include <assert.h>

// How many entries of a slot wheel_next() looks at before it makes do with where the slot begins.
enum { LOOK_AT_MOST = 8 };

static_assert(offsetof(struct wheel_entry, link) == 0, "a link is cast to its entry");
static_assert(offsetof(struct wheel, due) ==
		      offsetof(struct wheel, slots) + sizeof(((struct wheel *)0)->slots),
	      "an entry's list is found by its address");

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

static void put_into_slot(struct wheel *wheel, struct wheel_entry *entry)
{
	unsigned highest = 63 - __builtin_clzll(entry->tick ^ wheel->now);
	unsigned level = highest / WHEEL_SLOT_BITS;
	unsigned slot = entry->tick >> level * WHEEL_SLOT_BITS & (WHEEL_SLOTS - 1);

	append(&wheel->slots[level * WHEEL_SLOTS + slot], &entry->link);
	wheel->occupied[level] |= UINT64_C(1) << slot;
	wheel->levels |= 1u << level;
}

static void mark_empty(struct wheel *wheel, unsigned level, unsigned slot)
{
	wheel->occupied[level] &= ~(UINT64_C(1) << slot);
	if (!wheel->occupied[level])
		wheel->levels &= ~(1u << level);
}

// The first slot in use, which holds the earliest entry. Returns the tick at which its span begins.
static uint64_t first_slot(const struct wheel *wheel, unsigned *ret_level, unsigned *ret_slot)
{
	unsigned level = __builtin_ctz(wheel->levels);
	unsigned slot = __builtin_ctzll(wheel->occupied[level]);
	unsigned shift = level * WHEEL_SLOT_BITS;
	uint64_t span = ((uint64_t)WHEEL_SLOTS << shift) - 1; // on the top level all bits

	*ret_level = level;
	*ret_slot = slot;
	return (wheel->now & ~span) | (uint64_t)slot << shift;
}

// Moves `now` to where the first slot begins, unless that is later than `target`, and the slot's
// entries down or out.
static bool advance(struct wheel *wheel, uint64_t target)
{
	unsigned level, slot;

	if (!wheel->levels)
		return false;
	uint64_t begin = first_slot(wheel, &level, &slot);
	if (begin > target)
		return false;

	struct wheel_link *list = &wheel->slots[level * WHEEL_SLOTS + slot];
	wheel->now = begin;
	mark_empty(wheel, level, slot);
	if (level == 0) {
		append_all(&wheel->due, list);
		return true;
	}

	struct wheel_link *link = list->next;
	while (link != list) {
		struct wheel_link *next = link->next;
		__builtin_prefetch(next->next);
		if (entry_of(link)->tick == begin)
			append(&wheel->due, link);
		else
			put_into_slot(wheel, entry_of(link));
		link = next;
	}
	make_empty(list);
	return true;
}

void wheel_init(struct wheel *wheel, uint64_t now_tick)
{
	*wheel = (struct wheel){.now = now_tick, .expiring_to = now_tick};
	for (unsigned i = 0; i < WHEEL_LEVELS * WHEEL_SLOTS; i++)
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

void wheel_remove(struct wheel *wheel, struct wheel_entry *entry)
{
	struct wheel_link *next = entry->link.next;
	struct wheel_link *prev = entry->link.prev;

	if (!next)
		return;
	next->prev = prev;
	prev->next = next;
	entry->link.next = NULL;
	entry->link.prev = NULL;

	// It was alone in its list, so both neighbours were the list itself. For the lists behind
	// the slots this clears bits that are never set.
	if (next == prev) {
		size_t index = next - wheel->slots;
		assert(index < WHEEL_LEVELS * WHEEL_SLOTS + 2);
		mark_empty(wheel, index / WHEEL_SLOTS, index % WHEEL_SLOTS);
	}
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
			wheel->now = wheel->expiring_to;
			wheel->expiring = false;
			return NULL;
		}
	}
	return take_first(&wheel->due);
}

uint64_t wheel_next(const struct wheel *wheel)
{
	unsigned level, slot;

	if (!is_empty(&wheel->due) || !is_empty(&wheel->late))
		return wheel->now;
	if (!wheel->levels)
		return WHEEL_NEVER;
	uint64_t begin = first_slot(wheel, &level, &slot);
	if (level == 0)
		return begin;

	// A cascade is a wake-up for nothing; with few timers about, looking costs less.
	const struct wheel_link *list = &wheel->slots[level * WHEEL_SLOTS + slot];
	const struct wheel_link *link = list->next;
	uint64_t earliest = WHEEL_NEVER;
	for (unsigned i = 0; i < LOOK_AT_MOST && link != list; i++) {
		uint64_t tick = ((const struct wheel_entry *)link)->tick;
		if (tick < earliest)
			earliest = tick;
		link = link->next;
	}
	return link == list ? earliest : begin;
}
