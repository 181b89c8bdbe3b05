/* Thousands of fibers wander between threads, mid-function, and end in all the ways there are;
 * stacks go from hand to hand. */
#include "runtime/context.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/random.h"
#include "runtime/stack.h"

enum {
	THREADS = 4,
#ifdef CONTEXT_TSAN
	// It takes two milliseconds to make a fiber known to it.
	FIBERS_AT_A_TIME = 300,
	LIVES = 2000,
#else
	FIBERS_AT_A_TIME = 3000,
	LIVES = 30000,
#endif
};

enum fate { WAITS, HAS_LEFT, HAS_FAILED };

struct thread;

struct fiber {
	struct context context;
	struct thread *thread; // that runs it now
	struct fiber *next;
	struct fiber_stack *stack;
	enum fate fate;
	uint64_t id;
	struct random random;
};

struct thread {
	pthread_t id;
	struct context context;
	struct stack_cache stacks;
	uint64_t visits, moves;
};

static struct stack_depot depot;
static struct thread threads[THREADS];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
// Guarded by the lock.
static struct fiber *first, **last = &first;
static unsigned born, alive, left, failed;

static void expect(bool truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "context: %s\n", what);
	abort();
}

// Suspends the fiber in mid-function. Noinline, since the thread is another one afterwards.
__attribute__((noinline)) static void wait(struct fiber *me)
{
	me->fate = WAITS;
	context_switch(&me->context, &me->thread->context);
}

// Goes down a random depth, waits there, and sees that all is as it was left.
static uint64_t wander(struct fiber *me, unsigned depth)
{
	volatile uint64_t frame[32];
	uint64_t *kept = malloc(sizeof *kept); // which nobody but a suspended stack knows
	uint64_t sum = 1;

	for (unsigned i = 0; i < 32; i++)
		frame[i] = me->id + i;
	*kept = me->id;
	if (random_below(&me->random, 4) == 0)
		wait(me);
	if (depth > 0)
		sum += wander(me, depth - 1);
	for (unsigned i = 0; i < 32; i++)
		expect(frame[i] == me->id + i, "a frame has changed");
	expect(*kept == me->id, "memory has changed");
	free(kept);

	if (random_below(&me->random, 200) == 0) {
		uint64_t tag = 0;
		size_t bytes;
		expect(stack_guard_hit(me->stack->low - 1, &tag, &bytes) && tag == me->id,
		       "the guard names another");
	}
	return sum;
}

static void live(void *argument)
{
	struct fiber *me = argument;

	for (unsigned rounds = 1 + random_below(&me->random, 4); rounds > 0; rounds--) {
		unsigned depth = random_below(&me->random, 12);
		expect(wander(me, depth) == depth + 1, "a result has changed");
	}
	if (random_below(&me->random, 3) == 0) {
		me->fate = HAS_FAILED;
		context_switch(&me->context, &me->thread->context);
	}
	me->fate = HAS_LEFT;
	context_leave(&me->context, &me->thread->context);
}

static struct fiber *fiber_create(struct thread *thread, uint64_t id)
{
	struct fiber *fiber = calloc(1, sizeof *fiber);

	fiber->id = id;
	random_init(&fiber->random, id);
	expect(stack_cache_take(&thread->stacks, id, &fiber->stack) == 0, stack_shortage());
	context_init(&fiber->context, fiber->stack->low, fiber->stack->size, live, fiber);
	return fiber;
}

// Takes the one that has waited longest, or begins a new one; NULL if there is nothing to do now.
static struct fiber *next_fiber(struct thread *thread, bool *ret_is_over)
{
	struct fiber *fiber = NULL;
	uint64_t id = 0;

	pthread_mutex_lock(&lock);
	if (born < LIVES && alive < FIBERS_AT_A_TIME) {
		id = ++born;
		alive++;
	} else if (first) {
		fiber = first;
		first = fiber->next;
		if (!first)
			last = &first;
	}
	*ret_is_over = born == LIVES && alive == 0;
	pthread_mutex_unlock(&lock);
	return id ? fiber_create(thread, id) : fiber;
}

static void put_back(struct fiber *fiber)
{
	pthread_mutex_lock(&lock);
	fiber->next = NULL;
	*last = fiber;
	last = &fiber->next;
	pthread_mutex_unlock(&lock);
}

static void bury(struct thread *thread, struct fiber *fiber)
{
	bool has_failed = fiber->fate == HAS_FAILED;

	if (has_failed)
		context_abandon(&fiber->context);
	stack_cache_give(&thread->stacks, fiber->stack);
	free(fiber);

	pthread_mutex_lock(&lock);
	alive--;
	*(has_failed ? &failed : &left) += 1;
	pthread_mutex_unlock(&lock);
}

static void *run(void *argument)
{
	struct thread *thread = argument;
	bool is_over = false;

	stack_cache_init(&thread->stacks, &depot);
	while (!is_over) {
		struct fiber *fiber = next_fiber(thread, &is_over);
		if (!fiber) {
			sched_yield();
			continue;
		}
		thread->visits++;
		thread->moves += fiber->thread && fiber->thread != thread;
		fiber->thread = thread;
		context_switch(&thread->context, &fiber->context);
		if (fiber->fate == WAITS)
			put_back(fiber);
		else
			bury(thread, fiber);
	}
	stack_cache_finish(&thread->stacks);
	return NULL;
}

int main(void)
{
	uint64_t visits = 0, moves = 0;

	stack_depot_init(&depot, 0);
	for (int i = 0; i < THREADS; i++)
		expect(pthread_create(&threads[i].id, NULL, run, &threads[i]) == 0, "no thread");
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i].id, NULL);
		visits += threads[i].visits;
		moves += threads[i].moves;
	}
	stack_depot_finish(&depot);

	printf("%u left, %u failed, %llu visits, %llu on another thread than before\n", left,
	       failed, (unsigned long long)visits, (unsigned long long)moves);
	expect(left + failed == LIVES, "some are missing");
	expect(failed > LIVES / 10 && moves > LIVES / 10, "too little has happened");
	return 0;
}
