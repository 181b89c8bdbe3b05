/* Random choices: repeated by their seed, and spread evenly. */
#include "runtime/random.h"

#include <criterion/criterion.h>

Test(random, repeats_with_the_same_seed)
{
	struct random a, b;
	random_init(&a, 42);
	random_init(&b, 42);

	for (int i = 0; i < 100; i++)
		cr_assert_eq(random_next(&a), random_next(&b));
}

Test(random, differs_with_neighbouring_seeds)
{
	struct random a, b;
	int same = 0;
	random_init(&a, 0);
	random_init(&b, 1);

	for (int i = 0; i < 1000; i++)
		same += random_below(&a, 10) == random_below(&b, 10);

	cr_expect(same > 50 && same < 150, "%d", same);
}

Test(random, stays_below_its_limit)
{
	struct random random;
	random_init(&random, 7);

	for (uint64_t limit = 1; limit < 100; limit++)
		for (int i = 0; i < 100; i++)
			cr_assert_lt(random_below(&random, limit), limit);
	cr_expect_eq(random_below(&random, 1), 0);
	cr_expect_eq(random_below(&random, 0), 0);
}

Test(random, hits_all_evenly)
{
	enum { SIDES = 6, THROWS = 60000 };
	int hits[SIDES] = {0};
	struct random random;
	random_init(&random, 1);

	for (int i = 0; i < THROWS; i++)
		hits[random_below(&random, SIDES)]++;

	// Six standard deviations.
	for (int side = 0; side < SIDES; side++)
		cr_expect(abs(hits[side] - THROWS / SIDES) < 550, "%d: %d", side, hits[side]);
}

Test(random, has_a_new_seed_each_time)
{
	cr_expect_neq(random_fresh_seed(), random_fresh_seed());
}
