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

// How far the bits of a far level lie from the right.
static unsigned shift_of(unsigned level)
{
	return WHEEL_NEAR_BITS + level * WHEEL_FAR_BITS;
}

static void put_into_slot(struct wheel *wheel, struct wheel_entry *entry)
{
	uint64_t difference = entry->tick ^ wheel->now;
	unsigned slot;

	if (difference < WHEEL_NEAR_SLOTS) {
		slot = entry->tick % WHEEL_NEAR_SLOTS;
	} else {
		unsigned highest = 63 - __builtin_clzll(difference);
		unsigned level = (highest - WHEEL_NEAR_BITS) / WHEEL_FAR_BITS;
		slot = WHEEL_NEAR_SLOTS + level * 64 + (entry->tick >> shift_of(level)) % 64;
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

static unsigned first_marked(const struct wheel *wheel)
{
	unsigned far = !wheel->words[0];
	unsigned word = far * 64 + __builtin_ctzll(wheel->words[far]);

	return word * 64 + __builtin_ctzll(wheel->marks[word]);
}

// The slot that holds the earliest entry, and the tick at which its span begins. Removing leaves
// the marks, so that a timer which is added and cancelled costs little; they are cleared here.
static bool first_slot(struct wheel *wheel, unsigned *ret_slot, uint64_t *ret_begin)
{
	for (;;) {
		if (!(wheel->words[0] | wheel->words[1]))
			return false;

		unsigned slot = first_marked(wheel);
		if (is_empty(&wheel->slots[slot])) {
			clear_mark(wheel, slot);
			continue;
		}

		bool near = slot < WHEEL_NEAR_SLOTS;
		unsigned shift = near ? 0 : shift_of((slot - WHEEL_NEAR_SLOTS) / 64);
		uint64_t bits = near ? WHEEL_NEAR_SLOTS - 1 : 63;
		*ret_begin = ((wheel->now >> shift & ~bits) | (slot & bits)) << shift;
		*ret_slot = slot;
		return true;
	}
}

// Moves `now` to where the first slot begins, unless that is later than `target`, and the slot's
// entries down or out.
static bool advance(struct wheel *wheel, uint64_t target)
{
	unsigned slot;
	uint64_t begin;

	if (!first_slot(wheel, &slot, &begin) || begin > target)
		return false;

	struct wheel_link *list = &wheel->slots[slot];
	wheel->now = begin;
	clear_mark(wheel, slot);
	wheel_walk_anew(wheel);
	if (slot < WHEEL_NEAR_SLOTS) {
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
			wheel->now = wheel->expiring_to;
			wheel->expiring = false;
			return NULL;
		}
	}
	return take_first(&wheel->due);
}

const struct wheel_entry *wheel_walk_ahead(struct wheel *wheel)
{
	struct wheel_walk *walk = &wheel->walk;

	if (!wheel->words[0])
		return NULL; // what is far will be moved before it is due
	const struct wheel_link *list = &wheel->slots[first_marked(wheel)];
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
	unsigned slot;
	uint64_t begin;

	if (!is_empty(&wheel->due) || !is_empty(&wheel->late))
		return wheel->now;
	if (!first_slot(wheel, &slot, &begin))
		return WHEEL_NEVER;
	if (slot < WHEEL_NEAR_SLOTS)
		return begin;

	// A cascade is a wake-up for nothing; with few timers about, looking costs less.
	const struct wheel_link *list = &wheel->slots[slot];
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
