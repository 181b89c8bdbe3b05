/*
 * Messages that many have at once. A shared message is one deep copy, counted as byte buffers are.
 * The envelopes that carry it have its struct, copied, so that whoever handles one finds a body
 * like any other; what the struct points to is the shared copy's.
 *
 * In such an envelope `ask` is the shared message; behind the struct lies who follows it, or NULL.
 */
#ifndef NOH_RUNTIME_SHARED_H
#define NOH_RUNTIME_SHARED_H

#include <noh/shared.h>

#include "runtime/post.h"

/* How many bytes of a shared envelope's body are in use. */
static inline size_t shared_size(const struct message_info *info)
{
	return ((info->type.size + 7) & ~(size_t)7) + sizeof(struct noh_follow *);
}

/* Whoever would handle it next. False: who follows it says that it is not wanted any more. */
bool shared_is_wanted(const struct envelope *envelope);

/* Whoever is done with the envelope, handled or not: gives its share back, tells who follows it. */
void shared_done(struct envelope *envelope);

/* Handlers, fibers: sends the shared message in hand on to another. */
int shared_forward(noh_actor to, const struct envelope *hand);

#endif
