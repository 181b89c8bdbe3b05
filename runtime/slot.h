/*
 * Slots and handles: the one table of actors of the process. Knows how an actor lies in memory, not
 * how it runs.
 *
 * Slots are type-stable: their memory is only ever used as slots, so a send to a dead actor reads a
 * slot, never freed memory. A handle is node 16, slot 26, generation 22 bits. A slot has that of
 * its tenant; it advances when the tenant is gone, and a slot whose generations are used up is
 * retired, so that no handle is ever valid twice.
 */
#ifndef NOH_RUNTIME_SLOT_H
#define NOH_RUNTIME_SLOT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <noh/actor.h>

#include "mailbox/mailbox.h"

enum {
	SLOT_BITS = 26,
	SLOT_BYTE_BITS = 7,
	ENDING_BITS = 2,
	SLOT_LIMIT = 1 << SLOT_BITS,
	ANY_WORKER = -1, // of `home`
};

// What lives in a slot. Written by its owner, read by its owner.
enum slot_state {
	SLOT_ALIVE,  // 0, so that a test of bits tells a plain actor
	SLOT_FREE,   // nobody: what arrives is a dead letter, or a spawn
	SLOT_ENDING, // waits for its children to end
	SLOT_LIMBO,  // keeps its place: the parent will restart it or let it go
};

// Whether a child's end leaves its place to a next life.
enum keeps_place {
	KEEPS_NOT,
	KEEPS_AFTER_FAILURE, // not after a shutdown
	KEEPS_ALWAYS,        // until its parent stops it, or ends itself
};

// How a slot is run. Written before its handle is known, by whoever made it.
enum slot_kind {
	SLOT_ACTOR,
	SLOT_THREAD, // the hidden slot of a plain thread that asks: a push wakes the thread
	SLOT_INBOX,  // of a test: a push only records
};

struct slot {
	// The senders' line.
	_Alignas(CACHE_LINE) struct mailbox_in in;
	// Of the tenant; advanced by the last owner, read by every sender. Generation 0, behind the
	// last one: nobody can live here any more.
	uint64_t handle;
	union {
		struct {
			uint8_t overloaded; // ends its turns with mail left, there:
					    // throttle_mark(); or 0. Written by the owner
			uint8_t bounded;    // its mailbox is; written by the spawner
		};
		uint16_t marks; // both: a sender that finds any goes the longer way
	};
	int16_t home; // the worker that alone may run it, or ANY_WORKER: slot_set_home()
	union {
		uint32_t place;     // among its parent's children; the parent's
		uint32_t next_free; // in a list of free slots, by slot index
	};
	uintptr_t whose;           // its runtime's address, and 1 if `home` alone may run it
	struct bound *bound;       // of this and former tenants, if one was bounded
	uint32_t throttled_by;     // the overloaded receiver, by slot index; while it is throttled
	uint32_t resume_us;        // when it may run all the same; microseconds, wrapping. A plain
				   // thread sleeps on it
	uint32_t child_generation; // of the tenant that is linked as a child; the parent's
	uint8_t keeps_place;       // for the parent: enum keeps_place; the parent's
	bool supervised : 1;       // tells the parent of start and failure; written by the spawner
	bool named : 1;            // its extras have a name; likewise
	uint8_t kind;
	uint8_t restarts_asked; // how often the parent called noh_restart(), wrapping; the parent's

	// The owner's line: whoever runs the slot. (`ending` is advanced by others.)
	_Alignas(CACHE_LINE) struct mailbox_out out;
	struct envelope *saved; // newest of a ring of detached envelopes, or NULL; or &not_begun
	void *state;
	const struct noh_actor_type *type; // NULL: nobody lives here
	uint64_t parent;                   // written by the spawner
	struct extras *extras;             // made on first need
	uint32_t queue_next; // by index: in a home queue, the inject queue or the throttled list
	uint32_t timers;     // the youngest of its timers, by its place in their table; 0: none
	union {
		struct {
			uint16_t flags;        // enum slot_state, and the SLOT_ flags
			uint8_t throttle_step; // how often in a row it was throttled
			uint8_t has_saved;     // 1: envelopes in `saved`
			uint32_t ending; // generation * 4 + ENDING_ bits; acts between messages
		};
		uint64_t condition; // all of these at one look
	};
};

_Static_assert(sizeof(struct slot) == 2 * CACHE_LINE, "a slot is two cache lines");
_Static_assert(sizeof(struct slot) == 1 << SLOT_BYTE_BITS, "handles are made by shifting");

/* Any thread, but it holds only for whoever owns the slot or has just woken it: another may be
 * about to begin there. Whether each worker of this runtime may run it. */
static inline bool slot_is_shared_in(const struct slot *slot, struct noh_runtime *runtime)
{
	return is_64(&slot->whose, (uintptr_t)runtime);
}

/* Any thread. */
static inline struct noh_runtime *slot_runtime(const struct slot *slot)
{
	uintptr_t whose = __atomic_load_n(&slot->whose, __ATOMIC_RELAXED);
	return (struct noh_runtime *)(whose & ~(uintptr_t)1);
}

/* The owner. Each of its workers may run the slot, unless it has a home. */
static inline void slot_set_runtime(struct slot *slot, const struct noh_runtime *runtime)
{
	__atomic_store_n(&slot->whose, (uintptr_t)runtime, __ATOMIC_RELAXED);
}

/* The owner, once the runtime is set. */
static inline void slot_set_home(struct slot *slot, int16_t home)
{
	uintptr_t whose = slot->whose & ~(uintptr_t)1;
	__atomic_store_n(&slot->home, home, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->whose, whose | (home != ANY_WORKER), __ATOMIC_RELAXED);
}

enum {
	SLOT_STATE_MASK = 3,
	SLOT_KEEPS_PLACE = 1 << 2,
	SLOT_HEARS_STOPPING = 1 << 3, // its type takes noh_stopping
	SLOT_FIBER = 1 << 4,
	SLOT_HEARS_ENDS = 1 << 5,   // its type takes noh_down
	SLOT_STARTING = 1 << 6,     // supervised, and its parent has not been told of its start
	SLOT_STARTS_LATER = 1 << 7, // noh_start_later(): noh_start_done() will tell
	SLOT_ENDS_LATER = 1 << 8,   // noh_end_later(): `extras->ending` says how
	SLOT_STAMPED = 1 << 9,      // noh_idle_after(): it is noted when a message comes
	SLOT_QUOTAS = 1 << 12,      // of owned bytes, timers or children
	SLOT_TRAPS_EXITS = 1 << 10,
	SLOT_DROPS_MAIL = 1 << 14,  // the next life is not to have what came for this one
	SLOT_LOOKS = 1 << 11,       // a fiber that waits only until all mail has been looked at
	SLOT_HEARS_START = 1 << 15, // its type takes noh_start
	SLOT_NOTED = 1 << 13,       // what it is delivered is noted: simulated or supervised
};

enum { SLOT_HEARS = SLOT_HEARS_START | SLOT_HEARS_STOPPING | SLOT_HEARS_ENDS };

// The process's table: one reserved range of addresses, made usable piece by piece.
extern struct slot *slot_table;
// Slots from here on have never been used, and are no slots yet, but can be read as zeros: a handle
// that names one was forged. Only ever grows.
extern uint32_t slot_table_end;

static inline uint32_t handle_index(uint64_t handle)
{
	return (handle >> GENERATION_BITS) & (SLOT_LIMIT - 1);
}

static inline uint32_t handle_generation(uint64_t handle)
{
	return handle & GENERATION_MASK;
}

static inline uint32_t slot_index(const struct slot *slot)
{
	return (uint32_t)(slot - slot_table);
}

static inline uint64_t handle_of(uint32_t index, uint32_t generation)
{
	return (uint64_t)index << GENERATION_BITS | generation;
}

/* The handle of the slot's present tenant, or of its next one. Any thread; it may be out of date at
 * once, but for the owner. */
static inline uint64_t slot_handle(const struct slot *slot)
{
	return get_64(&slot->handle);
}

static inline uint32_t slot_generation(const struct slot *slot)
{
	return handle_generation(slot_handle(slot));
}

/* Any thread, and as little to be relied on: the envelope is meant for the present tenant. */
static inline bool is_for_tenant(const struct slot *slot, const struct envelope *envelope)
{
	return (uint32_t)slot_handle(slot) == envelope->to;
}

/* Any thread. The slot that a handle names, whoever lives there now; NULL for nobody, and for what
 * was never a handle. */
static inline struct slot *slot_of(uint64_t handle)
{
	// The node's bits are above the index: with any of them set it is no index of this table.
	uint64_t index = handle >> GENERATION_BITS;
	if (__builtin_expect(!handle_generation(handle) || index >= ck_pr_load_32(&slot_table_end),
			     0))
		return NULL;
	return &slot_table[index];
}

/* Any thread. Whether the handle names a slot of the table at all. */
static inline bool is_slot_of(uint64_t handle)
{
	return handle >> GENERATION_BITS < __atomic_load_n(&slot_table_end, __ATOMIC_RELAXED);
}

/* Any thread. The slot, if the handle's actor still has it; the answer may be out of date at once.
 */
static inline struct slot *slot_if_alive(uint64_t handle)
{
	if (__builtin_expect(!is_slot_of(handle), 0))
		return NULL;
	struct slot *slot = &slot_table[handle >> GENERATION_BITS];
	if (__builtin_expect(!is_64(&slot->handle, handle), 0))
		return NULL;
	return slot;
}

/* Whoever runs the slot, where `ending` is not 0. False: it was a wish about a former tenant, and
 * is forgotten. */
bool slot_is_ending(struct slot *slot);

/* Whoever runs the slot. Somebody wishes that its tenant ends. */
static inline bool is_ending_asked(struct slot *slot)
{
	return __builtin_expect(!is_32(&slot->ending, 0), 0) && slot_is_ending(slot);
}

static inline enum slot_state slot_state(const struct slot *slot)
{
	return (enum slot_state)(slot->flags & SLOT_STATE_MASK);
}

static inline void slot_set_state(struct slot *slot, enum slot_state state)
{
	slot->flags = (uint16_t)((slot->flags & ~SLOT_STATE_MASK) | state);
}

// The free slots of one runtime. A slot stays with its runtime until that ends, since a worker may
// still be running it when its next tenant moves in.
struct slot_depot {
	pthread_mutex_t lock;
	uint32_t first; // a list through `next_free`; 0 ends it
	struct noh_runtime *runtime;
};

// A worker's share of them.
struct slot_cache {
	struct slot_depot *depot;
	uint32_t first, count;
};

/* Slots of it are the runtime's; NULL: of threads, which are in none. */
void slot_depot_init(struct slot_depot *depot, struct noh_runtime *runtime);
/* Gives all to the process. No worker of the runtime runs any more, and all caches have been
 * flushed. */
void slot_depot_finish(struct slot_depot *depot);

/* The cache's thread: its slow halves. */
void slot_cache_refill(struct slot_cache *cache);
void slot_cache_spill(struct slot_cache *cache);

enum {
	CACHE_BATCH = 128, // slots that move between a cache and the table at once
	CACHE_MOST = 2 * CACHE_BATCH,
};

/* The cache's thread. A free slot: empty, with the generation its next tenant will have. NULL when
 * 67 million actors live. */
static inline struct slot *slot_take(struct slot_cache *cache)
{
	if (__builtin_expect(!cache->count, 0)) {
		slot_cache_refill(cache);
		if (!cache->count)
			return NULL;
	}
	struct slot *slot = &slot_table[cache->first];
	cache->first = slot->next_free;
	cache->count--;
	slot->place = 0;
	return slot;
}

/* The cache's thread. The slot's tenant is gone and its generation has been advanced. Stale mail
 * may still arrive, or be in it: whoever runs the slot finds that it is nobody's. */
static inline void slot_give(struct slot_cache *cache, struct slot *slot)
{
	slot->next_free = cache->first;
	cache->first = slot_index(slot);
	if (__builtin_expect(++cache->count > CACHE_MOST, 0))
		slot_cache_spill(cache);
}

/* Gives the cache back to the depot. */
void slot_flush(struct slot_cache *cache);

/* Any thread. Puts the process's free slots in order, so that a runtime that begins now gives its
 * actors handles that are in the same order each time, though not the same: who compares them gets
 * the same answers in each replay. */
void slot_sort_free(void);

/* Any thread that knows that its tenant is gone. */
static inline bool slot_is_retired(const struct slot *slot)
{
	return !slot_generation(slot);
}

/* Owner only. Ends the handles of the tenant. False if the slot has no generation left: it must
 * never be given back. */
static inline bool slot_advance(struct slot *slot)
{
	// The senders' check is only a short cut, so it needs no order: what slips through is found
	// by its generation.
	ck_pr_store_64(&slot->handle, slot->handle + 1);
	return !slot_is_retired(slot);
}

#endif
