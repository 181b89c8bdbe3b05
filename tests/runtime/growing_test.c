/* Ranges of addresses that become usable piece by piece. */
#include <criterion/criterion.h>

#include "runtime/growing.h"

enum { RANGE_BYTES = 16 << 20 };

Test(growing, has_no_usable_memory_at_first_but_can_be_read_as_zeros)
{
	struct growing range;

	cr_assert_eq(growing_reserve(&range, RANGE_BYTES), 0);

	cr_expect_eq(range.usable, 0);
	cr_expect_eq(range.bytes, RANGE_BYTES);
	for (size_t at = 0; at < RANGE_BYTES; at += 4096)
		cr_assert_eq(range.at[at], 0);
}

Test(growing, becomes_usable_from_its_beginning_to_its_end_and_is_zero)
{
	struct growing range;
	cr_assert_eq(growing_reserve(&range, RANGE_BYTES), 0);

	for (size_t before = 0; before < RANGE_BYTES; before = range.usable) {
		cr_assert_eq(growing_grow(&range), 0);
		cr_assert_gt(range.usable, before);
		cr_assert_leq(range.usable, RANGE_BYTES);
		for (size_t at = before; at < range.usable; at += 4096)
			cr_assert_eq(range.at[at]++, 0);
		cr_assert_eq(range.at[range.usable - 1]++, 0);
	}

	cr_expect_eq(range.at[0], 1); // where it was
}
