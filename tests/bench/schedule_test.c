/* The arithmetic of a fixed rate: nothing is left out, nothing is early. */
#include <criterion/criterion.h>

#include "bench/load/schedule.h"

static const struct schedule schedule = {
	.start_ns = 1000000007,
	.interval_ns = 1e9 / 70000,
	.senders = 7,
	.total = 700000,
};

Test(schedule, has_nothing_due_before_the_start)
{
	cr_expect_eq(schedule_due(&schedule, 0), 0);
	cr_expect_eq(schedule_due(&schedule, schedule.start_ns - 1), 0);
}

Test(schedule, has_each_message_due_at_its_time_and_not_before)
{
	for (uint64_t n = 0; n < schedule.total; n += 997) {
		uint64_t time = schedule_time(&schedule, n);
		cr_expect_eq(schedule_due(&schedule, time), n + 1);
		if (n > 0)
			cr_expect_eq(schedule_due(&schedule, time - 1), n);
	}
}

Test(schedule, ends_with_the_total)
{
	cr_expect_eq(schedule_due(&schedule, UINT64_MAX / 2), schedule.total);
}

Test(schedule, keeps_the_rate_over_hours)
{
	uint64_t hours_ns = 5 * 3600 * 1000000000ull;
	struct schedule slow = {.interval_ns = 1e9 / 3, .senders = 1, .total = UINT64_MAX};

	cr_expect_eq(schedule_due(&slow, hours_ns), 5 * 3600 * 3 + 1);
}

Test(schedule, shares_all_messages_among_the_senders)
{
	for (uint64_t all = 0; all < 30; all++) {
		uint64_t sum = 0;
		for (uint64_t sender = 0; sender < schedule.senders; sender++)
			sum += schedule_share(&schedule, sender, all);
		cr_expect_eq(sum, all);
	}
}

Test(schedule, gives_a_sender_every_seventh_message)
{
	cr_expect_eq(schedule_time_of(&schedule, 3, 5), schedule_time(&schedule, 3 + 5 * 7));
}
