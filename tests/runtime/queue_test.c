/* The ring: what thieves take, and what they leave to each other. */
#include <pthread.h>

#include <criterion/criterion.h>

#include "runtime/queue.h"

static struct slot slots[3 * RING_SIZE];
static struct ring first, second;

static void fill(struct ring *ring, struct slot *from, int count)
{
	for (int i = 0; i < count; i++)
		cr_assert(ring_push(ring, &from[i]));
}

Test(ring, gives_what_it_was_given_in_order)
{
	fill(&first, slots, RING_SIZE);

	cr_expect(!ring_push(&first, &slots[RING_SIZE]));
	for (int i = 0; i < RING_SIZE; i++)
		cr_assert_eq(ring_take(&first), &slots[i]);
	cr_expect_eq(ring_take(&first), NULL);
}

Test(ring, gives_a_thief_the_older_half)
{
	fill(&first, slots, 9);

	cr_expect_eq(ring_steal(&first, &second), &slots[4]);

	for (int i = 0; i < 4; i++)
		cr_expect_eq(ring_take(&second), &slots[i]);
	cr_expect_eq(ring_take(&second), NULL);
	for (int i = 5; i < 9; i++)
		cr_expect_eq(ring_take(&first), &slots[i]);
	cr_expect_eq(ring_take(&first), NULL);
}

// A thief has claimed the older half, and was stopped before it copied it.
static void stop_a_thief(struct ring *ring)
{
	ring->head = (ring->head & ~(uint64_t)UINT32_MAX) | RING_SIZE / 2;
}

Test(ring, leaves_alone_what_another_thief_is_copying)
{
	fill(&first, slots, RING_SIZE);
	stop_a_thief(&first);
	fill(&second, slots + RING_SIZE, RING_SIZE);

	cr_expect_eq(ring_steal(&first, &second), NULL);
	for (int i = RING_SIZE / 2; i < RING_SIZE; i++)
		cr_assert_eq(ring_take(&first), &slots[i]);

	// Empty for its owner, who steals elsewhere; but the thief still reads its half.
	struct slot *stolen = ring_steal(&second, &first);
	for (int i = 0; i < RING_SIZE / 2; i++)
		cr_assert_eq(*ring_entry(&first, (uint32_t)i), &slots[i]);
	cr_expect_eq(stolen, &slots[RING_SIZE]);
	cr_expect_eq(ring_take(&second), &slots[RING_SIZE + 1]);
}

static void expect_taken(struct slot *slot)
{
	cr_assert_eq(ring_take(&first), slot);
}

Test(ring, puts_who_is_woken_in_order)
{
	ring_look_for_room(&first);
	cr_assert(ring_push_if(&first, &slots[0], false));
	cr_expect_eq(ring_count(&first), 0);

	cr_assert(ring_push_if(&first, &slots[1], true));
	cr_assert(ring_push_if(&first, &slots[2], false));
	cr_assert(ring_push_if(&first, &slots[3], true));

	cr_expect_eq(ring_count(&first), 2);
	expect_taken(&slots[1]);
	expect_taken(&slots[3]);
	expect_taken(NULL);
	cr_expect_eq(ring_next(&first), NULL);
}

Test(ring, that_is_full_overwrites_nobody)
{
	ring_look_for_room(&first);
	cr_assert(ring_put_next(&first, &slots[RING_SIZE]));
	for (int i = 0; i < RING_SIZE; i++)
		cr_assert(ring_push_if(&first, &slots[i], true));

	cr_expect(!ring_push_if(&first, &slots[RING_SIZE + 1], true));
	cr_expect(!ring_push_if(&first, &slots[RING_SIZE + 1], false));

	for (int i = 0; i < RING_SIZE; i++)
		expect_taken(&slots[i]);
	cr_expect(!ring_push_if(&first, &slots[0], true), "it has not looked");
	ring_look_for_room(&first);
	cr_expect(ring_push_if(&first, &slots[0], true));
	expect_taken(&slots[0]);
}

Test(ring, that_a_thief_has_filled_overwrites_nobody)
{
	ring_look_for_room(&second);
	fill(&first, slots, RING_SIZE);
	cr_assert(ring_steal(&first, &second)); // the older half but one
	cr_assert(ring_put_next(&second, &slots[0]));

	uint32_t room = RING_SIZE - ring_count(&second);
	for (uint32_t i = 0; i < room; i++)
		cr_assert(ring_push_if(&second, &slots[RING_SIZE + i], true));
	cr_expect(!ring_push_if(&second, &slots[0], true));
}

Test(shared_queue, gives_the_first_that_is_not_pinned_and_keeps_the_others_in_order)
{
	struct shared_queue queue = {.lock = PTHREAD_MUTEX_INITIALIZER};

	slot_table = slots; // where nobody has number 0
	for (int i = 1; i <= 5; i++) {
		slots[i].home = i % 2 ? 1 : ANY_WORKER;
		shared_queue_push(&queue, &slots[i]);
	}
	cr_expect_eq(shared_queue_take_unpinned(&queue), &slots[2]);
	cr_expect_eq(shared_queue_take_unpinned(&queue), &slots[4]);
	cr_expect_eq(shared_queue_take_unpinned(&queue), NULL);
	for (int i = 1; i <= 5; i += 2)
		cr_expect_eq(shared_queue_take(&queue), &slots[i]);
	cr_expect_eq(shared_queue_count(&queue), 0);
}

static void *look_for_pinned_ones(void *queue)
{
	for (int i = 0; i < 100 * 1000; i++)
		if (shared_queue_take_unpinned((struct shared_queue *)queue))
			return queue;
	return NULL;
}

// Who parks looks without the lock.
Test(shared_queue, never_seems_empty_while_a_thief_looks_through_it)
{
	struct shared_queue queue = {.lock = PTHREAD_MUTEX_INITIALIZER};
	pthread_t thief;
	void *found;
	uint32_t seen_empty = 0;

	slot_table = slots;
	slots[1].home = 1;
	shared_queue_push(&queue, &slots[1]);
	pthread_create(&thief, NULL, look_for_pinned_ones, &queue);
	while (pthread_tryjoin_np(thief, &found))
		seen_empty += !shared_queue_count(&queue);

	cr_expect_null(found);
	cr_expect_eq(seen_empty, 0);
}
