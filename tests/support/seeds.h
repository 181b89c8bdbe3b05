/* Tests whose body is the root of a simulated runtime, run again for each of NOH_SEEDS (10) seeds.
 * In it noh_check() is what asserts: a root that fails prints the seed that replays it. */
#ifndef TESTS_SUPPORT_SEEDS_H
#define TESTS_SUPPORT_SEEDS_H

#include <stdlib.h>

#include <criterion/criterion.h>
#include <noh/test.h>

/* How many seeds to try. */
static inline uint64_t seeds_wanted(void)
{
	const char *value = getenv("NOH_SEEDS");
	uint64_t wanted = value ? strtoull(value, NULL, 10) : 0;
	return wanted ? wanted : 10;
}

static inline uint64_t seeds_try(uint64_t seed, int (*root)(void *))
{
	cr_assert_eq(noh_simulate(seed, root, NULL), 0, "NOH_SEED=%llu", (unsigned long long)seed);
	return noh_test_last_run().hash;
}

/* Nothing beside the seed has a say, either: the last one is tried again, when others live in the
 * places of the actors, and must leave the same trace. */
static inline void seeds_explore(int (*root)(void *))
{
	uint64_t seed, hash = 0;
	for (seed = 1; seed <= seeds_wanted(); seed++)
		hash = seeds_try(seed, root);
	cr_assert_eq(seeds_try(seed - 1, root), hash, "another trace in the same run");
}

#define Simulated(suite, name, ...)                   \
	static void suite##_##name##_root(void);      \
	static int suite##_##name##_run(void *unused) \
	{                                             \
		(void)unused;                         \
		suite##_##name##_root();              \
		return 0;                             \
	}                                             \
	Test(suite, name __VA_OPT__(, ) __VA_ARGS__)  \
	{                                             \
		seeds_explore(suite##_##name##_run);  \
	}                                             \
	static void suite##_##name##_root(void)

#endif
