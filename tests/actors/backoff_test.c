/* Back-off by itself: how waits grow, and what chance takes off. */
#include "actors/backoff.h"

#include <criterion/criterion.h>

static struct noh_backoff whole(struct noh_backoff options)
{
	backoff_complete(&options);
	return options;
}

Test(backoff, without_a_first_wait_never_waits)
{
	struct noh_backoff options = whole((struct noh_backoff){.factor = 3});
	struct backoff backoff = {0};
	for (int i = 0; i < 5; i++)
		cr_expect_eq(backoff_next(&backoff, &options, i, 12345), 0);
}

Test(backoff, doubles_to_half_a_minute_if_nothing_else_is_said)
{
	struct noh_backoff options =
		whole((struct noh_backoff){.min_ms = 1000, .jitter = NOH_NO_JITTER});
	static const int64_t waits[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000};
	struct backoff backoff = {0};
	for (int i = 0; i < 7; i++)
		cr_expect_eq(backoff_next(&backoff, &options, 0, 0), waits[i]);
}

Test(backoff, begins_again_after_a_stable_time)
{
	struct noh_backoff options = whole(
		(struct noh_backoff){.min_ms = 10, .jitter = NOH_NO_JITTER, .stable_ms = 100});
	struct backoff backoff = {.started_ms = 1000};
	cr_expect_eq(backoff_next(&backoff, &options, 1099, 0), 10);
	cr_expect_eq(backoff_next(&backoff, &options, 1099, 0), 20);
	cr_expect_eq(backoff_next(&backoff, &options, 1100, 0), 10);
}

Test(backoff, stays_at_its_limit_for_ever)
{
	struct noh_backoff options =
		whole((struct noh_backoff){.min_ms = 1, .max_ms = 1000, .factor = 1e300});
	struct backoff backoff = {0};
	for (int i = 0; i < 100000; i++)
		cr_expect_leq(backoff_next(&backoff, &options, 0, 0), 1000);
}

Test(backoff, loses_no_more_than_its_share_to_chance)
{
	struct noh_backoff options =
		whole((struct noh_backoff){.min_ms = 1000, .max_ms = 1000, .jitter = 0.5});
	struct backoff backoff = {0};
	cr_expect_eq(backoff_next(&backoff, &options, 0, 0), 1000);
	cr_expect_eq(backoff_next(&backoff, &options, 0, UINT64_MAX / 2), 750);
	cr_expect_eq(backoff_next(&backoff, &options, 0, UINT64_MAX), 500);
}
