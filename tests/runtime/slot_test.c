/* Slots: what is read of one without owning it, on every machine and under every sanitizer. */
#include <criterion/criterion.h>

#include "runtime/slot.h"

Test(slot, is_shared_in_its_own_runtime_unless_it_is_pinned)
{
	int one, other; // stand in for runtimes
	struct noh_runtime *runtime = (struct noh_runtime *)(void *)&one;
	struct slot slot = {.home = ANY_WORKER};
	slot_set_runtime(&slot, runtime);

	cr_expect(slot_is_shared_in(&slot, runtime));
	cr_expect_not(slot_is_shared_in(&slot, (struct noh_runtime *)(void *)&other));
	slot_set_home(&slot, 3);
	cr_expect_not(slot_is_shared_in(&slot, runtime));
	cr_expect_eq(slot_runtime(&slot), runtime);
	slot_set_home(&slot, ANY_WORKER);
	cr_expect(slot_is_shared_in(&slot, runtime));
}

Test(slot, is_retired_when_its_last_generation_is_over)
{
	struct slot slot = {.handle = handle_of(7, GENERATION_MASK - 1)};

	cr_expect(slot_advance(&slot));
	cr_expect_eq(slot_handle(&slot), handle_of(7, GENERATION_MASK));
	cr_expect_not(slot_is_retired(&slot));
	cr_expect_not(slot_advance(&slot));
	cr_expect(slot_is_retired(&slot));
}

Test(slot, is_ending_if_that_is_wished_of_its_tenant)
{
	struct slot slot = {.handle = handle_of(7, 3), .ending = 3 << ENDING_BITS | 2};

	cr_expect(is_ending_asked(&slot));
	cr_expect_eq(slot.ending, 3 << ENDING_BITS | 2);
}

// Else all later tenants would take longer ways to look at it.
Test(slot, forgets_what_was_wished_of_a_former_tenant)
{
	struct slot slot = {.handle = handle_of(7, 4), .ending = 3 << ENDING_BITS | 2};

	cr_expect_not(is_ending_asked(&slot));
	cr_expect_eq(slot.ending, 0);
}
