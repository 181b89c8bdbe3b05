/* States, as they lie in memory: of a supervised actor one block holds both parts, so that an idle
 * one needs no other. */
#include "runtime/state.h"

#include <string.h>

#include "mailbox/pool.h"

// Where the second part would begin; at least a byte, as a state is what shows that one lives.
static size_t own_bytes(const struct noh_actor_type *type)
{
	const size_t unit = _Alignof(struct handled);
	size_t size = type->state_size ? type->state_size : 1;
	return (size + unit - 1) / unit * unit;
}

size_t state_bytes(const struct noh_actor_type *type, bool supervised)
{
	return own_bytes(type) + (supervised ? sizeof(struct handled) : 0);
}

struct handled *state_handled(const struct noh_actor_type *type, void *state)
{
	return (struct handled *)(void *)((char *)state + own_bytes(type));
}

void *state_copy(const struct noh_actor_type *type, const void *state, bool supervised)
{
	size_t size = state_bytes(type, supervised);
	void *copy = pool_take(pool_class_of(size), size);

	memcpy(copy, state, type->state_size);
	if (supervised)
		*state_handled(type, copy) = (struct handled){.oldest = 0};
	return copy;
}

void state_free(const struct noh_actor_type *type, void *state, bool supervised)
{
	if (state)
		pool_give(pool_class_of(state_bytes(type, supervised)), state);
}
