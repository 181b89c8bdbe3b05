/*
 * The timing wheel: keeps deadlines and hands them out in order when their tick has come. It knows
 * no clock, no threads and no allocation; what a tick is, and whose timer an entry is, its user
 * says.
 */
#ifndef TIMERS_WHEEL_H
#define TIMERS_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	// The lowest level is large: most deadlines are near, and one that is on it is never moved
	// again. Moving a million entries costs a cache miss each. It has two blocks of slots, so
	// that what is less than a block's ticks away lies on it wherever in its block `now` is.
	WHEEL_BLOCK_BITS = 12,
	WHEEL_NEAR_SLOTS = 2 << WHEEL_BLOCK_BITS,
	WHEEL_FAR_BITS = 6,
	WHEEL_FAR_LEVELS = (64 - WHEEL_BLOCK_BITS + WHEEL_FAR_BITS - 1) / WHEEL_FAR_BITS,
	WHEEL_SLOTS = WHEEL_NEAR_SLOTS + (WHEEL_FAR_LEVELS << WHEEL_FAR_BITS),
};

#define WHEEL_NEVER UINT64_MAX

struct wheel_link {
	struct wheel_link *next;
	struct wheel_link *prev;
};

// A walk through a slot, see wheel_walk_ahead().
struct wheel_walk {
	const struct wheel_link *list;  // of the slot; NULL: begins anew
	const struct wheel_link *at[2]; // where its ends are; the list: there is nothing left
	bool backward;
};

/* Part of what its user owns; must stay where it is while it is in a wheel. All zero is a valid
 * entry that is in no wheel. `tick` is its deadline, and may be read by the user. */
struct wheel_entry {
	struct wheel_link link;
	uint64_t tick;
};

/*
 * A block is 4,096 ticks. The near level has a slot for each tick of two of them, `last_near` and
 * the one before. The far levels have one for each value of six bits of a block's number, and a
 * block lies on the level of the highest bit in which it differs from `last_near`. So, at all
 * times:
 *
 *  - a far entry's block agrees with `last_near` in all bits above its level, and its slot lies
 *    after that of `last_near`;
 *  - all entries of a level are earlier than all entries of the levels above it, and within a level
 *    slots are in order: the earliest entry is in the first slot of the lowest level in use, and
 *    three bit scans find it;
 *  - before a slot's span begins, `last_near` may jump to any block and no entry has to move. When
 *    it begins, the entries move down, in their order. So entries of one tick never overtake each
 *    other: an earlier one is always moved down before a later one can be added below it;
 *  - `last_near` reaches a block as soon as `now` comes to the end of the last but one before it:
 *    then none of that one's entries is left in the slots that it takes over.
 */
struct wheel {
	uint64_t now;         // all entries up to this tick are out of the slots
	uint64_t last_near;   // the later of the near level's two blocks
	uint64_t expiring_to; // the tick of the round under way, or of the last one
	bool expiring;        // a round is under way: wheel_expire() has not yet returned NULL

	// All levels' slots, near ones first; a bit for each, set if it may have entries; and a bit
	// for each word of those: of even near blocks, of odd ones, and far.
	uint64_t words[3];
	uint64_t marks[WHEEL_SLOTS / 64];
	struct wheel_link slots[WHEEL_SLOTS];

	struct wheel_link due;  // waits to be handed out in this round
	struct wheel_link late; // was due when it was added, waits for the next round
	struct wheel_walk walk;
};

/* An empty wheel at which `now_tick` has already come. It is 150 KB, and must not be moved. */
void wheel_init(struct wheel *wheel, uint64_t now_tick);

/* The entry, which must not be in a wheel, belongs to the wheel until wheel_expire() returns it or
 * wheel_remove() takes it out. Any tick will do: a past one is due at once, in the next round. */
void wheel_add(struct wheel *wheel, struct wheel_entry *entry, uint64_t tick);

/* Harmless for an entry that is in no wheel. */
void wheel_remove(struct wheel_entry *entry);

static inline bool wheel_contains(const struct wheel_entry *entry)
{
	return entry->link.next != NULL;
}

/*
 * Takes out the next entry that is due at `now_tick`, or returns NULL. To be called again and again
 * with the same tick until it returns NULL; those calls are a round:
 *
 *	while ((entry = wheel_expire(wheel, now_tick)))
 *		...
 *
 * Never early. In order of tick, and within a tick in the order they were added. First of all come,
 * in the order they were added, those that were due when they were added.
 *
 * Entries may be added and removed within a round. One that is added with a tick that the round has
 * already reached waits for the next round, so a round always ends; one with a tick between that
 * and `now_tick` is still part of it. A round may be left off; the next call goes on with it, and
 * with a later tick begins a new one. An earlier tick than before counts as that.
 */
struct wheel_entry *wheel_expire(struct wheel *wheel, uint64_t now_tick);

/*
 * Entries that wait have not been touched for long, and each is found by way of its neighbour: who
 * takes them out waits for memory once an entry. So while those of one slot are worked on, those of
 * the next are walked through, a step at a time, from both ends by turns: the entry that a step
 * comes to was asked for two steps before. Returns that entry, or NULL if there is none.
 */
const struct wheel_entry *wheel_walk_ahead(struct wheel *wheel);

/* After wheel_remove() of an entry that may have been in this wheel, if that is walked. */
static inline void wheel_walk_anew(struct wheel *wheel)
{
	wheel->walk.list = NULL;
}

/*
 * When to call wheel_expire() again: WHEEL_NEVER if the wheel is empty, the last round's tick or
 * earlier if an entry is due already; never later than the earliest deadline, and exactly that one
 * if it is close (4,096 ticks) or has few neighbours. Otherwise it may be earlier, at most
 * once a level.
 */
uint64_t wheel_next(struct wheel *wheel);

#endif
