/* The children of a supervisor that are listed one by one: what each is, where it is, and how it is
 * found. Knows no strategies. */
#ifndef NOH_ACTORS_SUPERVISOR_CHILDREN_H
#define NOH_ACTORS_SUPERVISOR_CHILDREN_H

#include <noh/supervisor.h>

#include "actors/backoff.h"
#include "actors/key_map.h"
#include "actors/supervisor_report.h"

enum place_state {
	PLACE_EMPTY,    // a spec without a process
	PLACE_STARTING, // its start is not over
	PLACE_RUNNING,
	PLACE_STOPPING, // was told to end by its supervisor, or is killed
	PLACE_ENDED,    // by itself; `end` says how, and waits to be dealt with
	PLACE_RESTING,  // between two lives
	PLACE_LEAVING,  // was let go: its last word has yet to come
};

struct place {
	struct place *before, *after; // in the order in which they are started
	struct place *same_hash;      // another id whose hash is the same
	const struct noh_child *spec; // the plan's, or `kept`'s
	void *kept;                   // the request that brought the spec, or NULL
	enum place_state state;
	noh_actor child; // NOH_NOBODY while it is empty
	bool terminated; // on request: not started with the others
	bool lacks_name; // another has it
	bool timed_out;  // did not stop in its time, and so is killed
	struct child_end *end;
	noh_timer timer; // of its deadline to stop, or of its back-off
	struct backoff backoff;
};

struct children {
	struct place *first, *last;
	size_t count;
	struct key_map by_id, by_handle;
};

/* Behind all others, and empty. The spec stays as long as the place does. */
struct place *children_add(struct children *children, const struct noh_child *spec);
/* It must be empty. */
void children_remove(struct children *children, struct place *place);

struct place *children_find(const struct children *children, const char *id);
struct place *children_find_handle(const struct children *children, noh_actor child);

/* The place has another actor, or NOH_NOBODY. */
void children_set_handle(struct children *children, struct place *place, noh_actor child);

/* As a user sees it. */
enum noh_child_state place_seen(const struct place *place);

/* Answers about all of them. The list lives as long as a message. */
struct noh_children children_list(const struct children *children);
struct noh_child_counts children_counts(const struct children *children);

#endif
