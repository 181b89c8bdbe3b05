/* Waking parked workers, and threads that wait for an answer. */
#ifndef NOH_RUNTIME_WAKE_H
#define NOH_RUNTIME_WAKE_H

#include "runtime/runtime.h"

/* Any thread, after it has pushed. Wakes one parked worker to search, unless somebody searches
 * already. */
void wake_one(struct noh_runtime *runtime);

/* Any thread, after it has pushed into the home queue of a worker: wakes that one if it is parked.
 */
void wake_this(struct noh_runtime *runtime, uint32_t index);

/* Any thread. Clears the idle bit of a worker; true for the one who cleared it. */
bool wake_claim(struct noh_runtime *runtime, uint32_t index);

/* Any thread. Whether some worker is parked, or about to. */
bool is_anybody_idle(const struct noh_runtime *runtime);

/* Any thread. It has not looked at the clock for a while, and does not sleep. */
struct worker;
bool is_worker_stuck(const struct worker *worker, uint64_t now_ns);

/* Any thread. The hidden slot of a plain thread has an answer. */
void wake_thread(struct slot *slot);

#endif
