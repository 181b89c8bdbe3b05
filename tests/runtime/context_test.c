/* Contexts on stacks of their own: who runs when, what is kept, and how they end. */
#include "runtime/context.h"

#include <fenv.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

enum { STACK_BYTES = 64 << 10 };

static struct context thread; // the test's own side
static struct context fibers[2];
static void *stacks[2];

static char trace[64];

static void note(const char *what)
{
	strcat(trace, what);
}

static void make(int i, void (*entry)(void *), void *argument)
{
	stacks[i] = aligned_alloc(64, STACK_BYTES);
	context_init(&fibers[i], stacks[i], STACK_BYTES, entry, argument);
}

static void release_stacks(void)
{
	for (int i = 0; i < 2; i++)
		free(stacks[i]);
}

TestSuite(context, .fini = release_stacks);

static void note_twice(void *argument)
{
	note(argument);
	context_switch(&fibers[0], &thread);
	note(argument);
	context_leave(&fibers[0], &thread);
}

Test(context, starts_at_the_first_switch_with_its_argument)
{
	make(0, note_twice, "a");
	cr_expect_str_eq(trace, "");

	context_switch(&thread, &fibers[0]);

	cr_expect_str_eq(trace, "a");
	context_abandon(&fibers[0]);
}

Test(context, goes_on_where_it_stopped)
{
	make(0, note_twice, "a");

	context_switch(&thread, &fibers[0]);
	note("-");
	context_switch(&thread, &fibers[0]);

	cr_expect_str_eq(trace, "a-a");
	cr_expect_null(fibers[0].resume, "it has left for good");
}

static void leave_to_second(void *unused)
{
	(void)unused;
	note("1");
	context_leave(&fibers[0], &fibers[1]);
}

static void leave_to_thread(void *unused)
{
	(void)unused;
	note("2");
	context_leave(&fibers[1], &thread);
}

Test(context, switches_from_fiber_to_fiber)
{
	make(0, leave_to_second, NULL);
	make(1, leave_to_thread, NULL);

	context_switch(&thread, &fibers[0]);

	cr_expect_str_eq(trace, "12");
}

static void sum_deep(void *argument)
{
	long *sum = argument;
	volatile long locals[100];

	for (int i = 0; i < 100; i++)
		locals[i] = i;
	for (int i = 0; i < 100; i++) {
		*sum += locals[i];
		context_switch(&fibers[0], &thread);
	}
	context_leave(&fibers[0], &thread);
}

Test(context, keeps_its_locals_over_many_switches)
{
	long sum = 0;
	make(0, sum_deep, &sum);

	for (int i = 0; i <= 100; i++)
		context_switch(&thread, &fibers[0]);

	cr_expect_eq(sum, 99 * 100 / 2);
}

static void use_vectors(void *argument)
{
	// The compiler takes it that the stack came aligned, and does not align it again.
	volatile _Alignas(16) char bytes[48];

	for (int i = 0; i < 48; i++)
		bytes[i] = 0;
	*(uintptr_t *)argument = (uintptr_t)bytes;
	context_leave(&fibers[0], &thread);
}

Test(context, starts_on_an_aligned_stack)
{
	uintptr_t at = 1;
	make(0, use_vectors, &at);

	context_switch(&thread, &fibers[0]);

	cr_expect_eq(at % 16, 0);
}

static void round_upward(void *unused)
{
	(void)unused;
	fesetround(FE_UPWARD);
	context_switch(&fibers[0], &thread);
	note(fegetround() == FE_UPWARD ? "up" : "other");
	context_leave(&fibers[0], &thread);
}

Test(context, keeps_each_sides_rounding_mode)
{
	fesetround(FE_DOWNWARD);
	make(0, round_upward, NULL);

	context_switch(&thread, &fibers[0]);
	int mine = fegetround();
	context_switch(&thread, &fibers[0]);

	cr_expect_eq(mine, FE_DOWNWARD);
	cr_expect_str_eq(trace, "up");
}

Test(context, may_be_abandoned_before_it_has_started)
{
	make(0, note_twice, "a");

	context_abandon(&fibers[0]);

	cr_expect_str_eq(trace, "");
}

static void dive(int depth)
{
	volatile char frame[200];

	frame[0] = frame[199] = 1;
	if (depth > 0)
		dive(depth - 1);
	else
		context_switch(&fibers[0], &thread);
	frame[1] = frame[0];
}

static void dive_and_stay(void *unused)
{
	(void)unused;
	dive(50);
}

Test(context, leaves_a_usable_stack_when_abandoned_deep_inside)
{
	make(0, dive_and_stay, NULL);
	context_switch(&thread, &fibers[0]);

	context_abandon(&fibers[0]);
	memset(stacks[0], 0, STACK_BYTES);
	context_init(&fibers[0], stacks[0], STACK_BYTES, note_twice, "b");
	context_switch(&thread, &fibers[0]);
	context_switch(&thread, &fibers[0]);

	cr_expect_str_eq(trace, "bb");
}

static struct context outer;

static void leave_to_outer(void *unused)
{
	(void)unused;
	note("i");
	context_leave(&fibers[1], &outer);
}

static void nest(void *unused)
{
	(void)unused;
	note("o");
	context_switch(&outer, &fibers[1]);
	note("o");
	context_leave(&outer, &thread);
}

Test(context, may_be_saved_elsewhere_than_it_was_made)
{
	make(0, nest, NULL);
	make(1, leave_to_outer, NULL);

	context_switch(&thread, &fibers[0]);

	cr_expect_str_eq(trace, "oio");
}
