/* Bounded mailboxes: what each policy does with a message that finds one full, and what never
 * counts. */
#include <errno.h>

#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(number, (u64, value));
NOH_MESSAGE(got, (u64, value));
NOH_MESSAGE(text, (str, words));
NOH_MESSAGE(payload, (bytes, data));
NOH_MESSAGE(price, (u64, share), (i64, cents));
NOH_MESSAGE(box, (owned, object));
NOH_MESSAGE(fail);
NOH_MESSAGE(watch_for_me, (actor, whom));
NOH_MESSAGE(tick_later, (i64, ms));
NOH_MESSAGE(down);
NOH_MESSAGE(answered, (i64, err));
NOH_MESSAGE(answer, (u64, value));
NOH_REQUEST(question, answer, (u64, value));

enum { MOST = 3 };

struct taker {
	noh_actor to;
};

static void on_number(struct taker *self, const struct number *msg)
{
	noh_send(self->to, got, .value = msg->value);
}

static void on_text(struct taker *self, const struct text *msg)
{
	noh_send(self->to, text, .words = msg->words);
}

static void on_payload(struct taker *self, const struct payload *msg)
{
	noh_send(self->to, got, .value = msg->data.size);
}

static void on_price(struct taker *self, const struct price *msg)
{
	noh_send(self->to, price, .share = msg->share, .cents = msg->cents);
}

static void on_fail(struct taker *self, const struct fail *msg)
{
	(void)self;
	(void)msg;
	noh_fail("told so");
}

static void on_watch_for_me(struct taker *self, const struct watch_for_me *msg)
{
	(void)self;
	noh_monitor(msg->whom, true);
}

static void on_down(struct taker *self, const struct noh_down *msg)
{
	(void)msg;
	noh_send(self->to, down);
}

static void on_tick_later(struct taker *self, const struct tick_later *msg)
{
	(void)self;
	noh_after(msg->ms, number, .value = 1000);
}

static void on_question(struct taker *self, const struct question *msg)
{
	(void)self;
	noh_reply(answer, .value = msg->value + 1);
}

static void on_box(struct taker *self, const struct box *msg)
{
	(void)self;
	(void)msg;
}

#define ENTRIES                                                                         \
	(number, on_number), (text, on_text), (payload, on_payload), (price, on_price), \
		(fail, on_fail), (watch_for_me, on_watch_for_me), (noh_down, on_down),  \
		(tick_later, on_tick_later), (question, on_question), (box, on_box)

NOH_ACTOR_WITH(taker, (.mailbox_messages = MOST), ENTRIES);

#define KIND_OF_TAKER(name, ...) \
	struct name {            \
		noh_actor to;    \
	};                       \
	NOH_DEFINE_HANDLERS(name, taker, (__VA_ARGS__), ENTRIES)

KIND_OF_TAKER(bytes_taker, .mailbox_bytes = 1000);
KIND_OF_TAKER(new_dropper, .mailbox_messages = MOST, .on_full = NOH_FULL_DROP_NEW);
KIND_OF_TAKER(old_dropper, .mailbox_messages = MOST, .on_full = NOH_FULL_DROP_OLD);
KIND_OF_TAKER(old_bytes_dropper, .mailbox_bytes = 1000, .on_full = NOH_FULL_DROP_OLD);
KIND_OF_TAKER(latest, .on_full = NOH_FULL_LATEST);
KIND_OF_TAKER(few_latest, .mailbox_messages = MOST, .on_full = NOH_FULL_LATEST);
KIND_OF_TAKER(latest_bytes, .mailbox_bytes = 200, .on_full = NOH_FULL_LATEST);

static uint64_t tens(const struct noh_delivery *message)
{
	const struct number *number = noh_as(message, number);
	return number ? number->value / 10 : 0;
}

KIND_OF_TAKER(latest_of_tens, .on_full = NOH_FULL_LATEST, .key = tens);

static int send_number(noh_actor to, uint64_t value)
{
	return noh_send(to, number, .value = value);
}

static void send_numbers(noh_actor to, uint64_t from, uint64_t last)
{
	for (uint64_t value = from; value <= last; value++)
		noh_check(send_number(to, value) == 0);
}

static void expect_numbers(noh_actor inbox, uint64_t from, uint64_t last)
{
	for (uint64_t value = from; value <= last; value++)
		noh_check(noh_test_sent(inbox, got, .value = value));
}

static void expect_no_more(noh_actor inbox)
{
	noh_check(!noh_test_take(inbox, got));
}

// What is sent before the first turn of the receiver waits behind its start: it is not counted.

Simulated(bound, refuses_what_is_one_too_many)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor taker = noh_spawn(taker, .to = inbox);

	send_numbers(taker, 1, MOST);
	noh_check(send_number(taker, MOST + 1) == -EAGAIN);
	noh_test_settle();
	send_numbers(taker, MOST + 2, 2 * MOST + 1);
	noh_check(send_number(taker, 100) == -EAGAIN);
	noh_test_settle();

	expect_numbers(inbox, 1, MOST);
	expect_numbers(inbox, MOST + 2, 2 * MOST + 1);
	expect_no_more(inbox);
}

Simulated(bound, counts_the_bytes_of_strings_and_of_shared_bytes)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor taker = noh_spawn(bytes_taker, .to = inbox);
	static char words[901];
	memset(words, 'x', sizeof(words) - 1);

	noh_check(noh_send(taker, text, .words = words) == 0);
	noh_check(noh_send(taker, text, .words = words) == -EAGAIN);
	noh_check(noh_send(taker, text, .words = "few") == 0);
	noh_test_settle();

	noh_bytes data = noh_bytes_copy(words, 900);
	noh_check(noh_send(taker, payload, .data = data) == 0);
	noh_check(noh_send(taker, payload, .data = data) == -EAGAIN);
	noh_test_settle();
	noh_check(noh_test_sent(inbox, text, .words = words));
	noh_check(noh_test_sent(inbox, text, .words = "few"));
	expect_numbers(inbox, 900, 900);
	expect_no_more(inbox);
}

Simulated(bound, refuses_for_good_what_is_larger_than_the_whole_mailbox)
{
	static char words[2000];
	noh_actor taker = noh_spawn(bytes_taker, .to = noh_test_inbox());
	noh_actor dropper = noh_spawn(old_bytes_dropper, .to = noh_test_inbox());
	memset(words, 'x', sizeof(words) - 1);

	noh_check(noh_send(taker, text, .words = words) == -EMSGSIZE);
	noh_check(noh_send(dropper, text, .words = words) == -EMSGSIZE);
}

static int dropped;

static void drop_object(void *object)
{
	(void)object;
	dropped++;
}

Simulated(bound, takes_nothing_of_a_message_that_it_refuses)
{
	static int object;
	noh_actor taker = noh_spawn(taker, .to = noh_test_inbox());
	dropped = 0;

	send_numbers(taker, 1, MOST);
	noh_check(noh_send(taker, box, .object = {&object, drop_object}) == -EAGAIN);
	noh_test_settle();
	noh_check(dropped == 0);

	noh_check(noh_send(taker, box, .object = {&object, drop_object}) == 0);
	noh_test_settle();
	noh_check(dropped == 1);
}

Simulated(bound, fails_an_ask_that_is_refused_or_dropped)
{
	noh_actor taker = noh_spawn(taker, .to = noh_test_inbox());
	noh_actor dropper = noh_spawn(new_dropper, .to = noh_test_inbox());
	const struct answer *answer;

	send_numbers(taker, 1, MOST);
	noh_check(noh_ask(taker, question, 1000, &answer, .value = 1) == -EAGAIN);
	send_numbers(dropper, 1, MOST);
	noh_check(noh_ask(dropper, question, 1000, &answer, .value = 1) == -EAGAIN);
	noh_test_settle();
	noh_check(noh_ask(taker, question, 1000, &answer, .value = 1) == 0);
	noh_check(answer->value == 2);
}

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

struct asker {
	noh_actor to, whom;
};

static void ask_once(struct asker *self)
{
	const struct answer *answer;
	noh_send(self->to, answered,
		 .err = noh_ask(self->whom, question, 1000, &answer, .value = 1));
}

NOH_FIBER(asker, ask_once);

// A child that keeps its place and has failed takes nothing until it is restarted.
static noh_actor failed_child(noh_actor inbox, const struct noh_actor_type *type)
{
	struct taker state = {.to = inbox};
	noh_actor child =
		noh_spawn_type(type, &state,
			       &(struct noh_spawn_options){.size = sizeof(struct noh_spawn_options),
							   .keeps_place = true,
							   .monitored = true});
	noh_send(child, fail);
	noh_test_settle();
	return child;
}

static void restart(noh_actor child, noh_actor inbox)
{
	struct taker state = {.to = inbox};
	noh_check(noh_restart(child, &state) == 0);
	noh_test_settle();
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

Simulated(bound, holds_while_a_restart_is_waited_for)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor child = failed_child(inbox, &taker_actor);
	noh_actor dropper = failed_child(inbox, &old_dropper_actor);

	send_numbers(child, 1, MOST);
	noh_test_settle();
	noh_check(send_number(child, 100) == -EAGAIN);
	restart(child, inbox);
	expect_numbers(inbox, 1, MOST);

	send_numbers(dropper, 1, 10);
	noh_test_settle();
	send_numbers(dropper, 11, 12);
	restart(dropper, inbox);
	expect_numbers(inbox, 13 - MOST, 12);
	send_numbers(dropper, 21, 21);
	noh_test_settle();
	expect_numbers(inbox, 21, 21);
	expect_no_more(inbox);
}

Simulated(bound, makes_dead_letters_of_what_an_ended_actor_held)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor taker = noh_spawn(taker, .to = inbox),
		  dropper = noh_spawn(old_dropper, .to = inbox);
	noh_test_settle();
	uint64_t before = noh_dead_letters();

	noh_kill(taker);
	noh_kill(dropper);
	send_numbers(taker, 1, 2);
	send_numbers(dropper, 1, 2);
	noh_test_settle();

	noh_check(noh_dead_letters() == before + 4);
	expect_no_more(inbox);
}

Simulated(bound, is_that_of_the_next_tenant_of_the_slot)
{
	noh_actor inbox = noh_test_inbox();
	static const struct noh_actor_type *const types[] = {&taker_actor, &old_dropper_actor,
							     &few_latest_actor, &asker_actor,
							     &new_dropper_actor};

	// Slots are used again last in, first out: one slot has tenants of all kinds.
	for (int i = 0; i < 25; i++) {
		struct asker state = {.to = inbox, .whom = NOH_NOBODY};
		noh_actor tenant = noh_spawn_type(types[i % 5], &state, NULL);
		if (i % 5 != 3)
			send_numbers(tenant, 1, MOST);
		noh_kill(tenant);
		noh_send(tenant, number, .value = 5);
		noh_test_settle();
	}
	while (noh_test_take(inbox, answered))
		;

	noh_actor taker = noh_spawn(taker, .to = inbox);
	send_numbers(taker, 1, MOST);
	noh_check(send_number(taker, 100) == -EAGAIN);
	noh_test_settle();
	expect_numbers(inbox, 1, MOST);
	expect_no_more(inbox);
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

Simulated(bound, counts_no_ticks_downs_and_replies)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor taker = noh_spawn(taker, .to = inbox), other = noh_spawn(taker, .to = inbox);

	noh_send(taker, tick_later, .ms = 10);
	noh_send(taker, watch_for_me, .whom = other);
	noh_test_settle();
	noh_stop(other);
	send_numbers(taker, 1, MOST);
	noh_test_advance(10);

	noh_check(noh_test_take(inbox, down));
	uint64_t sum = 0;
	for (const struct got *got; (got = noh_test_take(inbox, got));)
		sum += got->value;
	noh_check(sum == 1000 + MOST * (MOST + 1) / 2);
}

// Forwards what it gets, or says that it could not.
struct passer {
	noh_actor to, next;
};

static void on_passed(struct passer *self, const struct question *msg)
{
	(void)msg;
	int err = noh_forward(self->next);
	noh_send(self->to, answered, .err = err);
	if (err)
		noh_reply(answer, .value = 99);
}

NOH_ACTOR(passer, (question, on_passed));

Simulated(bound, leaves_a_message_in_hand_that_cannot_be_forwarded)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor child = failed_child(inbox, &taker_actor);
	noh_actor passer = noh_spawn(passer, .to = inbox, .next = child);
	const struct answer *answer;

	send_numbers(child, 1, MOST);
	noh_check(noh_ask(passer, question, 100, &answer, .value = 1) == 0);

	noh_check(answer->value == 99);
	noh_check(noh_test_sent(inbox, answered, .err = -EAGAIN));
}

Simulated(bound, holds_for_what_is_published)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor takers[] = {noh_spawn(taker, .to = inbox), noh_spawn(taker, .to = inbox)};

	send_numbers(takers[0], 1, MOST);
	noh_check(noh_publish(takers, 2, text, .words = "all") == 1);
	noh_test_settle();

	noh_check(noh_test_take(inbox, text));
	noh_check(!noh_test_take(inbox, text));
}

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
