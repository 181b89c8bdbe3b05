/*
 * The timing wheel: keeps deadlines and hands them out in order when their tick has come. It knows
 * no clock and no threads; what a tick is, and whose timer an entry is, its user says.
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

enum { WHEEL_CELLS = 13 };

struct wheel_link {
	struct wheel_link *next;
	struct wheel_link *prev;
};

/* A slot's entries by name, in the order they were added. Who takes them out finds many in a line,
 * and can ask for all of them at once: they have not been touched for long, and each lies
 * elsewhere.
 */
struct wheel_chunk {
	struct wheel_link link;                 // of its slot
	uint8_t first, used, count;             // cells: taken out already, in use up to, not empty
	struct wheel_entry *cells[WHEEL_CELLS]; // NULL: it was removed
};

_Static_assert(sizeof(struct wheel_chunk) == 128, "a chunk is two cache lines");

/* Part of what its user owns; must stay where it is while it is in a wheel. All zero is a valid
 * entry that is in no wheel. */
struct wheel_entry {
	uintptr_t cell; // its chunk, and in the lowest bits the cell there; 0: in no wheel
	/* In ticks / 2^tick_bits. The user's: it may become later at any time, and then the entry
	 * may be handed out too early, or once it is due; and earlier, but then it must be removed
	 * and added. */
	uint64_t deadline;
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
	unsigned tick_bits;
	uint64_t now;         // all entries up to this tick are out of the slots
	uint64_t last_near;   // the later of the near level's two blocks
	uint64_t expiring_to; // the tick of the round under way, or of the last one
	bool expiring;        // a round is under way: wheel_expire() has not yet returned NULL

	struct wheel_link due;  // waits to be handed out in this round
	struct wheel_link late; // was due when it was added, waits for the next round

	// All levels' slots, near ones first; a bit for each, set if it may have entries; and a bit
	// for each word of those: of even near blocks, of odd ones, and far.
	uint64_t words[3];
	uint64_t marks[WHEEL_SLOTS / 64];
	struct wheel_link slots[WHEEL_SLOTS];
};

/* An empty wheel at which `now_tick` has already come; a tick is 2^tick_bits units of deadlines. It
 * is 150 KB, and must not be moved. */
void wheel_init(struct wheel *wheel, unsigned tick_bits, uint64_t now_tick);

/* Forgets what it holds. */
void wheel_finish(struct wheel *wheel);

/* Rounds up, so that nothing is early. */
static inline uint64_t wheel_tick_of(const struct wheel *wheel, uint64_t deadline)
{
	return (deadline + ((UINT64_C(1) << wheel->tick_bits) - 1)) >> wheel->tick_bits;
}

/* The entry, which must not be in a wheel, belongs to the wheel until wheel_expire() returns it or
 * wheel_remove() takes it out. Any deadline will do: a past one is due at once, in the next round.
 */
void wheel_add(struct wheel *wheel, struct wheel_entry *entry);

/* Harmless for an entry that is in no wheel. */
void wheel_remove(struct wheel_entry *entry);

static inline bool wheel_contains(const struct wheel_entry *entry)
{
	return entry->cell;
}

/*
 * Takes out the next entry that is due at `now_tick`, or returns NULL. To be called again and again
 * with the same tick until it returns NULL; those calls are a round:
 *
 *	while ((entry = wheel_expire(wheel, now_tick)))
 *		...
 *
 * Never early, but for deadlines that have become later. In order of tick, and within a tick in the
 * order they were added. First of all come, in the order they were added, those that were due when
 * they were added.
 *
 * Entries may be added and removed within a round. One that is added with a tick that the round has
 * already reached waits for the next round, so a round always ends; one with a tick between that
 * and `now_tick` is still part of it. A round may be left off; the next call goes on with it, and
 * with a later tick begins a new one. An earlier tick than before counts as that.
 */
struct wheel_entry *wheel_expire(struct wheel *wheel, uint64_t now_tick);

/* The same for up to `most` entries; returns how many, 0 at the end of the round. They are out of
 * the wheel. Mostly more follow; then what those are part of has been asked for, so that it is at
 * hand when these have been worked on. */
unsigned wheel_expire_some(struct wheel *wheel, uint64_t now_tick, unsigned most,
			   struct wheel_entry *ret_entries[WHEEL_CELLS]);

/*
 * When to call wheel_expire() again: WHEEL_NEVER if the wheel is empty, the last round's tick or
 * earlier if an entry is due already; never later than the earliest deadline, and exactly that one
 * if it is close (4,096 ticks) or has few neighbours. Otherwise it may be earlier, at most
 * once a level.
 */
uint64_t wheel_next(struct wheel *wheel);

#endif
