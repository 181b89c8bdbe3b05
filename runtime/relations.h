/* What an actor is to others: whom it watches, who watches it, to whom it is linked. One table that
 * finds each by its number and by the other actor; knows no messages. */
#ifndef NOH_RUNTIME_RELATIONS_H
#define NOH_RUNTIME_RELATIONS_H

#include <stdbool.h>
#include <stdint.h>

enum relation_kind {
	RELATION_NONE,
	RELATION_WATCH,   // a monitor that this actor has set
	RELATION_WATCHER, // one that somebody has set on it
	RELATION_LINK,    // a link that this actor asked for
	RELATION_LINKED,  // one that the other asked for
};

struct relation {
	uint64_t peer;
	uint64_t id; // given by the one who asked for it, unique among all that this one ever asks
	uint32_t next; // of the same chain, or of the free ones: place + 1
	uint8_t kind;
	bool until_gone; // of monitors
	bool has_result; // of watches: a result has come, and waits to be received
};

// Zeroed it is empty. Places stay as they are when others are added or removed, so each may be
// removed while all are gone through.
struct relations {
	struct relation *at;
	uint32_t *chains; // by peer: place + 1
	uint32_t room, used, free, count;
	uint64_t sequence;
};

/* All: whoever runs the slot. A pointer to a relation is good until the next one is added. */

/* Adds one that this actor asks for. Returns its id, which is never 0. */
uint64_t relations_ask(struct relations *relations, enum relation_kind kind, uint64_t peer,
		       bool until_gone);
/* Adds one that the other asked for. */
void relations_add(struct relations *relations, enum relation_kind kind, uint64_t peer, uint64_t id,
		   bool until_gone);

/* One of this kind with this peer: the first, or the one after `after`. NULL: no more. */
struct relation *relations_with(const struct relations *relations, enum relation_kind kind,
				uint64_t peer, const struct relation *after);
/* The one that was asked for by whoever it was under this id, or NULL. */
struct relation *relations_find(const struct relations *relations, enum relation_kind kind,
				uint64_t peer, uint64_t id);
/* One that this actor asked for, by its id alone, or NULL. */
struct relation *relations_asked(const struct relations *relations, uint64_t id);
/* All of a kind in the order of their places: the first from `*place` on, which moves behind it.
 * NULL: no more. */
struct relation *relations_each(const struct relations *relations, enum relation_kind kind,
				uint32_t *place);

void relations_remove(struct relations *relations, struct relation *relation);
void relations_finish(struct relations *relations);

#endif
