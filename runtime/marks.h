/* The marks of an envelope (post.h): what is looked at before its message is handled. */
#ifndef NOH_RUNTIME_MARKS_H
#define NOH_RUNTIME_MARKS_H

#include "runtime/post.h"

/* Whoever runs the slot, about to handle a message that is marked. Takes its marks off. False: it
 * has expired and been counted; the caller releases it. */
bool marks_take(struct noh_runtime *runtime, struct slot *slot, struct envelope *envelope);

/* Whoever runs the slot, about to handle a request with a deadline. True: its asker has given up;
 * it has been counted, and the caller releases it. */
bool request_is_late(struct worker *worker, struct envelope *envelope);

/* The message will not be handled. Takes its marks off. */
void marks_clear(struct envelope *envelope);

#endif
