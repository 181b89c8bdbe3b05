/* Crashes: what a supervised actor was at when it failed, put in words for its parent. */
#ifndef NOH_RUNTIME_CRASH_H
#define NOH_RUNTIME_CRASH_H

#include "runtime/post.h"

/* Whoever runs the slot, which has failed with the message in hand: logs it. */
void crash_note(struct worker *worker, const struct slot *slot, const char *reason);

/* Whoever runs the slot, whose life is failing; its state is still whole. The describer may fail
 * in its turn. */
void crash_tell(struct worker *worker, struct slot *slot);

/* The parent's turn; `at` was malloc'd. */
void crash_heard(struct worker *worker, struct slot *slot, uint64_t child, char *at);

#endif
