/* Results: messages that actors end with, on their way to those who watch them. */
#ifndef NOH_RUNTIME_RESULTS_H
#define NOH_RUNTIME_RESULTS_H

#include "runtime/post.h"

/* Any thread. A copy of the message, to be kept until the end. */
struct envelope *result_create(const struct noh_message_type *type, const void *body);
void result_destroy(struct envelope *result);

/* The worker that ends `from`. Sends a copy to `to`, for its monitor `watch`; 0: to the parent. */
void result_post(struct envelope *result, uint64_t to, uint64_t from, uint64_t watch);

/* Whoever runs the slot: a result has come. False: nobody here wants it. */
bool result_comes(struct slot *slot, const struct envelope *envelope);

/* The same, in a fiber: it is about to be received. False: its monitor is over. */
bool result_take(struct slot *slot, const struct envelope *envelope);

#endif
