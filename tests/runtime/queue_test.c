/* The ring: what thieves take, and what they leave to each other. */
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
		cr_assert_eq(first.entries[i], &slots[i]);
	cr_expect_eq(stolen, &slots[RING_SIZE]);
	cr_expect_eq(ring_take(&second), &slots[RING_SIZE + 1]);
}
