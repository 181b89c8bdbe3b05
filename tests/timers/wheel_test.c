/* The timing wheel: sentences about it. Knows no clock; the tests say what tick it is. */
#include <criterion/criterion.h>

#include "timers/wheel.h"

static struct wheel wheel;

static void add_at(struct wheel_entry *entry, uint64_t tick)
{
	entry->deadline = tick;
	wheel_add(&wheel, entry);
}

static void begin(void)
{
	wheel_init(&wheel, 0, 0);
}

static void finish(void)
{
	wheel_finish(&wheel);
}

TestSuite(wheel, .init = begin, .fini = finish);

// Ends the round that it begins, so that the entries still in the wheel are the ones not due.
static unsigned expire_all(uint64_t now_tick)
{
	unsigned count = 0;

	while (wheel_expire(&wheel, now_tick))
		count++;
	return count;
}

// How often somebody who sleeps until wheel_next() wakes before the next entry comes.
static unsigned wakes_until_expired(struct wheel_entry **ret_entry)
{
	unsigned wakes = 0;

	do {
		wakes++;
		*ret_entry = wheel_expire(&wheel, wheel_next(&wheel));
	} while (!*ret_entry && wakes < 1000);
	return wakes;
}

Test(wheel, has_nothing_to_wait_for_when_empty)
{
	wheel_init(&wheel, 0, 100);

	cr_expect_eq(wheel_next(&wheel), WHEEL_NEVER);
	cr_expect_null(wheel_expire(&wheel, 100));
	cr_expect_null(wheel_expire(&wheel, UINT64_MAX));
}

Test(wheel, never_fires_early_nor_late)
{
	for (uint64_t from = 0; from < 5000; from += 61) {
		for (uint64_t after = 1; after < 5000; after += 37) {
			struct wheel_entry entry = {};
			wheel_init(&wheel, 0, from);
			add_at(&entry, from + after);

			cr_assert_leq(wheel_next(&wheel), from + after);
			cr_assert_null(wheel_expire(&wheel, from + after / 2));
			cr_assert_null(wheel_expire(&wheel, from + after - 1));
			cr_assert_eq(wheel_next(&wheel), from + after);
			cr_assert_eq(wheel_expire(&wheel, from + after), &entry);
			cr_assert_not(wheel_contains(&entry));
			cr_assert_null(wheel_expire(&wheel, from + after));
		}
	}
}

Test(wheel, fires_in_order_of_deadline)
{
	static const uint64_t ticks[] = {70, 3, 100000, 64, 63, 4096, 4095, 1, 65, 262144};
	static const uint64_t sorted[] = {1, 3, 63, 64, 65, 70, 4095, 4096, 100000, 262144};
	struct wheel_entry entries[10] = {};
	wheel_init(&wheel, 0, 0);

	for (int i = 0; i < 10; i++)
		add_at(&entries[i], ticks[i]);

	for (int i = 0; i < 10; i++) {
		struct wheel_entry *entry = wheel_expire(&wheel, 1000000);
		cr_assert_not_null(entry);
		cr_expect_eq(entry->deadline, sorted[i]);
	}
	cr_expect_null(wheel_expire(&wheel, 1000000));
}

Test(wheel, fires_one_tick_in_the_order_of_adding)
{
	struct wheel_entry entries[200] = {};
	wheel_init(&wheel, 0, 0);

	// Some lie on a high level first, the last ones are added when their tick is close.
	for (int i = 0; i < 200; i++) {
		add_at(&entries[i], 100000);
		expire_all(500 * i < 99999 ? 500 * i : 99999);
	}

	for (int i = 0; i < 200; i++)
		cr_assert_eq(wheel_expire(&wheel, 100000), &entries[i]);
}

Test(wheel, makes_a_past_deadline_due_at_once)
{
	struct wheel_entry past = {}, present = {}, future = {};
	wheel_init(&wheel, 0, 1000);

	add_at(&future, 1001);
	add_at(&present, 1000);
	add_at(&past, 3);

	cr_expect_leq(wheel_next(&wheel), 1000);
	cr_expect_eq(wheel_expire(&wheel, 1000), &present);
	cr_expect_eq(wheel_expire(&wheel, 1000), &past);
	cr_expect_null(wheel_expire(&wheel, 1000));
	cr_expect_eq(wheel_expire(&wheel, 1001), &future);
}

Test(wheel, forgets_what_is_removed)
{
	struct wheel_entry near = {}, far = {}, late = {}, kept = {};
	wheel_init(&wheel, 0, 10);
	add_at(&near, 20);
	add_at(&far, 5000000);
	add_at(&late, 5);
	add_at(&kept, 20);

	wheel_remove(&near);
	wheel_remove(&far);
	wheel_remove(&late);

	cr_expect_not(wheel_contains(&near));
	cr_expect(wheel_contains(&kept));
	cr_expect_eq(wheel_next(&wheel), 20);
	cr_expect_eq(wheel_expire(&wheel, 10000000), &kept);
	cr_expect_null(wheel_expire(&wheel, 10000000));
	cr_expect_eq(wheel_next(&wheel), WHEEL_NEVER);
}

Test(wheel, removes_without_harm_what_it_does_not_hold)
{
	struct wheel_entry never_added = {}, fired = {}, kept = {};
	wheel_init(&wheel, 0, 0);
	add_at(&fired, 1);
	add_at(&kept, 2);
	cr_assert_eq(wheel_expire(&wheel, 1), &fired);

	wheel_remove(&never_added);
	wheel_remove(&fired);
	wheel_remove(&fired);

	cr_expect_eq(wheel_next(&wheel), 2);
	cr_expect_eq(wheel_expire(&wheel, 2), &kept);
}

Test(wheel, removes_an_entry_of_the_same_tick_while_expiring)
{
	struct wheel_entry entries[3] = {};
	wheel_init(&wheel, 0, 0);
	for (int i = 0; i < 3; i++)
		add_at(&entries[i], 7);

	cr_expect_eq(wheel_expire(&wheel, 9), &entries[0]);
	wheel_remove(&entries[1]);

	cr_expect_eq(wheel_expire(&wheel, 9), &entries[2]);
	cr_expect_null(wheel_expire(&wheel, 9));
}

Test(wheel, moves_an_entry_that_is_added_again_both_ways)
{
	struct wheel_entry entry = {};
	wheel_init(&wheel, 0, 0);
	add_at(&entry, 500);

	wheel_remove(&entry);
	add_at(&entry, 9000);
	cr_expect_eq(expire_all(8999), 0);
	wheel_remove(&entry);
	add_at(&entry, 9005);
	cr_expect_eq(expire_all(9004), 0);
	wheel_remove(&entry);
	add_at(&entry, 9006);

	cr_expect_eq(expire_all(9005), 0);
	cr_expect_eq(expire_all(9006), 1);
}

Test(wheel, hands_out_many_of_a_tick_at_a_time)
{
	enum { COUNT = 3 * WHEEL_CELLS };
	static struct wheel_entry entries[COUNT], later;
	struct wheel_entry *some[WHEEL_CELLS];
	unsigned got = 0, count, most = 5;

	wheel_init(&wheel, 0, 0);
	for (int i = 0; i < COUNT; i++)
		add_at(&entries[i], 100);
	add_at(&later, 101);
	cr_expect_eq(wheel_expire_some(&wheel, 99, WHEEL_CELLS, some), 0);
	while ((count = wheel_expire_some(&wheel, 100, most, some))) {
		cr_assert_leq(count, most);
		for (unsigned i = 0; i < count; i++) {
			cr_assert_eq(some[i], &entries[got++]);
			cr_assert_not(wheel_contains(some[i]));
		}
		most = WHEEL_CELLS;
	}
	cr_expect_eq(got, COUNT);
	cr_expect(wheel_contains(&later));
}

Test(wheel, keeps_a_deadline_that_became_later_until_it_is_due_or_moves)
{
	struct wheel_entry near = {}, far = {}, far_too = {};

	wheel_init(&wheel, 0, 0);
	add_at(&near, 100);
	add_at(&far, 1000000);
	add_at(&far_too, 1000000);
	near.deadline = 5000;
	far.deadline = 9000000;

	cr_expect_eq(wheel_next(&wheel), 100);
	cr_expect_eq(wheel_expire(&wheel, 100), &near); // its user looks
	wheel_add(&wheel, &near);
	cr_expect_eq(expire_all(4999), 0);
	cr_expect_eq(wheel_expire(&wheel, 5000), &near);
	cr_expect_eq(wheel_expire(&wheel, 8999999), &far_too);
	cr_expect_null(wheel_expire(&wheel, 8999999));
	cr_expect_eq(wheel_expire(&wheel, 9000000), &far);
}

Test(wheel, rounds_up_to_its_ticks)
{
	struct wheel_entry entry = {};

	wheel_init(&wheel, 8, 0);
	add_at(&entry, 513);
	cr_expect_eq(wheel_next(&wheel), 3);
	cr_expect_null(wheel_expire(&wheel, 2));
	cr_expect_eq(wheel_expire(&wheel, 3), &entry);
}

Test(wheel, needs_no_memory_for_what_was_removed)
{
	static struct wheel_entry kept[2], entries[100];

	wheel_init(&wheel, 0, 0);
	add_at(&kept[0], 70000);
	for (int round = 0; round < 1000; round++) {
		for (int i = 0; i < 100; i++)
			add_at(&entries[i], 70000);
		for (int i = 0; i < 100; i++)
			wheel_remove(&entries[(i * 37 + round) % 100]);
	}
	add_at(&kept[1], 70000);

	unsigned chunks = 0;
	for (unsigned i = 0; i < WHEEL_SLOTS; i++)
		for (const struct wheel_link *chunk = wheel.slots[i].next; chunk != &wheel.slots[i];
		     chunk = chunk->next)
			chunks++;
	cr_expect_leq(chunks, 2); // those that anybody is in
	cr_expect_eq(wheel_expire(&wheel, 70000), &kept[0]);
	cr_expect_eq(wheel_expire(&wheel, 70000), &kept[1]);
}

Test(wheel, ends_a_round_though_entries_are_added_again_as_due)
{
	struct wheel_entry entries[2] = {};
	wheel_init(&wheel, 0, 0);
	add_at(&entries[0], 5);
	add_at(&entries[1], 5);

	for (int round = 0; round < 3; round++) {
		unsigned count = 0;
		struct wheel_entry *entry;
		while ((entry = wheel_expire(&wheel, 10))) {
			add_at(entry, round ? 10 : 1);
			cr_assert_leq(++count, 2);
		}
		cr_expect_eq(count, 2);
		cr_expect_leq(wheel_next(&wheel), 10);
	}
}

Test(wheel, keeps_a_short_period_through_a_long_jump)
{
	struct wheel_entry every_ten = {};
	struct wheel_entry *entry;
	uint64_t expected = 10;
	wheel_init(&wheel, 0, 0);
	add_at(&every_ten, 10);

	while ((entry = wheel_expire(&wheel, 100005))) {
		cr_assert_eq(entry->deadline, expected);
		expected += 10;
		add_at(entry, expected);
	}

	cr_expect_eq(expected, 100010);
	cr_expect_eq(wheel_next(&wheel), 100010);
}

Test(wheel, goes_on_with_a_round_that_was_left_off)
{
	struct wheel_entry entries[3] = {}, late = {};
	wheel_init(&wheel, 0, 0);
	for (int i = 0; i < 3; i++)
		add_at(&entries[i], 5 + i / 2);
	cr_assert_eq(wheel_expire(&wheel, 5), &entries[0]);

	add_at(&late, 1);

	cr_expect_leq(wheel_next(&wheel), 5);
	cr_expect_eq(wheel_expire(&wheel, 8), &entries[1]);
	cr_expect_eq(wheel_expire(&wheel, 8), &late);
	cr_expect_eq(wheel_expire(&wheel, 8), &entries[2]);
	cr_expect_null(wheel_expire(&wheel, 8));
}

Test(wheel, holds_deadlines_of_any_distance)
{
	struct wheel_entry entries[64] = {}, last = {};
	wheel_init(&wheel, 0, 1);

	add_at(&last, UINT64_MAX);
	for (int i = 63; i > 0; i--)
		add_at(&entries[i], UINT64_C(1) << i);

	for (int i = 1; i < 64; i++) {
		cr_assert_null(wheel_expire(&wheel, (UINT64_C(1) << i) - 1));
		cr_assert_eq(wheel_expire(&wheel, UINT64_C(1) << i), &entries[i]);
	}
	cr_expect_null(wheel_expire(&wheel, UINT64_MAX - 1));
	cr_expect_eq(wheel_expire(&wheel, UINT64_MAX), &last);
}

Test(wheel, jumps_over_ages_in_a_moment)
{
	struct wheel_entry entry = {};
	wheel_init(&wheel, 0, 0);

	// Tick by tick this would take longer than anybody lives.
	for (uint64_t now = 0; now < UINT64_C(1) << 62; now += UINT64_C(1) << 50) {
		add_at(&entry, now + (UINT64_C(1) << 49) + 12345);
		cr_assert_eq(expire_all(now + (UINT64_C(1) << 50)), 1);
	}
}

Test(wheel, wakes_once_for_a_lonely_timer)
{
	struct wheel_entry in_an_hour = {}, *expired;
	wheel_init(&wheel, 0, 123456789);
	add_at(&in_an_hour, 123456789 + 3600000);

	cr_expect_eq(wakes_until_expired(&expired), 1);
	cr_expect_eq(expired, &in_an_hour);
}

Test(wheel, wakes_at_most_once_a_level_for_a_crowd)
{
	static struct wheel_entry crowd[1000];
	struct wheel_entry *expired;
	wheel_init(&wheel, 0, 123456789);
	for (int i = 0; i < 1000; i++)
		add_at(&crowd[i], 123456789 + 3600000 + i / 100);

	cr_expect_leq(wakes_until_expired(&expired), 4);
	cr_expect_eq(expired, &crowd[0]);
}

Test(wheel, moves_nobody_who_is_less_than_a_block_away)
{
	static struct wheel_entry crowd[100];

	for (uint64_t now = 0; now < 3 << WHEEL_BLOCK_BITS; now += 123) {
		uint64_t last = now + (1 << WHEEL_BLOCK_BITS);
		wheel_init(&wheel, 0, now);
		for (int i = 0; i < 100; i++)
			add_at(&crowd[i], last - (uint64_t)i);

		// Only of a slot that is not moved any more is the first one known in a crowd.
		cr_assert_eq(wheel_next(&wheel), last - 99);
		cr_assert_eq(expire_all(last - 1), 99);
		cr_assert_eq(wheel_expire(&wheel, last), &crowd[0]);
		expire_all(last);
	}
}
