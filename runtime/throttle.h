/* Actors that are held back because they have sent to one that is overloaded: a list of each
 * worker. Knows not what an overload is. */
#ifndef NOH_RUNTIME_THROTTLE_H
#define NOH_RUNTIME_THROTTLE_H

#include "runtime/worker.h"

/* All but throttle_steal(): the worker's own thread. */

/* Of an actor that has fallen behind on this worker; of one of the last of very many: nobody knows
 * where. */
enum { THROTTLE_ANYWHERE = UINT8_MAX };

static inline uint8_t throttle_mark(const struct worker *worker)
{
	return worker->index + 1 < THROTTLE_ANYWHERE ? (uint8_t)(worker->index + 1)
						     : THROTTLE_ANYWHERE;
}

/* Who has had its turn, and met `worker->throttled_by`: is held back here, or goes on where that
 * one runs. */
void throttle_add(struct worker *worker, struct slot *slot);

/* The one held back for longest, if it may go on; or NULL. */
struct slot *throttle_take(struct worker *worker);

/* Another worker, which may run it: the same, while `from` is stuck. */
struct slot *throttle_steal(struct worker *from, uint64_t now_ns);

/* Until when this worker may sleep for the sake of those it holds back. Not above now: look again
 * at once. */
uint64_t throttle_until(struct worker *worker);

#endif
