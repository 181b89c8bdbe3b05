/* Tests the set of packet ids against a plain array of flags. */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "broker/ids.h"

Test(ids, knows_what_was_added_and_not_removed)
{
	struct ids ids = {0};

	cr_expect(ids_add(&ids, 7));
	cr_expect_not(ids_add(&ids, 7));
	cr_expect(ids_add(&ids, 65535));
	cr_expect(ids_remove(&ids, 7));
	cr_expect_not(ids_remove(&ids, 7));
	cr_expect_not(ids_remove(&ids, 0));
	cr_expect_eq(ids.count, 1);

	ids_finish(&ids);
}

Test(ids, takes_every_id_there_is)
{
	struct ids ids = {0};
	uint64_t *listed;
	bool seen[65536] = {false};

	for (unsigned id = 1; id < 65536; id++)
		cr_assert(ids_add(&ids, (uint16_t)id));
	listed = ids_listed(&ids);
	for (unsigned i = 0; i < 65535; i++)
		seen[listed[i]] = true;

	for (unsigned id = 1; id < 65536; id++)
		cr_assert(seen[id] && ids_remove(&ids, (uint16_t)id));
	cr_expect_eq(ids.count, 0);
	free(listed);
	ids_finish(&ids);
}

/* A few ids that share a place, so that holes are closed in all ways. */
Test(ids, agrees_with_flags_whatever_is_done)
{
	struct ids ids = {0};
	bool flags[65536] = {false};

	srand(3);
	for (int step = 0; step < 200000; step++) {
		uint16_t id = step % 2 ? (uint16_t)(1 + rand() % 12 + 16 * (rand() % 6))
				       : (uint16_t)(1 + rand() % 200 + 4096 * (rand() % 8));
		if (rand() % 2) {
			cr_assert_eq(ids_add(&ids, id), !flags[id]);
			flags[id] = true;
		} else {
			cr_assert_eq(ids_remove(&ids, id), flags[id]);
			flags[id] = false;
		}
	}
	ids_finish(&ids);
}

Test(ids, holds_no_memory_when_finished)
{
	struct ids ids = {0};

	ids_add(&ids, 1);
	ids_finish(&ids);

	cr_expect_null(ids.places);
}
