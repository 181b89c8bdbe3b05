/* The stacks of a runtime, of all sizes: a depot a size, made when the first fiber asks for it. */
#ifndef NOH_RUNTIME_STACKS_H
#define NOH_RUNTIME_STACKS_H

#include "runtime/stack.h"

struct stack_size;

struct stacks {
	void *sizes; // struct stack_size, the newest first; only ever grows
	pthread_mutex_t lock;
};

/* A worker's share of them. Owner only. */
struct stack_caches {
	struct stacks *stacks;
	struct stack_cache *caches; // one a size that was asked for here
	unsigned count;
};

void stacks_init(struct stacks *stacks);
/* All caches have been finished. */
void stacks_finish(struct stacks *stacks);

void stack_caches_init(struct stack_caches *caches, struct stacks *stacks);
void stack_caches_finish(struct stack_caches *caches);

/* As stack_cache_take(), of the size that stack_usable_bytes() makes of `wanted`. */
int stack_caches_take(struct stack_caches *caches, size_t wanted, uint64_t tag,
		      struct fiber_stack **ret_stack);
/* A stack of the same runtime, from any of its workers. */
void stack_caches_give(struct stack_caches *caches, struct fiber_stack *stack);

#endif
