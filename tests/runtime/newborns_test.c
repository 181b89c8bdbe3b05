/* Who has not begun yet: in which order they come, and what thieves get. */
#include <criterion/criterion.h>

#include "runtime/newborns.h"

enum { MS = 1000 * 1000 };

static struct slot slots[2 * NEWBORNS_MOST + 1]; // of index 1 and up: 0 ends a list
static struct newborns newborns;
static struct ring ring;
static struct shared_queue inject = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void init(void)
{
	slot_table = slots;
	newborns_init(&newborns);
}

static void finish(void)
{
	newborns_finish(&newborns);
}

TestSuite(newborns, .init = init, .fini = finish);

static void push(int first, int last, int parent)
{
	for (int i = first; i <= last; i++)
		newborns_push(&newborns, &slots[i], &slots[parent], 0);
}

static void expect_next(int index)
{
	cr_expect_eq(newborns_take(&newborns, 0, false), index ? &slots[index] : NULL);
}

Test(newborns, begin_with_the_newest)
{
	push(1, 3, 9);

	expect_next(3);
	push(4, 4, 9);
	expect_next(4);
	expect_next(2);
	expect_next(1);
	expect_next(0);
}

Test(newborns, begin_before_their_parent_goes_on)
{
	push(1, 2, 9);

	cr_expect(newborns_keep_parent(&newborns, &slots[9]));
	cr_expect(!newborns_keep_parent(&newborns, &slots[8]));

	expect_next(2);
	expect_next(1);
	expect_next(9);
	expect_next(0);
}

Test(newborns, come_by_turns_with_others)
{
	push(1, 2, 9);

	cr_expect_eq(newborns_take(&newborns, 0, true), &slots[2]);
	cr_expect_eq(newborns_take(&newborns, 0, true), NULL);
	cr_expect_eq(newborns_take(&newborns, 0, true), &slots[1]);
}

Test(newborns, are_not_kept_waiting_by_younger_ones_for_ever)
{
	push(1, 9, 9);

	cr_expect_eq(newborns_take(&newborns, MS, false), &slots[9]);
	cr_expect_eq(newborns_take(&newborns, MS + 1, false), &slots[1]);
	newborns_push(&newborns, &slots[10], &slots[9], MS + 1);
	newborns_push(&newborns, &slots[11], &slots[9], MS + 1);
	cr_expect_eq(newborns_take(&newborns, 2 * MS, false), &slots[11]);
	cr_expect_eq(newborns_take(&newborns, 2 * MS + 2, false), &slots[2]);
}

Test(newborns, wait_in_order_when_they_are_many)
{
	push(1, NEWBORNS_MOST + 2, 9);

	expect_next(NEWBORNS_MOST + 2);
	expect_next(NEWBORNS_MOST + 1);
	for (int i = 1; i <= NEWBORNS_MOST; i++)
		expect_next(i);
	expect_next(0);
}

Test(newborns, give_a_thief_the_older_half)
{
	push(1, 5, 9);

	cr_expect_eq(newborns_steal(&newborns, &ring, &inject), &slots[1]);

	cr_expect_eq(ring_take(&ring), &slots[2]);
	cr_expect_eq(ring_take(&ring), &slots[3]);
	cr_expect_eq(ring_take(&ring), NULL);
	cr_expect_eq(shared_queue_take(&inject), &slots[4]);
	cr_expect_eq(shared_queue_take(&inject), &slots[5]);
	cr_expect_eq(newborns_count(&newborns), 0);
	expect_next(0);
}

Test(newborns, give_a_thief_half_of_those_that_wait)
{
	push(1, NEWBORNS_MOST + 1, 9);
	expect_next(NEWBORNS_MOST + 1);

	cr_expect_eq(newborns_steal(&newborns, &ring, &inject), &slots[1]);

	cr_expect_eq(ring_count(&ring), RING_SIZE - 1);
	cr_expect_eq(shared_queue_count(&inject), 0);
	expect_next(RING_SIZE + 1);
}
