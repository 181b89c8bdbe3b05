/* Results: messages that actors end with, on their way to those who watch them. */
#ifndef NOH_RUNTIME_RESULTS_H
#define NOH_RUNTIME_RESULTS_H

#include "runtime/post.h"

/* The worker that ends `from`. Sends a copy to `watcher`, for its monitor `watch`. */
void result_post(struct envelope *result, uint64_t watcher, uint64_t from, uint64_t watch);

/* The same, to the parent, which is about to be told of the end: by its monitors, or without one if
 * it accepts such messages. */
void result_tell_parent(const struct extras *extras, uint64_t parent, uint64_t self, bool in_limbo);

void result_destroy(struct envelope *result);

/* Whoever runs the slot: a result has come. False: nobody here wants it. */
bool result_comes(struct slot *slot, const struct envelope *envelope);

/* The same, in a fiber: it is about to be received. False: its monitor is over. */
bool result_take(struct slot *slot, const struct envelope *envelope);

/* The same: the monitor is about to be over. Drops what has come by it and was not received. */
void results_drop(struct slot *slot, uint64_t watch);

#endif
