/* States: an actor's own copy of what it was spawned with. Behind that of a supervised one lie the
 * types of the messages that its life has handled last, for the report of a crash. */
#ifndef NOH_RUNTIME_STATE_H
#define NOH_RUNTIME_STATE_H

#include <string.h>

#include <noh/actor.h>

#include "mailbox/pool.h"

enum { HANDLED_KEPT = 7 };

struct handled {
	uint32_t ids[HANDLED_KEPT]; // 0: not that many yet
	uint32_t oldest;            // where the next one goes
};

size_t state_bytes(const struct noh_actor_type *type, bool supervised);
void *state_copy(const struct noh_actor_type *type, const void *state, bool supervised);
void state_free(const struct noh_actor_type *type, void *state, bool supervised);

/* The same for one that is not supervised: nothing but a copy. */
static inline void *state_copy_plainly(const struct noh_actor_type *type, const void *state)
{
	size_t size = type->state_size;
	return memcpy(pool_take(pool_class_of(size), size), state, size);
}

static inline void state_free_plainly(const struct noh_actor_type *type, void *state)
{
	pool_give(pool_class_of(type->state_size), state);
}

/* Of a supervised actor. */
struct handled *state_handled(const struct noh_actor_type *type, void *state);

/* Whoever runs the actor: it is done with a message of this type; 0: of none. */
static inline void handled_add(struct handled *handled, uint32_t id)
{
	if (!id)
		return;
	handled->ids[handled->oldest++] = id;
	if (handled->oldest == HANDLED_KEPT)
		handled->oldest = 0;
}

#endif
