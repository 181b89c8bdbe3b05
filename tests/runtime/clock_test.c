/* Clocks go forward. */
#include "runtime/clock.h"

#include <criterion/criterion.h>

Test(clock, never_goes_back)
{
	uint64_t last = clock_now_ns(&clock_monotonic);

	for (int i = 0; i < 10000; i++) {
		uint64_t now = clock_now_ns(&clock_monotonic);
		cr_assert(now >= last);
		last = now;
	}
	cr_expect_gt(last, 0);
}

Test(clock, stands_still_when_virtual)
{
	struct clock_virtual virtual;

	clock_virtual_init(&virtual, 5);

	cr_expect_eq(clock_now_ns(&virtual.clock), 5);
	cr_expect_eq(clock_now_ns(&virtual.clock), 5);
}

Test(clock, moves_as_told_when_virtual)
{
	struct clock_virtual virtual;
	clock_virtual_init(&virtual, 5);

	clock_virtual_advance(&virtual, 10);
	cr_expect_eq(clock_now_ns(&virtual.clock), 15);
	clock_virtual_advance_to(&virtual, 100);
	cr_expect_eq(clock_now_ns(&virtual.clock), 100);
	clock_virtual_advance_to(&virtual, 50);
	cr_expect_eq(clock_now_ns(&virtual.clock), 100);
}

Test(clock, stops_at_the_end_of_time)
{
	struct clock_virtual virtual;
	clock_virtual_init(&virtual, 5);

	clock_virtual_advance(&virtual, UINT64_MAX);

	cr_expect_eq(clock_now_ns(&virtual.clock), UINT64_MAX);
}

Test(clock, is_never_ahead_of_a_glance_nor_far_behind)
{
	struct clock_glance glance = {0};
	uint64_t last = 0;

	clock_glance_init();
	for (int i = 0; i < 100000; i++) {
		uint64_t before = clock_now_ns(&clock_monotonic);
		uint64_t seen = clock_glance_ns(&clock_monotonic, &glance);
		uint64_t after = clock_now_ns(&clock_monotonic);
		cr_assert_geq(seen, before);
		cr_assert_leq(seen, after + CLOCK_GLANCE_NS);
		cr_assert_geq(seen, last);
		last = seen;
	}
}

Test(clock, is_exact_at_a_glance_when_virtual)
{
	struct clock_glance glance = {0};
	struct clock_virtual virtual;
	clock_virtual_init(&virtual, 5);

	cr_expect_eq(clock_glance_ns(&virtual.clock, &glance), 5);
	clock_virtual_advance(&virtual, 10);
	cr_expect_eq(clock_glance_ns(&virtual.clock, &glance), 15);
}
