/* Control messages: from one part of the runtime to another, in an actor's turn. */
#ifndef NOH_RUNTIME_CONTROL_H
#define NOH_RUNTIME_CONTROL_H

#include "runtime/post.h"

/* Whoever runs the slot, with an envelope of POST_CONTROL for its present tenant. */
void control_handle(struct worker *worker, struct slot *slot, struct envelope *envelope);

/* Whoever runs the slot, between messages. Fails an actor whose mailbox holds more than its quota;
 * true if it does. */
bool control_fail_if_over(struct worker *worker, struct slot *slot);

#endif
