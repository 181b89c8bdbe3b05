/* What noh_test_handle() needs of the runtime: a handler without one, whose sends are kept. */
#ifndef NOH_RUNTIME_RECORDER_H
#define NOH_RUNTIME_RECORDER_H

#include <stdbool.h>

#include <noh/actor.h>

#include "runtime/message.h"

/* True while noh_test_handle() runs a handler on this thread. */
bool recorder_here(void);

/* Keeps a copy of what was sent. Returns 0. */
int recorder_send(noh_actor to, const struct message_info *info, const void *body);

/* The oldest message to `to` that was kept, or NULL. It is taken; its body lives until the next
 * call. */
const struct message_info *recorder_take(noh_actor to, const void **ret_body);

#endif
