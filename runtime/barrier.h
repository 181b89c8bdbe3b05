/* A memory barrier on all processors at once, for what is done often by one thread and looked at
 * seldom by others: these pay for both. Knows nothing of who needs it. */
#ifndef NOH_RUNTIME_BARRIER_H
#define NOH_RUNTIME_BARRIER_H

#include <stdbool.h>

/* Any thread, before the first barrier of the process. False: this system has none. It is quick
 * while the process has one thread, and may take some milliseconds later. */
bool barrier_prepare(void);

/* Any thread. When it returns, each other thread of the process has passed a full barrier since it
 * was called. False: it could not be had. */
bool barrier_everywhere(void);

#endif
