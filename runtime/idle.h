/* Idle actors: told when nobody has sent them anything for a while. */
#ifndef NOH_RUNTIME_IDLE_H
#define NOH_RUNTIME_IDLE_H

#include "runtime/post.h"

/* All: whoever runs the slot. */

/* A message is about to be handled, of an actor that wants to hear of idleness (SLOT_STAMPED). */
void idle_stamp(struct worker *worker, struct slot *slot, const struct envelope *envelope);

/* noh_idle has come and been released or is about to be handled: true if it is to be. */
bool idle_is_over_limit(struct worker *worker, struct slot *slot);

/* The life ends. */
void idle_drop(struct slot *slot);

#endif
