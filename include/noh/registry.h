/* Names: an actor is registered under a name, and found by it without a message. */
#ifndef NOH_REGISTRY_H
#define NOH_REGISTRY_H

#include <noh/actor.h>

NOH_BEGIN

/* Gives an actor a name in its runtime: `noh_register("bank", noh_self());` Any thread. Copies the
 * name, of at most 255 bytes. The name stays over the actor's restarts and is free again when it is
 * gone for good; an actor may have several. Returns 0, also if it has the name already; -EEXIST if
 * another has it, -ESRCH if `who` is gone, -EINVAL for "", -ENAMETOOLONG. */
int noh_register(const char *name, noh_actor who);

/* Takes the name away from it. Any thread. Returns 0; -ENOENT if it does not have it. */
int noh_unregister(const char *name, noh_actor who);

/* Who has the name, or NOH_NOBODY: `noh_actor bank = noh_where("bank");` Handlers, fibers; plain
 * threads name their runtime. Takes neither a message nor a lock: tens of nanoseconds. The handle
 * is good for the actor's restarts too, so that it need not be looked up for each message. */
noh_actor noh_where(const char *name);
noh_actor noh_where_in(struct noh_runtime *runtime, const char *name);

/* The same, and if nobody has it waits until somebody does; for ever if `within_ms` < 0. Fibers,
 * plain threads. NOH_NOBODY when time is up. */
noh_actor noh_wait_where(const char *name, int64_t within_ms);
noh_actor noh_wait_where_in(struct noh_runtime *runtime, const char *name, int64_t within_ms);

NOH_END
#endif
