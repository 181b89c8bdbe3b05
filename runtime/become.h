/* Messages that an actor keeps for later. */
#ifndef NOH_RUNTIME_BECOME_H
#define NOH_RUNTIME_BECOME_H

#include "runtime/post.h"

/* Whoever runs the slot. The envelope, which is in no mailbox, is kept for later. */
void postponed_add(struct slot *slot, struct envelope *envelope);

/* Whoever runs the slot. What was kept comes next, in its order, before all other mail. The slot
 * may have none, but has extras. */
void postponed_replay(struct worker *worker, struct slot *slot);

#endif
