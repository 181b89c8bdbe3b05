/* The load generator's histogram: precise enough at every size of value. */
#include <criterion/criterion.h>

#include "bench/load/histogram.h"

static struct histogram histogram;

Test(histogram, is_zero_while_empty)
{
	cr_expect_eq(histogram_percentile(&histogram, 0.5), 0);
}

Test(histogram, is_exact_for_small_values)
{
	for (uint64_t value = 1; value <= 100; value++)
		histogram_record(&histogram, value);

	cr_expect_eq(histogram_percentile(&histogram, 0.0), 1);
	cr_expect_eq(histogram_percentile(&histogram, 0.5), 50);
	cr_expect_eq(histogram_percentile(&histogram, 0.99), 99);
	cr_expect_eq(histogram_percentile(&histogram, 1.0), 100);
}

Test(histogram, is_at_most_one_percent_too_high)
{
	for (uint64_t value = 1; value < 1ull << 62; value += value / 3 + 1) {
		histogram = (struct histogram){0};
		histogram_record(&histogram, value);
		histogram_record(&histogram, UINT64_MAX);

		uint64_t shown = histogram_percentile(&histogram, 0.5);
		cr_expect_geq(shown, value);
		cr_expect_leq(shown - value, value / 128);
	}
}

Test(histogram, never_shows_more_than_the_largest)
{
	histogram_record(&histogram, 1000001);

	cr_expect_eq(histogram_percentile(&histogram, 0.5), 1000001);
	cr_expect_eq(histogram_percentile(&histogram, 1.0), 1000001);
}

Test(histogram, takes_the_largest_value_there_is)
{
	histogram_record(&histogram, UINT64_MAX);

	cr_expect_eq(histogram_percentile(&histogram, 1.0), UINT64_MAX);
}

Test(histogram, finds_the_one_slow_among_a_thousand)
{
	for (int n = 0; n < 999; n++)
		histogram_record(&histogram, 10);
	histogram_record(&histogram, 1 << 20);

	cr_expect_eq(histogram_percentile(&histogram, 0.999), 10);
	cr_expect_eq(histogram_percentile(&histogram, 0.9991), 1 << 20);
}
