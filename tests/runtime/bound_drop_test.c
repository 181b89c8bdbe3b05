/* Bounded mailboxes that drop: the newest, the oldest, and all but the latest of each key. */
#include <errno.h>

#include <noh/test.h>

#include "tests/support/seeds.h"
#include "tests/support/taker.h"

Simulated(bound, drops_the_newest)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor dropper = noh_spawn(new_dropper, .to = inbox);
	uint64_t before = noh_dead_letters();

	send_numbers(dropper, 1, MOST + 2);
	noh_test_settle();

	expect_numbers(inbox, 1, MOST);
	expect_no_more(inbox);
	noh_check(noh_dead_letters() == before + 2);
}

Simulated(bound, drops_the_oldest)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor dropper = noh_spawn(old_dropper, .to = inbox);
	uint64_t before = noh_dead_letters();

	send_numbers(dropper, 1, 100);
	noh_test_settle();
	send_numbers(dropper, 201, 202);
	noh_test_settle();

	expect_numbers(inbox, 100 - MOST + 1, 100);
	expect_numbers(inbox, 201, 202);
	expect_no_more(inbox);
	noh_check(noh_dead_letters() == before + 100 - MOST);
}

Simulated(bound, drops_as_many_old_ones_as_a_large_message_needs)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor dropper = noh_spawn(old_bytes_dropper, .to = inbox);
	static char words[701];
	memset(words, 'x', sizeof(words) - 1);

	send_numbers(dropper, 1, 20); // 40 bytes each
	noh_check(noh_send(dropper, text, .words = words) == 0);
	send_numbers(dropper, 21, 22);
	noh_test_settle();

	expect_numbers(inbox, 17, 20);
	noh_check(noh_test_sent(inbox, text, .words = words));
	expect_numbers(inbox, 21, 22);
	expect_no_more(inbox);
}

Simulated(bound, fails_an_ask_whose_request_is_dropped_from_the_queue)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor child = failed_child(inbox, &old_dropper_actor);

	noh_spawn(asker, .to = inbox, .whom = child);
	noh_test_settle();
	send_numbers(child, 1, MOST);
	noh_test_settle();

	noh_check(noh_test_sent(inbox, answered, .err = -EAGAIN));
}

Simulated(bound, keeps_the_latest_of_each_key_in_the_place_of_the_first)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor latest = noh_spawn(latest, .to = inbox);
	uint64_t before = noh_dead_letters();

	for (int64_t cents = 1; cents <= 100; cents++)
		for (uint64_t share = 1; share <= 50; share++)
			noh_check(noh_send(latest, price, .share = share, .cents = cents) == 0);
	noh_check(noh_send(latest, number, .value = 1) == 0); // of another type
	noh_test_settle();

	for (uint64_t share = 1; share <= 50; share++)
		noh_check(noh_test_sent(inbox, price, .share = share, .cents = 100));
	expect_numbers(inbox, 1, 1);
	noh_check(!noh_test_take(inbox, price));
	noh_check(noh_dead_letters() == before + 99 * 50);
}

Simulated(bound, keeps_the_latest_by_a_key_of_ones_own)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor latest = noh_spawn(latest_of_tens, .to = inbox);

	send_numbers(latest, 0, 39);
	noh_test_settle();

	for (uint64_t value = 9; value < 40; value += 10)
		expect_numbers(inbox, value, value);
	expect_no_more(inbox);
}

Simulated(bound, drops_the_oldest_where_there_are_too_many_keys)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor latest = noh_spawn(few_latest, .to = inbox);

	for (uint64_t share = 1; share <= 10; share++)
		noh_check(noh_send(latest, price, .share = share, .cents = 1) == 0);
	noh_check(noh_send(latest, price, .share = 9, .cents = 2) == 0);
	noh_check(noh_send(latest, price, .share = 1, .cents = 2) == 0);
	noh_test_settle();

	noh_check(noh_test_sent(inbox, price, .share = 9, .cents = 2));
	noh_check(noh_test_sent(inbox, price, .share = 10, .cents = 1));
	noh_check(noh_test_sent(inbox, price, .share = 1, .cents = 2));
}

Simulated(bound, makes_room_for_a_latest_message_that_has_grown)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor latest = noh_spawn(latest_bytes, .to = inbox);
	static char words[121];
	memset(words, 'x', sizeof(words) - 1);

	noh_check(noh_send(latest, text, .words = "short") == 0);
	for (uint64_t share = 1; share <= 3; share++)
		noh_check(noh_send(latest, price, .share = share, .cents = 1) == 0);
	noh_check(noh_send(latest, text, .words = words) == 0);
	noh_check(noh_send(latest, number, .value = 1) == 0);
	noh_test_settle();

	noh_check(noh_test_sent(inbox, text, .words = words));
	expect_numbers(inbox, 1, 1);
	noh_check(!noh_test_take(inbox, price));
}
