/* Cycles of asks and joins: fibers that all wait for each other are told so, rather than left to
 * their deadlines. */
#ifndef NOH_RUNTIME_DEADLOCK_H
#define NOH_RUNTIME_DEADLOCK_H

#include "runtime/post.h"

struct probe;

/* Whoever runs the slot of a fiber that waits, perhaps in an ask or a join: a request of another
 * waiting fiber has come, which may have closed a cycle. */
void deadlock_look(struct worker *worker, struct slot *slot);

/* On the fiber's stack: it begins to join an actor, for as long as it takes, and has requests. */
void deadlock_look_before_join(struct worker *worker, uint64_t joined);

/* Whoever runs the slot. A probe has come, which is the callee's. */
void deadlock_probe(struct worker *worker, struct slot *slot, struct probe *probe);

/* One whose receiver is gone. */
void probe_drop(struct probe *probe);

#endif
