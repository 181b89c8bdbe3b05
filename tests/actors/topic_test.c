/* Topics: what subscribers get, in which order, and what is told to those who fall behind. */
#include <errno.h>
#include <string.h>

#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(price, (u64, number), (str, of));
NOH_MESSAGE(weather, (u64, number));
NOH_MESSAGE(got, (u64, number));
NOH_MESSAGE(gap, (u64, count), (flag, unsubscribed));
NOH_MESSAGE(unsubscribe);
NOH_MESSAGE(fail);
NOH_MESSAGE(treasure, (owned, chest));

// ---- a subscriber that is as quick as it can be

struct reader {
	noh_actor to;
};

static void on_price(struct reader *self, const struct price *msg)
{
	noh_send(self->to, got, .number = msg->number);
}

static void on_missed(struct reader *self, const struct noh_topic_missed *msg)
{
	noh_check(!strcmp(msg->topic, "prices"));
	noh_send(self->to, gap, .count = msg->count, .unsubscribed = msg->unsubscribed);
}

static void on_unsubscribe(struct reader *self, const struct unsubscribe *msg)
{
	(void)self;
	(void)msg;
	noh_topic_unsubscribe("prices", noh_self());
}

static void on_fail(struct reader *self, const struct fail *msg)
{
	(void)self;
	(void)msg;
	noh_fail("told so");
}

NOH_ACTOR(reader, (price, on_price), (noh_topic_missed, on_missed), (unsubscribe, on_unsubscribe),
	  (fail, on_fail));

static void publish(uint64_t first, uint64_t end)
{
	for (uint64_t i = first; i < end; i++)
		noh_topic_publish("prices", price, .number = i, .of = "tea");
}

static void expect_got(noh_actor inbox, uint64_t first, uint64_t end)
{
	for (uint64_t i = first; i < end; i++)
		noh_check(noh_test_sent(inbox, got, .number = i));
}

Simulated(topic, gives_each_subscriber_each_message_in_order)
{
	noh_actor inbox[3], reader[3];
	noh_check(noh_topic_publish("prices", price, .number = 99) == 0);
	for (int i = 0; i < 3; i++) {
		inbox[i] = noh_test_inbox();
		reader[i] = noh_spawn(reader, .to = inbox[i]);
		noh_check(!noh_topic_subscribe("prices", reader[i]));
		noh_check(!noh_topic_subscribe("prices", reader[i])); // it is
	}

	publish(0, 20);
	noh_check(noh_topic_publish("prices", price, .number = 20) == 3);
	noh_test_settle();
	for (int i = 0; i < 3; i++) {
		expect_got(inbox[i], 0, 21);
		noh_check(!noh_test_take(inbox[i], got) && !noh_test_take(inbox[i], gap));
	}
}

Simulated(topic, shows_the_publisher_as_sender)
{
	noh_topic_subscribe("prices", noh_self());
	noh_topic_publish("prices", price, .of = "tea");
	noh_check(noh_receive(1000, price) && noh_same(noh_sender(), noh_self()));
}

Simulated(topic, tells_of_no_gap_to_who_is_within_its_queue)
{
	noh_actor inbox = noh_test_inbox(), reader = noh_spawn(reader, .to = inbox);
	noh_topic_subscribe("prices", reader, .queue = 10, .slow = NOH_SLOW_DISCONNECT);

	for (uint64_t i = 0; i < 100; i += 10) {
		publish(i, i + 10);
		noh_test_settle();
	}
	expect_got(inbox, 0, 100);
	noh_check(!noh_test_take(inbox, gap));
}

Simulated(topic, refuses_what_only_one_can_have)
{
	noh_topic_subscribe("prices", noh_self());
	noh_check(noh_topic_publish("prices", treasure, .chest = {NULL, NULL}) == -EINVAL);
	noh_check(noh_topic_publish("other", treasure, .chest = {NULL, NULL}) == -EINVAL);
	noh_check(noh_topic_subscribe("prices", NOH_NOBODY) == -ESRCH);
	noh_check(noh_topic_subscribe("", noh_self()) == -EINVAL);
	noh_check(noh_topic_unsubscribe("nothing", noh_self()) == -ENOENT);
}

// ---- a subscriber that does not read until it is told to: this test's own fiber

static void expect_next(uint64_t number)
{
	const struct price *price = noh_as(noh_receive(0, price, noh_topic_missed), price);
	noh_check(price && price->number == number);
}

static void expect_gap(uint64_t count, bool unsubscribed)
{
	const struct noh_topic_missed *missed =
		noh_as(noh_receive(0, price, noh_topic_missed), noh_topic_missed);
	noh_check(missed && !strcmp(missed->topic, "prices"));
	noh_check(missed->count == count && missed->unsubscribed == unsubscribed);
}

static void expect_nothing(void)
{
	noh_check(!noh_receive(0));
}

Simulated(topic, drops_what_comes_when_the_queue_is_full)
{
	noh_topic_subscribe("prices", noh_self(), .queue = 4, .slow = NOH_SLOW_DROP_NEW);

	publish(0, 10);
	for (uint64_t i = 0; i < 4; i++)
		expect_next(i);
	expect_gap(6, false);
	expect_nothing();
	publish(10, 12);
	expect_next(10);
	expect_next(11);
	expect_nothing();
}

Simulated(topic, drops_the_oldest_that_are_not_on_their_way)
{
	noh_topic_subscribe("prices", noh_self(), .queue = 3, .slow = NOH_SLOW_DROP_OLD);

	publish(0, 20);
	for (uint64_t i = 0; i < 3; i++)
		expect_next(i);
	expect_gap(14, false);
	for (uint64_t i = 17; i < 20; i++)
		expect_next(i);
	expect_nothing();
	publish(20, 21);
	expect_next(20);
	expect_nothing();
}

Simulated(topic, with_a_queue_of_one_gives_the_newest)
{
	noh_topic_subscribe("prices", noh_self(), .queue = 1);

	publish(0, 10);
	expect_next(0);
	expect_gap(8, false);
	expect_next(9);
	expect_nothing();
}

Simulated(topic, disconnects_who_must_not_miss_any)
{
	noh_topic_subscribe("prices", noh_self(), .queue = 4, .slow = NOH_SLOW_DISCONNECT);

	publish(0, 10);
	noh_check(noh_topic_publish("prices", price, .number = 10) == 0);
	for (uint64_t i = 0; i < 4; i++)
		expect_next(i);
	expect_gap(1, true);
	expect_nothing();
	noh_check(!noh_topic_subscribe("prices", noh_self(), .queue = 4));
	publish(11, 12);
	expect_next(11);
}

Simulated(topic, tells_each_gap_where_it_is)
{
	noh_topic_subscribe("prices", noh_self(), .queue = 2, .slow = NOH_SLOW_DROP_NEW);

	publish(0, 5); // 0 1, 3 missed
	expect_next(0);
	expect_next(1); // 0 is done with, which leaves room for one
	publish(5, 8);  // 5, 2 missed
	expect_gap(3, false);
	expect_next(5);
	expect_gap(2, false);
	publish(8, 9);
	expect_next(8);
	expect_nothing();
}

Simulated(topic, gives_something_new_after_each_gap)
{
	noh_topic_subscribe("prices", noh_self(), .queue = 1, .slow = NOH_SLOW_DROP_NEW);

	publish(0, 10);
	expect_next(0);
	for (uint64_t i = 10; i < 50; i += 10) {
		noh_receive(0, weather); // done with the last one
		publish(i, i + 10);
		expect_gap(9, false);
		expect_next(i);
	}
}

// ---- others are not held up

Simulated(topic, lets_no_slow_subscriber_hold_up_the_others)
{
	noh_actor inbox = noh_test_inbox(), quick = noh_spawn(reader, .to = inbox);
	noh_topic_subscribe("prices", noh_self(), .queue = 2); // does not read
	noh_topic_subscribe("prices", quick, .queue = 50);

	for (uint64_t i = 0; i < 1000; i += 50) {
		publish(i, i + 50);
		noh_test_settle();
	}
	expect_got(inbox, 0, 1000);
	noh_check(!noh_test_take(inbox, gap));
}

static int drops;

static void count_drop(void *unused)
{
	(void)unused;
	drops++;
}

NOH_MESSAGE(picture, (bytes, pixels));

Simulated(topic, holds_no_more_than_the_queues_of_a_slow_subscriber)
{
	enum { QUEUE = 5, PICTURES = 100 };
	noh_topic_subscribe("pictures", noh_self(), .queue = QUEUE);

	drops = 0;
	for (int i = 0; i < PICTURES; i++) {
		noh_topic_publish("pictures", picture,
				  .pixels = noh_bytes_wrap("picture", 7, count_drop, NULL));
		noh_receive(0, weather); // what this fiber was lent
	}
	noh_check(drops == PICTURES - 2 * QUEUE);
	noh_topic_unsubscribe("pictures", noh_self());
	noh_receive(0, picture, noh_topic_missed);
	noh_check(drops == PICTURES);
}

// ---- selective receive

Simulated(topic, leaves_what_a_fiber_does_not_want_yet)
{
	noh_topic_subscribe("prices", noh_self(), .queue = 8);
	publish(0, 3);
	noh_topic_publish("prices", weather, .number = 7);

	const struct weather *weather = noh_as(noh_receive(0, weather), weather);
	noh_check(weather && weather->number == 7);
	for (uint64_t i = 0; i < 3; i++)
		expect_next(i);
	expect_nothing();
}

// ---- ends

Simulated(topic, sends_nothing_after_unsubscribing)
{
	noh_actor inbox = noh_test_inbox(), reader = noh_spawn(reader, .to = inbox);
	noh_topic_subscribe("prices", reader, .queue = 4);
	noh_topic_subscribe("prices", noh_self(), .queue = 4);

	publish(0, 20);
	noh_check(!noh_topic_unsubscribe("prices", noh_self()));
	expect_nothing();
	noh_check(noh_topic_unsubscribe("prices", noh_self()) == -ENOENT);
	noh_send(reader, unsubscribe);
	noh_test_settle();
	while (noh_test_take(inbox, got)) {
	}
	publish(20, 30);
	noh_test_settle();
	noh_check(!noh_test_take(inbox, got));
}

Simulated(topic, loses_a_subscriber_at_its_end_and_not_at_its_restart)
{
	noh_actor inbox = noh_test_inbox(), reader;
	noh_actor supervisor = noh_supervise(
		(.max_restarts = 3), NOH_CHILD(reader, (.to = inbox), .ret_handle = &reader));
	noh_topic_subscribe("prices", reader, .queue = 4, .slow = NOH_SLOW_DROP_NEW);

	noh_send(reader, fail);
	publish(0, 6);
	noh_test_settle();
	expect_got(inbox, 0, 4);
	noh_check(noh_test_sent(inbox, gap, .count = 2));
	noh_stop(supervisor);
	publish(6, 10);
	noh_test_settle();
	noh_check(noh_topic_publish("prices", price, .number = 10) == 0);
}

Simulated(topic, is_left_with_all_that_waited_by_who_is_killed)
{
	noh_actor reader = noh_spawn(reader);
	noh_topic_subscribe("pictures", reader, .queue = 3);
	drops = 0;
	for (int i = 0; i < 10; i++)
		noh_topic_publish("pictures", picture,
				  .pixels = noh_bytes_wrap("picture", 7, count_drop, NULL));
	noh_kill(reader);
	noh_test_settle();
	noh_receive(0);
	noh_check(drops == 10);
}
