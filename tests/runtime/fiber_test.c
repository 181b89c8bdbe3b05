/* Fibers: what they receive and what they leave for later, how long they wait, and whom they let
 * run meanwhile. */
#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(red, (u64, value));
NOH_MESSAGE(green, (u64, value));
NOH_MESSAGE(blue, (u64, value));
NOH_MESSAGE(word, (str, text));
NOH_MESSAGE(woke, (i64, at_ms));
NOH_MESSAGE(price, (i64, cents));
NOH_REQUEST(get_price, price, (u64, serial));

static void send_colours(noh_actor to, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		noh_send(to, red, .value = i);
		noh_send(to, green, .value = i);
		noh_send(to, blue, .value = i);
	}
}

Simulated(receive, takes_what_it_names_and_keeps_the_rest_in_order)
{
	send_colours(noh_self(), 100);

	for (uint64_t i = 0; i < 100; i++)
		noh_check(noh_as(noh_receive(-1, green), green)->value == i);
	for (uint64_t i = 0; i < 100; i++) {
		const struct noh_delivery *in = noh_receive(-1, blue, red);
		noh_check(noh_as(in, red) && noh_as(in, red)->value == i);
		noh_check(!noh_as(in, blue));
		in = noh_receive(-1, blue, red);
		noh_check(noh_as(in, blue) && noh_as(in, blue)->value == i);
	}
	noh_check(!noh_receive(0));
}

Simulated(receive, without_names_takes_whatever_comes_first)
{
	send_colours(noh_self(), 1);

	noh_check(noh_as(noh_receive(-1), red));
	noh_check(noh_as(noh_receive(-1), green));
	noh_check(noh_as(noh_receive(-1), blue));
}

Simulated(receive, takes_what_was_left_before_what_comes_new)
{
	noh_send(noh_self(), red, .value = 1);
	noh_send(noh_self(), green);
	noh_receive(-1, green);
	noh_send(noh_self(), red, .value = 2);

	noh_check(noh_as(noh_receive(-1), red)->value == 1);
	noh_check(noh_as(noh_receive(-1), red)->value == 2);
}

Simulated(receive, gives_up_when_its_time_is_over)
{
	noh_send(noh_self(), red);
	int64_t before = noh_now_ms();

	noh_check(!noh_receive(50, green));

	noh_check(noh_now_ms() == before + 50);
	noh_check(noh_receive(0, red));
}

Simulated(receive, gives_up_again_and_again)
{
	for (int i = 1; i <= 20; i++) {
		int64_t before = noh_now_ms();
		noh_check(!noh_receive(i, green));
		noh_check(noh_now_ms() == before + i);
	}
}

Simulated(receive, with_no_time_only_looks)
{
	int64_t before = noh_now_ms();
	noh_check(!noh_receive(0));
	noh_send(noh_self(), red, .value = 1);

	noh_check(noh_as(noh_receive(0), red)->value == 1);
	noh_check(!noh_receive(0));
	noh_check(noh_now_ms() == before);
}

Simulated(receive, looks_also_when_the_turn_is_used_up)
{
	noh_actor inbox = noh_test_inbox();
	for (uint64_t i = 0; i < 10000; i++)
		noh_send(inbox, red, .value = i);

	noh_check(!noh_receive(0));
	for (uint64_t i = 0; i < 10000; i++)
		noh_send(noh_self(), red, .value = i);
	for (uint64_t i = 0; i < 10000; i++)
		noh_check(noh_as(noh_receive(0), red)->value == i);
	noh_check(!noh_receive(0));
}

Simulated(receive, lends_a_message_until_the_next_receive)
{
	noh_send(noh_self(), word, .text = "still here");
	noh_send(noh_self(), red);

	const struct word *word = noh_as(noh_receive(-1, word), word);
	noh_sleep(10);
	const char *formatted = noh_format("%s too", word->text);
	noh_yield();

	noh_check(!strcmp(word->text, "still here"));
	noh_check(!strcmp(formatted, "still here too"));
	noh_receive(-1, red);
}

struct shop {
	int unused;
};

static void on_get_price(struct shop *self, const struct get_price *msg)
{
	(void)self;
	noh_reply(price, .cents = (int64_t)msg->serial * 100);
}

NOH_ACTOR(shop, (get_price, on_get_price));

Simulated(receive, lends_a_message_over_an_ask_and_answers_likewise)
{
	noh_actor shop = noh_spawn(shop);
	const struct price *first, *second;

	noh_send(noh_self(), red, .value = 7);
	const struct noh_delivery *in = noh_receive(-1, red);
	noh_check(!noh_ask(shop, get_price, 1000, &first, .serial = 1));
	noh_check(!noh_ask(shop, get_price, 1000, &second, .serial = 2));

	noh_check(noh_as(in, red) && noh_as(in, red)->value == 7);
	noh_check(first->cents == 100 && second->cents == 200);
}

Simulated(receive, may_wait_for_a_very_long_time)
{
	noh_send(noh_self(), red);

	noh_check(noh_receive(INT64_MAX, red));
}

Simulated(as, is_null_for_nothing_and_for_another_type)
{
	noh_check(!noh_as(NULL, red));
	noh_send(noh_self(), red);
	const struct noh_delivery *in = noh_receive(-1);
	noh_check(!noh_as(in, green));
	noh_check(noh_as(in, red));
}

// ---- sleeping and yielding

struct sleeper {
	noh_actor to;
	int64_t ms;
};

static void sleep_and_say(struct sleeper *self)
{
	noh_sleep(self->ms);
	noh_send(self->to, woke, .at_ms = noh_now_ms());
	const struct red *red = noh_as(noh_receive(0, red), red);
	if (red)
		noh_send(self->to, red, .value = red->value);
}

NOH_FIBER(sleeper, sleep_and_say);

Simulated(sleep, lasts_as_long_as_it_says)
{
	noh_actor inbox = noh_test_inbox();
	static const int64_t times[] = {5, 1, 100, 5, 1000, 0, -7};
	for (int i = 0; i < 7; i++)
		noh_spawn(sleeper, .to = inbox, .ms = times[i]);

	noh_test_advance(2000);

	static const int64_t expected[] = {0, 0, 1, 5, 5, 100, 1000};
	for (int i = 0; i < 7; i++)
		noh_check(noh_test_sent(inbox, woke, .at_ms = 1000 + expected[i]));
}

Simulated(sleep, leaves_mail_for_later)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor sleeper = noh_spawn(sleeper, .to = inbox, .ms = 10);

	noh_send(sleeper, red, .value = 3);
	noh_test_advance(9);
	noh_check(!noh_test_take(inbox, woke));
	noh_test_advance(1);

	noh_check(noh_test_take(inbox, woke));
	noh_check(noh_test_sent(inbox, red, .value = 3));
}

struct counter {
	uint64_t value;
};

static void on_red(struct counter *self, const struct red *msg)
{
	(void)msg;
	self->value++;
	noh_send(noh_sender(), green, .value = self->value);
}

NOH_ACTOR(counter, (red, on_red));

Simulated(yield, lets_all_others_who_can_run_go_first)
{
	noh_actor counters[20];
	for (int i = 0; i < 20; i++)
		counters[i] = noh_spawn(counter);
	for (int i = 0; i < 20; i++)
		noh_send(counters[i], red);

	// The seed may choose this fiber again before some of them.
	int yields = 0, answers = 0;
	while (answers < 20 && yields < 10000) {
		noh_yield();
		yields++;
		while (noh_receive(0, green))
			answers++;
	}

	noh_check(answers == 20);
}

static int yield_in_turn(void *unused)
{
	(void)unused;
	noh_actor counter = noh_spawn(counter);
	for (uint64_t i = 1; i <= 100; i++) {
		noh_send(counter, red);
		noh_yield();
		const struct green *answer = noh_as(noh_receive(0, green), green);
		noh_check(answer && answer->value == i);
	}
	return 0;
}

Test(yield, on_one_worker_gives_way_once_to_each)
{
	cr_expect_eq(noh_run(yield_in_turn, NULL, .workers = 1), 0);
}

// ---- a look that never ends must not keep others from running

static int look_until_told(void *unused)
{
	(void)unused;
	noh_actor counter = noh_spawn(counter);
	noh_send(counter, red);
	while (!noh_receive(0, green))
		;
	return 0;
}

Test(receive, that_looks_on_and_on_lets_others_run)
{
	cr_expect_eq(noh_simulate(1, look_until_told, NULL), 0);
	cr_expect_eq(noh_run(look_until_told, NULL, .workers = 1), 0);
}

// ---- in handlers

struct handler {
	uint64_t unused;
};

static void receive_in_a_handler(struct handler *self, const struct red *msg)
{
	(void)self;
	(void)msg;
	noh_receive(0);
}

static void sleep_in_a_handler(struct handler *self, const struct green *msg)
{
	(void)self;
	(void)msg;
	noh_sleep(1);
}

static void yield_in_a_handler(struct handler *self, const struct blue *msg)
{
	(void)self;
	(void)msg;
	noh_yield();
}

NOH_ACTOR(handler, (red, receive_in_a_handler), (green, sleep_in_a_handler),
	  (blue, yield_in_a_handler));

static void expect_failure(const char *reason)
{
	const struct noh_down *down = noh_as(noh_receive(1000, noh_down), noh_down);
	noh_check(down && down->why == NOH_WHY_FAILED);
	noh_check(!strcmp(down->reason, reason));
}

Simulated(waiting, in_a_handler_fails_the_actor)
{
	noh_send(noh_spawn_with(handler, (.monitored = true)), red);
	expect_failure("noh_receive in a handler would stop its worker: it is for fibers");
	noh_send(noh_spawn_with(handler, (.monitored = true)), green);
	expect_failure("noh_sleep in a handler would stop its worker: it is for fibers");
	noh_send(noh_spawn_with(handler, (.monitored = true)), blue);
	expect_failure("noh_yield in a handler would stop its worker: it is for fibers");
}

// ---- stacks

struct deep {
	uint64_t depth;
};

static uint64_t sum_down(uint64_t depth)
{
	volatile uint64_t local[16] = {depth};
	return depth ? local[0] + sum_down(depth - 1) : 0;
}

static void use_stack(struct deep *self)
{
	noh_check(sum_down(self->depth) == self->depth * (self->depth + 1) / 2);
	noh_yield();
}

NOH_FIBER(deep, use_stack);

Simulated(stack, holds_several_kilobytes)
{
	for (int i = 0; i < 200; i++)
		noh_spawn(deep, .depth = 50);
	noh_test_settle();
}
