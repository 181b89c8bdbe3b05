/* The load generator's judgement of one publisher's messages: lost, duplicated, reordered. */
#include <criterion/criterion.h>

#include "bench/load/flow.h"

static struct flow after(size_t count, const uint32_t *sequences)
{
	struct flow flow = {0};

	for (size_t at = 0; at < count; at++)
		flow_take(&flow, sequences[at]);
	return flow;
}

#define AFTER(...) \
	after(sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), (uint32_t[]){__VA_ARGS__})

static void expect(struct flow flow, uint32_t sent, uint64_t lost, uint32_t duplicated,
		   uint32_t reordered)
{
	cr_expect_eq(flow_lost(&flow, sent), lost);
	cr_expect_eq(flow.duplicated, duplicated);
	cr_expect_eq(flow.reordered, reordered);
	flow_finish(&flow);
}

Test(flow, finds_nothing_wrong_in_order)
{
	expect(AFTER(0, 1, 2, 3), 4, 0, 0, 0);
}

Test(flow, counts_what_is_missing_in_front_in_the_middle_and_at_the_end)
{
	expect(AFTER(1, 2, 5), 8, 5, 0, 0);
}

Test(flow, counts_all_as_lost_when_nothing_came)
{
	expect((struct flow){0}, 7, 7, 0, 0);
}

Test(flow, tells_a_late_message_from_a_lost_one)
{
	expect(AFTER(0, 2, 1, 3), 4, 0, 0, 1);
}

Test(flow, counts_each_message_that_a_later_one_overtook)
{
	expect(AFTER(3, 0, 1, 2), 4, 0, 0, 3);
	expect(AFTER(3, 2, 1, 0), 4, 0, 0, 3);
}

Test(flow, counts_each_repetition)
{
	expect(AFTER(0, 0, 1, 1, 1), 2, 0, 3, 0);
}

Test(flow, counts_a_late_message_that_comes_twice_as_both)
{
	expect(AFTER(0, 2, 1, 1), 3, 0, 1, 1);
}

Test(flow, splits_a_gap_that_is_filled_in_its_middle)
{
	expect(AFTER(9, 4, 4, 2, 7, 7), 10, 6, 2, 3);
}

Test(flow, keeps_many_gaps_apart)
{
	struct flow flow = {0};

	for (uint32_t n = 0; n < 1000; n += 2)
		flow_take(&flow, n);
	for (uint32_t n = 1; n < 999; n += 4)
		flow_take(&flow, n);

	expect(flow, 999, 249, 0, 250);
}
