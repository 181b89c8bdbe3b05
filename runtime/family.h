/* The children of an actor: an array of slots. Only the actor touches it, and what its children's
 * slots have for it. */
#ifndef NOH_RUNTIME_FAMILY_H
#define NOH_RUNTIME_FAMILY_H

#include "runtime/post.h"

/* All: whoever runs the parent's slot. */

/* A child of this actor, spawned by it or for it. */
void family_add(struct slot *parent, uint64_t child);

void family_free(struct family *family);

/* Ends them all, in ENDING_ words. */
void family_end(struct extras *extras, uint32_t how);

/* The child that sent the envelope has ended: takes it out, and tells the actor, if it
 * lives. */
void family_hear(struct worker *worker, struct slot *slot, struct envelope *envelope);

#endif
