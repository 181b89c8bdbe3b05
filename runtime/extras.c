/* Extras: how their parts come to be, and go. Knows not what they are for. */
#include "runtime/extras.h"

#include <stdlib.h>
#include <string.h>

#include "mailbox/pool.h"
#include "runtime/family.h"
#include "runtime/results.h"

// The sizes are known to the compiler: it writes zeros in a few steps.
static inline __attribute__((always_inline)) void *zeroed(size_t size)
{
	return memset(pool_take(pool_class_of(size), size), 0, size);
}

struct extras *extras_of(struct slot *slot)
{
	if (!slot->extras)
		slot->extras = zeroed(sizeof(*slot->extras));
	return slot->extras;
}

struct ask_table *asks_of(struct slot *slot)
{
	struct extras *extras = extras_of(slot);
	if (!extras->asks) {
		extras->asks = zeroed(sizeof(*extras->asks));
		extras->asks->alarm_ns = UINT64_MAX;
	}
	return extras->asks;
}

struct relations *relations_of(struct slot *slot)
{
	struct extras *extras = extras_of(slot);
	if (!extras->relations)
		extras->relations = zeroed(sizeof(*extras->relations));
	return extras->relations;
}

struct rare *rare_of(struct slot *slot)
{
	struct extras *extras = extras_of(slot);
	if (!extras->rare)
		extras->rare = zeroed(sizeof(*extras->rare));
	return extras->rare;
}

static void rare_free(struct rare *rare)
{
	free(rare->last_failure);
	free(rare->crash);
	free(rare->ending.reason);
	if (rare->result)
		result_destroy(rare->result);
	free(rare->taken.at);
	free(rare->idle);
	pool_give(pool_class_of(sizeof(*rare)), rare);
}

void extras_free(struct extras *extras)
{
	if (extras->asks) {
		free(extras->asks->asks);
		pool_give(pool_class_of(sizeof(*extras->asks)), extras->asks);
	}
	if (extras->relations) {
		relations_finish(extras->relations);
		pool_give(pool_class_of(sizeof(*extras->relations)), extras->relations);
	}
	if (extras->rare)
		rare_free(extras->rare);
	if (extras->family)
		family_free(extras->family);
	pool_give(pool_class_of(sizeof(*extras)), extras);
}
