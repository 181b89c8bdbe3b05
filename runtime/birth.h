/* Births: how the parent of a supervised actor hears that it has started. */
#ifndef NOH_RUNTIME_BIRTH_H
#define NOH_RUNTIME_BIRTH_H

#include "runtime/post.h"

/* Whoever runs the slot. on_start has returned, or the fiber waits: tells the parent, unless the
 * actor has ended or asked for more time. */
void birth_over(struct worker *worker, struct slot *slot);

/* Whoever runs the slot. Tells the parent, once a life. */
void birth_tell(struct worker *worker, struct slot *slot);

/* The parent's turn. */
void birth_heard(struct worker *worker, struct slot *slot, uint64_t child);

#endif
