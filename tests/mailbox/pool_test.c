/* Pools of small blocks: what ended threads leave, and blocks that change hands between threads. */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "mailbox/pool.h"
#include "runtime/random.h"

enum { MANY = 2000, FEW = 100, THREADS = 8 };

static void *blocks[THREADS * MANY];

static void *take_many(void *argument)
{
	void **mine = (void **)argument;

	for (int i = 0; i < MANY; i++) {
		mine[i] = pool_take(POOL_128, 0);
		memset(mine[i], 0xa5, 128);
	}
	return NULL;
}

static void *give_many(void *argument)
{
	void **mine = (void **)argument;

	for (int i = 0; i < MANY; i++)
		pool_give(POOL_128, mine[i]);
	return NULL;
}

static void each_in_a_thread_of_its_own(void *(*function)(void *))
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, function, &blocks[i * MANY]);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static int compare(const void *a, const void *b)
{
	uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;
	return x < y ? -1 : x > y;
}

static void expect_that_no_block_is_had_twice(void)
{
	static void *sorted[THREADS * MANY];

	memcpy(sorted, blocks, sizeof(sorted));
	qsort(sorted, THREADS * MANY, sizeof(sorted[0]), compare);
	for (int i = 1; i < THREADS * MANY; i++)
		cr_assert_neq(sorted[i - 1], sorted[i]);
}

Test(pool, gives_each_block_to_one_taker)
{
	each_in_a_thread_of_its_own(take_many);
	expect_that_no_block_is_had_twice();
	each_in_a_thread_of_its_own(give_many);
}

// A block that two have would be written to by the other one before it is given.
static void *take_marked(void)
{
	void **block = (void **)pool_take(POOL_128, 0);
	block[0] = block[15] = block;
	return block;
}

static void give_marked(void *at)
{
	void **block = (void **)at;
	if (block[0] != at || block[15] != at)
		abort(); // in any thread
	block[0] = block[15] = NULL;
	pool_give(POOL_128, at);
}

static size_t count_of(const struct magazine *magazine)
{
	size_t count = 0;
	while (count < MAGAZINE_BLOCKS && magazine->blocks[count])
		count++;
	return count;
}

// The blocks at hand lie in a magazine above the place that tells that there are no more, and a
// spare magazine is either full or empty.
static bool is_in_order(enum pool_class class)
{
	const struct magazine *full = pool_cache.full[class], *empty = pool_cache.empty[class];
	void **top = pool_cache.top[class];
	size_t at_hand = 0;

	while (top[-1]) {
		top--;
		at_hand++;
	}
	return at_hand <= MAGAZINE_BLOCKS && !(full && empty) && !(empty && empty->below) &&
	       !(full && (full->below || count_of(full) != MAGAZINE_BLOCKS));
}

static void *take_and_give_a_few(void *argument)
{
	void **mine = (void **)argument;

	for (int i = 0; i < FEW; i++)
		mine[i] = take_marked();
	for (int i = 0; i < FEW; i++)
		give_marked(mine[i]);
	return NULL;
}

// Up and down by random stretches, so that magazines are used up, filled and traded.
static void take_and_give_at_random(struct random *random)
{
	size_t count = 0;

	for (int i = 0; i < 200; i++) {
		size_t wanted = random_below(random, MANY);
		while (count < wanted)
			blocks[count++] = take_marked();
		while (count > wanted)
			give_marked(blocks[--count]);
		cr_assert(is_in_order(POOL_128));
	}
	while (count)
		give_marked(blocks[--count]);
}

Test(pool, goes_on_with_what_ended_threads_have_left)
{
	struct random random;
	random_init(&random, 1);

	for (int round = 0; round < 20; round++) {
		each_in_a_thread_of_its_own(take_and_give_a_few);
		take_and_give_at_random(&random);
	}
}

static const size_t class_bytes[] = {16, 32, 48, 64, 80, 96, 112, 128, 256, 512, 1024, 2048, 4096};

Test(pool, aligns_to_16_and_whole_cache_lines_to_64)
{
	for (int class = POOL_16; class <= POOL_LARGE; class ++) {
		bool is_whole = class == POOL_LARGE || class_bytes[class] % 64 == 0;
		void *block = pool_take((enum pool_class) class, 5000);

		cr_expect_eq((uintptr_t)block % (is_whole ? 64 : 16), 0);
		pool_give((enum pool_class) class, block);
	}
}

Test(pool, has_a_class_for_each_size)
{
	for (size_t size = 0; size <= 4096; size++) {
		enum pool_class class = pool_class_of(size);

		cr_assert_geq(class_bytes[class], size);
		cr_assert(class == POOL_16 || class_bytes[class - 1] < size);
	}
	cr_expect_eq(pool_class_of(4097), POOL_LARGE);
}
