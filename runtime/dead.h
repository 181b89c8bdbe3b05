/* Dead letters: what happens to what found no taker. */
#ifndef NOH_RUNTIME_DEAD_H
#define NOH_RUNTIME_DEAD_H

#include "runtime/message.h"
#include "runtime/post.h"

/* The sender found that the receiver is gone: `to` is no one's any more, but was. Releases what the
 * message would have taken. */
void dead_on_send(struct worker *worker, uint64_t to, const struct message_info *info,
		  const void *body);

/* Counts, traces and reports one to the subscriber. */
void dead_count(struct noh_runtime *runtime, uint64_t to, uint64_t from,
		const struct message_info *info, const void *body, const char *why);

#endif
