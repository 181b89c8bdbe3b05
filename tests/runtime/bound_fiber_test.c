/* Bounded mailboxes and fibers: what a fiber has not wanted yet, and waiting for room. */
#include <errno.h>

#include <noh/test.h>

#include "tests/support/seeds.h"
#include "tests/support/taker.h"

// A fiber that saves what it does not want counts that too.
struct chooser {
	noh_actor to;
};

static void choose(struct chooser *self)
{
	noh_receive(-1, fail);
	for (const struct noh_delivery *in; (in = noh_receive(-1, number));)
		noh_send(self->to, got, .value = noh_as(in, number)->value);
}

NOH_FIBER_WITH(chooser, (.mailbox_messages = MOST), choose);

Simulated(bound, counts_what_a_fiber_has_not_wanted_yet)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor chooser = noh_spawn(chooser, .to = inbox);

	send_numbers(chooser, 1, MOST - 1);
	noh_test_settle();
	noh_send(chooser, fail);
	noh_test_settle();
	expect_numbers(inbox, 1, MOST - 1);

	send_numbers(chooser, 1, MOST);
	noh_test_settle();
	expect_numbers(inbox, 1, MOST);
}

Simulated(bound, refuses_a_fiber_that_does_not_look)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor chooser = noh_spawn(chooser, .to = inbox);

	send_numbers(chooser, 1, MOST);
	noh_test_settle();
	noh_check(send_number(chooser, 100) == -EAGAIN);
}

// ---- waiting for room

struct producer {
	noh_actor to, report;
	uint64_t count;
	int64_t within_ms;
};

static void produce(struct producer *self)
{
	for (uint64_t value = 1; value <= self->count; value++) {
		int err = noh_send_wait(self->to, self->within_ms, number, .value = value);
		if (err) {
			noh_send(self->report, answered, .err = err);
			return;
		}
	}
	noh_send(self->report, answered, .err = 0);
}

NOH_FIBER(producer, produce);

static void expect_the_end_of_a_producer_for(noh_actor consumer)
{
	noh_actor producer = noh_spawn_with(producer, (.monitored = true), .to = consumer,
					    .count = UINT64_MAX, .within_ms = -1);
	for (int i = 0; i < 5; i++)
		noh_yield(); // no sleep: time stands still while it is busy
	noh_kill(producer);
	noh_check(noh_receive(1000, noh_down));
}

Simulated(bound, lets_a_fiber_be_killed_that_always_finds_room)
{
	noh_actor taker = noh_spawn_with(taker, (.monitored = true));

	expect_the_end_of_a_producer_for(taker);

	noh_kill(taker);
	noh_check(noh_receive(1000, noh_down));
	expect_the_end_of_a_producer_for(taker); // nobody there: nobody fills up
}

Simulated(bound, lets_fibers_wait_for_room)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor taker = noh_spawn(taker, .to = inbox);

	noh_spawn(producer, .to = taker, .report = inbox, .count = 100, .within_ms = -1);
	noh_spawn(producer, .to = taker, .report = inbox, .count = 100, .within_ms = 1000);
	noh_test_settle();

	noh_check(((const struct answered *)noh_test_take(inbox, answered))->err == 0);
	noh_check(((const struct answered *)noh_test_take(inbox, answered))->err == 0);
	uint64_t sum = 0;
	for (const struct got *got; (got = noh_test_take(inbox, got));)
		sum += got->value;
	noh_check(sum == 100 * 101);
}

Simulated(bound, ends_a_wait_for_room_in_time)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor child = failed_child(inbox, &taker_actor);

	send_numbers(child, 1, MOST);
	noh_spawn(producer, .to = child, .report = inbox, .count = 1, .within_ms = 100);
	noh_test_advance(99);
	noh_check(!noh_test_take(inbox, answered));
	noh_test_advance(1);
	noh_check(noh_test_sent(inbox, answered, .err = -EAGAIN));
}

Simulated(bound, tells_who_waits_for_room_when_a_restart_has_made_some)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor child = failed_child(inbox, &taker_actor);

	send_numbers(child, 1, MOST);
	noh_spawn(producer, .to = child, .report = inbox, .count = 2, .within_ms = -1);
	noh_test_advance(10);
	restart(child, inbox);

	noh_check(((const struct answered *)noh_test_take(inbox, answered))->err == 0);
}

Simulated(bound, ends_a_wait_for_room_when_the_receiver_ends)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor chooser = noh_spawn(chooser, .to = inbox);

	send_numbers(chooser, 1, MOST);
	noh_spawn(producer, .to = chooser, .report = inbox, .count = 2, .within_ms = -1);
	noh_test_advance(10);
	noh_check(!noh_test_take(inbox, answered));
	noh_kill(chooser);
	noh_test_settle();

	noh_check(noh_test_sent(inbox, answered, .err = 0)); // to nobody, as any message
}
