/* How far a client's requests are ahead of the routers. Counts, and keeps slices in order. */
#include "broker/ahead.h"

#include <assert.h>
#include <string.h>

#include <noh/noh.h>

static struct ahead *created(uint32_t router_count)
{
	struct ahead *ahead = noh_alloc(sizeof(*ahead) + router_count * sizeof(ahead->of[0]));

	for (uint32_t i = 0; i < router_count; i++)
		ahead->of[i].costs = AHEAD_COSTS_AT_FIRST;
	return ahead;
}

bool ahead_add(struct ahead **ahead, uint32_t router_count, uint32_t router, size_t bytes)
{
	if (!*ahead)
		*ahead = created(router_count);
	struct ahead_of_router *of = &(*ahead)->of[router];
	uint32_t cost = (uint32_t)bytes + of->costs;
	of->unmarked += cost;
	(*ahead)->unmarked += cost;
	return (*ahead)->unmarked >= AHEAD_MARKED_AT;
}

uint32_t ahead_mark(struct ahead *ahead, uint32_t router)
{
	uint32_t cost = ahead->of[router].unmarked;

	ahead->of[router].unmarked = 0;
	ahead->unmarked -= cost;
	ahead->marked += cost;
	return cost;
}

void ahead_confirmed(struct ahead *ahead, uint32_t router, uint64_t cost, uint64_t deliveries)
{
	if (deliveries > AHEAD_MOST / AHEAD_COSTS_DELIVERED)
		deliveries = AHEAD_MOST / AHEAD_COSTS_DELIVERED; // they go one by one
	ahead->of[router].costs = AHEAD_COSTS + (uint32_t)deliveries * AHEAD_COSTS_DELIVERED;
	assert(ahead->marked >= cost);
	ahead->marked -= cost;
}

void ahead_wait(struct ahead *ahead, noh_bytes slice)
{
	if (!ahead->slices)
		ahead->slices = noh_alloc(sizeof(*ahead->slices));
	assert(ahead->slices->count < AHEAD_SLICES);
	ahead->slices->at[ahead->slices->count++] = noh_keep_bytes(slice);
}

noh_bytes ahead_first(const struct ahead *ahead)
{
	return ahead->slices->at[0];
}

void ahead_leave(struct ahead *ahead, size_t left)
{
	struct ahead_slices *slices = ahead->slices;
	noh_bytes *first = &slices->at[0];

	if (left) {
		first->at = (const uint8_t *)first->at + (first->size - left);
		first->size = left;
		return;
	}
	noh_bytes_drop(*first);
	memmove(first, first + 1, --slices->count * sizeof(*first));
}
