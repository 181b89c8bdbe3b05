/*
 * What an actor has beyond its slot, made on first need: its children, connections, asks,
 * monitors, name. An idle actor without any of these has none, and one that has but a connection
 * or an allocation has a cache line. Touched by whoever runs the actor, and by nobody else.
 */
#ifndef NOH_RUNTIME_EXTRAS_H
#define NOH_RUNTIME_EXTRAS_H

#include <noh/extend.h>

#include "runtime/relations.h"
#include "runtime/seams.h"
#include "runtime/slot.h"

// An open ask of this actor. Its id is sequence << 20 | place in the table.
struct ask {
	uint64_t id; // 0: free
	uint64_t to; // whom it asks
	uint64_t deadline_ns;
	uint64_t within_ns; // the deadline of the request that it was asked for; or UINT64_MAX
	uint64_t tag;
	uint32_t request_id, answer_id;
	uint32_t next_free;
};

enum { ASK_PLACE_BITS = 20, ASKS_MOST = 1 << ASK_PLACE_BITS };

struct ask_table {
	struct ask *asks;
	uint32_t room, open, free, used;
	uint64_t sequence;
	uint64_t alarm_ns; // when the alarm rings; UINT64_MAX: no alarm
	struct alarm *alarm;
};

// A request that this actor took by noh_reply_later() and that is not answered yet.
struct taken_request {
	uint64_t asker, ask;
	uint64_t deadline_ns;
};

// A growing array; each kind of list here is short.
#define LIST_OF(type)                 \
	struct {                      \
		type *at;             \
		uint32_t count, room; \
	}

// How the life that is ending ends; kept while the actor waits for its children.
struct ending {
	int why; // enum noh_why
	// Of one that ends later: when its time is over, wrapping; 0: it has no limit.
	uint32_t until_ms;
	int64_t code;
	char *reason; // ours
};

// noh_idle_after(). The alarm is set once a quiet spell and moved only when it rings.
struct idle {
	uint64_t after_ns; // 0: it does not want to hear of it
	uint64_t last_ns;  // when somebody has last sent something that was handled
	struct alarm *alarm;
};

enum { POSTPONED_END = (1 << 24) - 1 };

// What hardly any actor ever has.
struct rare {
	uint32_t restarts;
	uint32_t postponed_count : 24;
	uint32_t restarts_heard : 8; // how many noh_restart() have come, wrapping
	char *last_failure;
	char *crash; // of the life that is ending, if it has failed or was killed; supervised ones
	const char *name;
	noh_describe_fn describe;

	size_t owned_bytes; // counted where there is a quota
	LIST_OF(struct taken_request) taken;
	struct idle *idle;                    // NULL: noh_idle_after() was never called
	struct envelope *postponed;           // newest of a ring, as slot->saved
	const struct noh_actor_type *born_as; // before noh_become(); NULL: it never became another

	struct ending ending;
	struct envelope *result; // of noh_finish(); told if the life ends normally
	void *next_state;        // noh_restart() came before the end: it starts again with this
};

_Static_assert(sizeof(struct rare) <= 128, "a block of the pool");

struct extras {
	struct owned *owned; // connections, allocations
	struct kept_bytes *kept;
	struct noh_attached *attached;
	struct fiber *fiber;

	// Each made on first need.
	struct family *family; // children
	struct ask_table *asks;
	struct relations *relations; // monitors and links
	struct rare *rare;
};

_Static_assert(sizeof(struct extras) <= 64, "a million connections and timers have nothing else");

/* Whoever runs the slot: makes what is not there yet. extras.c */
struct extras *extras_of(struct slot *slot);
struct ask_table *asks_of(struct slot *slot);
struct relations *relations_of(struct slot *slot);
struct rare *rare_of(struct slot *slot);

void extras_free(struct extras *extras);

/* Children, by slot index; each knows its place. An array apart from their slots, so that one can
 * be taken out of a million without a look at others, which lie anywhere. */
enum { FAMILY_EMPTY = 1 << 30, FAMILY_END = FAMILY_EMPTY | (FAMILY_EMPTY - 1) };

struct family {
	uint32_t count, used, room;
	uint32_t empty; // a list of empty places, each with FAMILY_EMPTY, or FAMILY_END; 0: none
	uint32_t at[];
};

static inline uint32_t child_count(const struct extras *extras)
{
	return extras->family ? extras->family->count : 0;
}

/* Whoever runs the slot: what is there already, or NULL. */
static inline struct ask_table *asks_if_any(const struct slot *slot)
{
	return slot->extras ? slot->extras->asks : NULL;
}

static inline struct relations *relations_if_any(const struct slot *slot)
{
	return slot->extras ? slot->extras->relations : NULL;
}

static inline struct rare *rare_if_any(const struct slot *slot)
{
	return slot->extras ? slot->extras->rare : NULL;
}

/* Whoever runs the slot. What its tenant may take up: that of the type it was spawned as. */
static inline const struct noh_limits *limits_of(const struct slot *slot)
{
	const struct rare *rare = rare_if_any(slot);
	return rare && rare->born_as ? &rare->born_as->limits : &slot->type->limits;
}

#define list_add(list, ...)                                                                      \
	do {                                                                                     \
		if ((list)->count == (list)->room) {                                             \
			(list)->room = (list)->room ? 2 * (list)->room : 4;                      \
			(list)->at =                                                             \
				must_reallocate((list)->at, (list)->room * sizeof(*(list)->at)); \
		}                                                                                \
		(list)->at[(list)->count++] = (__VA_ARGS__);                                     \
	} while (0)

// Order does not matter in these lists.
#define list_remove_at(list, index) ((list)->at[index] = (list)->at[--(list)->count])

#endif
