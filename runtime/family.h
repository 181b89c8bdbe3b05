/* The children of an actor: an array of slots. Only the actor touches it, and what its children's
 * slots have for it. */
#ifndef NOH_RUNTIME_FAMILY_H
#define NOH_RUNTIME_FAMILY_H

#include "runtime/post.h"

/* All: whoever runs the parent's slot. */

/* Makes room for another child. */
struct family *family_with_room(struct slot *parent);

/* A child of this actor, spawned by it or for it. */
static inline void family_add(struct slot *parent, uint64_t handle)
{
	struct family *family = parent->extras ? parent->extras->family : NULL;
	if (__builtin_expect(!family || (!family->empty && family->used == family->room), 0))
		family = family_with_room(parent);

	uint32_t place = family->used;
	if (family->empty) {
		place = family->empty & ~FAMILY_EMPTY;
		family->empty = family->at[place] == FAMILY_END ? 0 : family->at[place];
	} else {
		family->used++;
	}
	family->count++;
	family->at[place] = handle_index(handle);
	struct slot *child = &slot_table[handle_index(handle)];
	child->child_generation = handle_generation(handle);
	child->place = place;
}

void family_free(struct family *family);

/* Ends them all, in ENDING_ words. */
void family_end(struct extras *extras, uint32_t how);

/* The child that sent the envelope has ended: takes it out, and tells the actor, if it
 * lives. */
void family_hear(struct worker *worker, struct slot *slot, struct envelope *envelope);

#endif
