/* Stacks for fibers, cut from slabs, each above a guard, kept for reuse. Knows no actors: an owner
 * is a number. */
#ifndef NOH_RUNTIME_STACK_H
#define NOH_RUNTIME_STACK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stack_slab;

/* One stack. It grows down from low + size; the guard lies right below `low`. */
struct fiber_stack {
	char *low;
	size_t size;

	// Who has it; 0 while nobody does. Written by whoever takes or gives it, read by
	// stack_guard_hit().
	uint64_t tag;

	// The next one in the list of free ones that it is in.
	struct fiber_stack *next;

	unsigned valgrind_id;
};

/* Where the stacks of one size come from: what is free is shared by its caches. */
struct stack_depot {
	// Constant after init.
	size_t usable_bytes;
	unsigned warm_limit, cache_limit;

	// Guarded by the lock.
	pthread_mutex_t lock;
	struct fiber_stack *warm; // their pages may still be in memory
	struct fiber_stack *cold; // their pages have been given back to the kernel
	unsigned warm_count;
	struct stack_slab *slabs; // the newest first, the only one that may not be cut up yet
};

/* The free stacks of one worker, last in first out. Owner only. */
struct stack_cache {
	struct stack_depot *depot;
	struct fiber_stack *free;
	unsigned count;
};

/* What a fiber gets that asks for so much: rounded up to pages, 16 KiB at least; 0 means the
 * default, 32 KiB. Twice that under a sanitizer, whose frames are larger. */
size_t stack_usable_bytes(size_t wanted);

/* `usable_bytes` goes through stack_usable_bytes(). */
void stack_depot_init(struct stack_depot *depot, size_t usable_bytes);

/* Unmaps every stack, also those that were not given back. All its caches have been finished. */
void stack_depot_finish(struct stack_depot *depot);

void stack_cache_init(struct stack_cache *cache, struct stack_depot *depot);

/* Gives what is free to the depot. */
void stack_cache_finish(struct stack_cache *cache);

/* Takes a stack for the owner `tag`, which is not 0. What is in it is left over from earlier
 * owners. Returns 0, or -ENOMEM, which a user may bring about by asking for too many fibers: log
 * stack_shortage() and refuse. */
int stack_cache_take(struct stack_cache *cache, uint64_t tag, struct fiber_stack **ret_stack);

/* Gives a stack back, to any cache of its depot. Nothing runs on it any more. */
void stack_cache_give(struct stack_cache *cache, struct fiber_stack *stack);

/* Says in words why there was no stack: the kernel's limit of mappings, or of memory. A constant
 * string. */
const char *stack_shortage(void);

/* How many bytes from the top down have ever been written, by this owner or by earlier ones since
 * the pages were last given back or cleaned. Reads the whole stack: only for its owner, or while
 * that is suspended. */
size_t stack_deepest_use(const struct fiber_stack *stack);

/* Clears what earlier owners have written. For its new owner, while nothing runs on it. */
void stack_clean(struct fiber_stack *stack);

/* Tells whether the address lies in the guard of a stack that somebody has, who that is, and how
 * large the stack. Any
 * thread, also in a signal handler. */
bool stack_guard_hit(const void *address, uint64_t *ret_tag, size_t *ret_bytes);

#endif
