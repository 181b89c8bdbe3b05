/* Crashes: what a supervised actor was at when it failed or was killed, put in words for its
 * parent.
 */
#ifndef NOH_RUNTIME_CRASH_H
#define NOH_RUNTIME_CRASH_H

#include "runtime/post.h"

/* Whoever runs the slot, which has failed with the message in hand: logs it. */
void crash_note(struct worker *worker, const struct slot *slot, const char *reason);

/* Whoever runs the slot, whose life is failing or was killed; its state is still whole. The
 * describer may fail in its turn. The words wait for the end, which the parent hears of with them.
 */
void crash_tell(struct worker *worker, struct slot *slot);

/* What crash_tell() wrote, for the word of the end; malloc'd. NULL: it has ended well. */
char *crash_take(struct extras *extras);

/* The parent's turn. */
void crash_heard(struct worker *worker, struct slot *slot, uint64_t child,
		 struct child_ended *ended);

#endif
