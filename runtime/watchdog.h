/* The watchdog: sees that a worker is stuck in a handler, and has its actors and its reactor looked
 * after. */
#ifndef NOH_RUNTIME_WATCHDOG_H
#define NOH_RUNTIME_WATCHDOG_H

#include "runtime/runtime.h"

/* The first worker's thread, before and after the others run. Nothing to do for a runtime of one
 * worker. */
void watchdog_start(struct noh_runtime *runtime);
void watchdog_stop(struct noh_runtime *runtime);

/* A worker comes out of its park: the watchdog must be awake while anybody is. */
void watchdog_wake(struct noh_runtime *runtime);

static inline void watchdog_notice(struct noh_runtime *runtime)
{
	if (__builtin_expect(ck_pr_load_32(&runtime->watchdog_asleep), 0))
		watchdog_wake(runtime);
}

#endif
