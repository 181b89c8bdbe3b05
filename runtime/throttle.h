/* Actors that are held back because they have sent to one that is overloaded: a list of each
 * worker. Knows not what an overload is. */
#ifndef NOH_RUNTIME_THROTTLE_H
#define NOH_RUNTIME_THROTTLE_H

#include "runtime/worker.h"

/* All: the worker's own thread. */

/* Who has had its turn, and met `worker->throttled_by`. */
void throttle_add(struct worker *worker, struct slot *slot);

/* The one held back for longest, if it may go on; or NULL. */
struct slot *throttle_take(struct worker *worker);

/* Until when this worker may sleep for the sake of those it holds back. Not above now: look again
 * at once. */
uint64_t throttle_until(struct worker *worker);

#endif
