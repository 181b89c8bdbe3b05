/* Stacks, their guards, their reuse, and what can be asked about them. */
#include "runtime/stack.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "runtime/context.h"

// The sanitizers' own handlers turn the signal into an exit code and a report.
#if defined(CONTEXT_ASAN) || defined(CONTEXT_TSAN)
#define ENDS_BY_FAULT .disabled = true
#else
#define ENDS_BY_FAULT .signal = SIGSEGV
#endif

static struct stack_depot depot;
static struct stack_cache cache, other_cache;

static void make_depot(void)
{
	stack_depot_init(&depot, 0);
	stack_cache_init(&cache, &depot);
	stack_cache_init(&other_cache, &depot);
}

static void finish_depot(void)
{
	stack_cache_finish(&cache);
	stack_cache_finish(&other_cache);
	stack_depot_finish(&depot);
}

TestSuite(stack, .init = make_depot, .fini = finish_depot);

static struct fiber_stack *taken(uint64_t tag)
{
	struct fiber_stack *stack;

	cr_assert_eq(stack_cache_take(&cache, tag, &stack), 0);
	return stack;
}

static bool is_resident(const void *address)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char resident;

	cr_assert_eq(mincore((void *)((uintptr_t)address / page * page), 1, &resident), 0);
	return resident & 1;
}

Test(stack, is_writable_from_end_to_end)
{
	struct fiber_stack *stack = taken(1);

	memset(stack->low, 0xab, stack->size);

	cr_expect(stack->size >= 32 << 10);
	stack_cache_give(&cache, stack);
}

Test(stack, is_rounded_up_to_pages)
{
	struct stack_depot odd;

	stack_depot_init(&odd, 50000);

	cr_expect_eq(odd.usable_bytes % (size_t)sysconf(_SC_PAGESIZE), 0);
	cr_expect_geq(odd.usable_bytes, 50000);
	stack_depot_finish(&odd);
}

Test(stack, comes_back_last_in_first_out)
{
	struct fiber_stack *first = taken(1), *second = taken(2);

	stack_cache_give(&cache, first);
	stack_cache_give(&cache, second);

	cr_expect_eq(taken(3), second);
	cr_expect_eq(taken(4), first);
}

Test(stack, wanders_from_cache_to_cache)
{
	struct fiber_stack *stack = taken(1), *again;
	stack_cache_give(&other_cache, stack);
	stack_cache_finish(&other_cache);

	cr_assert_eq(stack_cache_take(&cache, 2, &again), 0);

	cr_expect_eq(again, stack);
}

Test(stack, gives_memory_back_when_many_are_free)
{
	enum { MANY = 1000 };
	static struct fiber_stack *stacks[MANY];
	for (int i = 0; i < MANY; i++) {
		stacks[i] = taken(i + 1);
		stacks[i]->low[0] = 1;
	}

	for (int i = 0; i < MANY; i++)
		stack_cache_give(&cache, stacks[i]);

	int resident = 0;
	for (int i = 0; i < MANY; i++)
		resident += is_resident(stacks[i]->low);
	cr_expect_gt(resident, 100, "what is likely to be used again stays");
	cr_expect_lt(resident, 400);
	for (int i = 0; i < MANY; i++)
		memset(taken(i + 1)->low, 1, 16);
}

Test(stack, guard_names_the_owner)
{
	struct fiber_stack *first = taken(71), *second = taken(72);
	uint64_t tag = 0;
	size_t bytes;

	cr_expect(stack_guard_hit(first->low - 1, &tag, &bytes));
	cr_expect_eq(tag, 71);
	cr_expect(stack_guard_hit(second->low - 1, &tag, &bytes));
	cr_expect_eq(tag, 72);
	cr_expect(stack_guard_hit(second->low - 60000, &tag, &bytes), "a large frame steps far");
	cr_expect_eq(tag, 72);
}

Test(stack, guard_is_not_hit_elsewhere)
{
	struct fiber_stack *stack = taken(71);
	uint64_t tag = 5;
	size_t bytes;
	int local;

	cr_expect_not(stack_guard_hit(stack->low, &tag, &bytes));
	cr_expect_not(stack_guard_hit(stack->low + stack->size - 1, &tag, &bytes));
	cr_expect_not(stack_guard_hit(&local, &tag, &bytes));
	cr_expect_not(stack_guard_hit(NULL, &tag, &bytes));
	stack_cache_give(&cache, stack);
	cr_expect_not(stack_guard_hit(stack->low - 1, &tag, &bytes), "nobody has it any more");
	cr_expect_eq(tag, 5);
}

Test(stack, guard_of_a_finished_depot_is_forgotten)
{
	struct stack_depot passing;
	struct stack_cache its_cache;
	struct fiber_stack *stack;
	uint64_t tag;
	size_t bytes;
	stack_depot_init(&passing, 0);
	stack_cache_init(&its_cache, &passing);
	cr_assert_eq(stack_cache_take(&its_cache, 9, &stack), 0);
	char *guard = stack->low - 1;

	stack_depot_finish(&passing);

	cr_expect_not(stack_guard_hit(guard, &tag, &bytes));
}

Test(stack, guard_stops_a_write_below_the_end, ENDS_BY_FAULT)
{
	struct fiber_stack *stack = taken(1);

	((volatile char *)stack->low)[-1] = 1;
}

Test(stack, guard_survives_that_memory_is_given_back, ENDS_BY_FAULT)
{
	struct fiber_stack *stack = taken(1);
	madvise(stack->low - 4096, stack->size + 4096, MADV_DONTNEED);

	((volatile char *)stack->low)[-1] = 1;
}

Test(stack, knows_how_deep_it_was_used)
{
	struct fiber_stack *stack = taken(1);
	cr_expect_eq(stack_deepest_use(stack), 0);

	stack->low[stack->size - 5000] = 1;

	size_t deepest = stack_deepest_use(stack);
	cr_expect(deepest >= 5000 && deepest <= 5008, "%zu", deepest);
	stack_cache_give(&cache, stack);
}

#if !defined(CONTEXT_ASAN) && !defined(CONTEXT_TSAN) // their shadow memory is beyond any limit
Test(stack, refuses_with_a_reason_when_there_is_no_memory)
{
	struct rlimit limit = {.rlim_cur = 1 << 20, .rlim_max = RLIM_INFINITY};
	struct fiber_stack *stack = NULL;
	setrlimit(RLIMIT_AS, &limit);

	int err = stack_cache_take(&cache, 1, &stack);

	limit.rlim_cur = RLIM_INFINITY;
	setrlimit(RLIMIT_AS, &limit);
	cr_expect_eq(err, -ENOMEM);
	cr_expect_null(stack);
	cr_expect_not_null(strstr(stack_shortage(), "no more memory"));
}
#endif
