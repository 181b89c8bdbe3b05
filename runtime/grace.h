/* Grace: how long an actor that ends later, and is shut down, may keep its parent waiting. */
#ifndef NOH_RUNTIME_GRACE_H
#define NOH_RUNTIME_GRACE_H

#include "runtime/post.h"

/* Whoever runs the slot, whose actor ends later, and is shut down. Its time begins, unless it has;
 * whose supervisor keeps the time has none. */
void grace_begin(struct worker *worker, struct slot *slot);

/* An alarm of this actor rings. True: its time was over, and so is its life. */
bool grace_alarm(struct worker *worker, struct slot *slot);

#endif
