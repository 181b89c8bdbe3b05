/*
 * Named sets of actors: what groups, topics and cells have in common. A member is a record of its
 * user's, one for each actor in a set; it leaves when its actor is gone for good. Knows nothing of
 * messages.
 *
 * Who goes through a set does so over a snapshot of it, without a lock: the present array, counted.
 * Who changes the set meanwhile makes a copy first, so a change costs a walk over the set at most
 * once for each walk by others.
 */
#ifndef NOH_ACTORS_ROSTER_H
#define NOH_ACTORS_ROSTER_H

#include <noh/noh.h>

#include "actors/names.h"

struct roster {
	struct names names;
};

struct roster_set;

// Embedded in the record.
struct member {
	struct noh_attached attached;
	noh_actor who;
	void (*destroy)(struct member *member); // nobody has it any more
	uint32_t references; // atomic: the set's, what is attached, snapshots, its user's own

	// With the name's shard locked.
	struct roster *roster;
	uint64_t hash;          // of the set's name
	struct roster_set *set; // NULL: in none any more
	size_t place;           // in the set's array
	struct member *next;    // in the set's table
};

// A snapshot. The handles lie side by side, as noh_publish() wants them.
struct crowd {
	uint32_t references; // atomic; raised with the shard locked
	size_t count, room;
	noh_actor *who;
	struct member **at;
};

void roster_init(struct roster *roster);
void roster_finish(struct roster *roster);

/* Any thread. Makes `fresh` a member, whose `who` and `destroy` are set, and which is the roster's
 * from here on; `ret_member` gets it, or the one that the actor has in the set already (then
 * `fresh` is destroyed), with a reference, the caller's. Returns 0, 1 if there was one; -ESRCH if
 * the actor is gone, or an error of the name; then `fresh` is destroyed. */
int roster_join(struct roster *roster, const char *name, struct member *fresh,
		struct member **ret_member);

/* Any thread. Takes an actor out. Returns its member, with a reference, or NULL. */
struct member *roster_leave(struct roster *roster, const char *name, noh_actor who);

/* Any thread. The members as they are now; NULL if there are none. */
struct crowd *roster_look(struct roster *roster, const char *name);
void crowd_drop(struct crowd *crowd);

void member_hold(struct member *member);
void member_drop(struct member *member);

#endif
