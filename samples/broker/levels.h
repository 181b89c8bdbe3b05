/* A tree whose paths are topics cut at their slashes, for subscriptions with wildcards and for
 * retained messages. Knows no messages; what a + means is its users' business. */
#ifndef BROKER_LEVELS_H
#define BROKER_LEVELS_H

#include <stdbool.h>

#include "broker/table.h"

/* A level lives as long as it carries a value or has children. */
struct level {
	struct table_entry entry; // in the tree's one table, by the hash of the whole path
	struct level *parent;
	struct level *first_child;
	struct level *next; // siblings, in no order
	struct level *previous;
	struct level *plus; // the child called "+"
	struct level *rest; // the child called "#"
	void *value;
	uint16_t size;
	uint8_t text[];
};

struct levels {
	struct hash_key key;
	struct table table; // of all levels but the root
	struct level *root;
};

void levels_init(struct levels *levels, const struct hash_key *key);

/* Frees all levels; the values are the caller's. */
void levels_finish(struct levels *levels);

struct level *levels_child(const struct levels *levels, const struct level *parent,
			   struct span text);

/* The level at the end of a path, or NULL. */
struct level *levels_find(const struct levels *levels, struct span path);

/* The level at the end of a path, made with all on its way if need be; give it a value. */
struct level *levels_add(struct levels *levels, struct span path);

/* After its value was cleared: frees the level, and those above that have no other purpose. */
void levels_trim(struct levels *levels, struct level *level);

/* The next level of the tree below `top` in depth-first order, starting with `top` itself; NULL
 * at the end. */
struct level *levels_walk(const struct level *top, struct level *level);

/* A place between two levels of a path, to walk it forward and back with no stack, however many
 * levels it has. The level before it is path[start..end). */
struct place {
	struct span path;
	size_t start;
	size_t end;
};

/* Moves to the next level of the path; false if there is none. At the very beginning, with
 * `at_root` set, that is the first one. */
bool place_forward(struct place *place, bool at_root);
void place_back(struct place *place);
struct span place_text(const struct place *place);

#endif
