/* The guardian: the parent of the root, of detached actors and of those that plain threads spawn.
 * It outlives them all. */
#ifndef NOH_RUNTIME_GUARDIAN_H
#define NOH_RUNTIME_GUARDIAN_H

#include "runtime/post.h"

extern const struct noh_actor_type guardian_actor_type;

/* Spawns it, and the root as its first child. */
void guardian_start(struct noh_runtime *runtime, int (*function)(void *), void *argument);

/* The turn that runs the root: its life ends, and maybe waits for children. The deadline of the
 * whole tree begins. */
void guardian_root_ends(struct noh_runtime *runtime);

/* The turn that runs the guardian: */
void guardian_child_ended(struct worker *worker, struct slot *slot, uint64_t child,
			  const struct child_ended *ended);
void guardian_stop_asked(struct worker *worker, struct slot *slot);
/* Its deadline has come. False: the slot is not the guardian's. */
bool guardian_alarm(struct worker *worker, struct slot *slot);
/* All its children are gone, and so is it: the runtime may end. */
void guardian_gone(struct noh_runtime *runtime);

#endif
