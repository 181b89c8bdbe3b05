/* What noh_test_handle() needs of the runtime: a handler without one, whose sends are kept. */
#ifndef NOH_RUNTIME_RECORDER_H
#define NOH_RUNTIME_RECORDER_H

#include <stdbool.h>

#include "runtime/message.h"

/* True while noh_test_handle() runs a handler on this thread. */
bool recorder_here(void);
int recorder_send(noh_actor to, const struct message_info *info, const void *body);
/* The handler failed: does not return. */
_Noreturn void recorder_fail(const char *reason);

#endif
