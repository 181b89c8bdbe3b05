/* The stacks of a runtime by their sizes, and a worker's caches of them. Does not know what runs on
 * them. */
#include "runtime/stacks.h"

#include <stdlib.h>

#include "mailbox/atomic.h"
#include "mailbox/pool.h"

struct stack_size {
	struct stack_size *next;
	struct stack_depot depot;
};

static struct stack_depot *find(struct stacks *stacks, size_t bytes)
{
	struct stack_size *size = (struct stack_size *)load_acquire(&stacks->sizes);

	while (size && size->depot.usable_bytes != bytes)
		size = size->next;
	return size ? &size->depot : NULL;
}

static struct stack_depot *find_or_make(struct stacks *stacks, size_t wanted)
{
	size_t bytes = stack_usable_bytes(wanted);

	pthread_mutex_lock(&stacks->lock);
	struct stack_depot *depot = find(stacks, bytes);
	if (!depot) {
		struct stack_size *size = must_allocate_zeroed(sizeof(*size));
		stack_depot_init(&size->depot, wanted);
		size->next = (struct stack_size *)stacks->sizes;
		store_release(&stacks->sizes, size); // pairs with find()
		depot = &size->depot;
	}
	pthread_mutex_unlock(&stacks->lock);
	return depot;
}

static struct stack_cache *cache_of(struct stack_caches *caches, size_t bytes, size_t wanted)
{
	// A program has few sizes.
	for (unsigned i = 0; i < caches->count; i++)
		if (caches->caches[i].depot->usable_bytes == bytes)
			return &caches->caches[i];

	struct stack_depot *depot = find(caches->stacks, bytes);
	if (!depot)
		depot = find_or_make(caches->stacks, wanted);
	caches->caches =
		must_reallocate(caches->caches, (caches->count + 1) * sizeof(*caches->caches));
	stack_cache_init(&caches->caches[caches->count], depot);
	return &caches->caches[caches->count++];
}

void stacks_init(struct stacks *stacks)
{
	*stacks = (struct stacks){0};
	pthread_mutex_init(&stacks->lock, NULL);
}

void stacks_finish(struct stacks *stacks)
{
	struct stack_size *next;

	for (struct stack_size *size = (struct stack_size *)stacks->sizes; size; size = next) {
		next = size->next;
		stack_depot_finish(&size->depot);
		free(size);
	}
	pthread_mutex_destroy(&stacks->lock);
}

void stack_caches_init(struct stack_caches *caches, struct stacks *stacks)
{
	*caches = (struct stack_caches){.stacks = stacks};
}

void stack_caches_finish(struct stack_caches *caches)
{
	for (unsigned i = 0; i < caches->count; i++)
		stack_cache_finish(&caches->caches[i]);
	free(caches->caches);
	caches->caches = NULL;
	caches->count = 0;
}

int stack_caches_take(struct stack_caches *caches, size_t wanted, uint64_t tag,
		      struct fiber_stack **ret_stack)
{
	return stack_cache_take(cache_of(caches, stack_usable_bytes(wanted), wanted), tag,
				ret_stack);
}

void stack_caches_give(struct stack_caches *caches, struct fiber_stack *stack)
{
	// One that came here with a fiber that migrates may be the first of its size; its depot is
	// there already.
	stack_cache_give(cache_of(caches, stack->size, 0), stack);
}
