/* Sending: order, what is copied, who sent it, and what becomes of a message that nobody takes. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(number, (u64, value));
NOH_MESSAGE(word, (str, text));
NOH_MESSAGE(load, (bytes, data));
NOH_MESSAGE(gift, (owned, object));
NOH_MESSAGE(sent_by, (actor, who));
NOH_MESSAGE(unwelcome);

// Sends on what it gets, and tells who sent it.
struct relay {
	noh_actor to;
};

static void on_number(struct relay *self, const struct number *msg)
{
	noh_send(self->to, number, .value = msg->value);
}

static void on_word(struct relay *self, const struct word *msg)
{
	noh_send(self->to, word, .text = msg->text);
	noh_send(self->to, sent_by, .who = noh_sender());
}

static void on_load(struct relay *self, const struct load *msg)
{
	noh_send(self->to, load, .data = msg->data);
}

static void on_gift(struct relay *self, const struct gift *msg)
{
	(void)self;
	(void)msg;
}

NOH_ACTOR(relay, (number, on_number), (word, on_word), (load, on_load), (gift, on_gift));

static noh_actor gone_actor(void)
{
	noh_actor gone = noh_spawn(relay);
	noh_stop(gone);
	noh_test_settle();
	return gone;
}

Simulated(send, keeps_the_order_between_two_actors)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor relay = noh_spawn(relay, .to = inbox);

	for (uint64_t i = 0; i < 1000; i++)
		noh_send(relay, number, .value = i);
	noh_test_settle();

	for (uint64_t i = 0; i < 1000; i++)
		noh_check(noh_test_sent(inbox, number, .value = i));
}

Simulated(send, keeps_the_order_of_each_of_several_senders)
{
	noh_actor inbox = noh_test_inbox(), relays[4];
	uint64_t expected[4] = {0};
	for (size_t i = 0; i < 4; i++)
		relays[i] = noh_spawn(relay, .to = inbox);

	for (uint64_t i = 0; i < 400; i++)
		noh_send(relays[i % 4], number, .value = i);
	noh_test_settle();

	for (int i = 0; i < 400; i++) {
		const struct number *next = noh_test_take(inbox, number);
		noh_check(next && next->value / 4 == expected[next->value % 4]);
		expected[next->value % 4]++;
	}
}

Simulated(send, copies_strings)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor relay = noh_spawn(relay, .to = inbox);
	char text[] = "written over later";

	noh_send(relay, word, .text = text);
	text[0] = 'W';
	noh_test_settle();

	noh_check(noh_test_sent(inbox, word, .text = "written over later"));
}

Simulated(send, tells_who_sent_it)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor relay = noh_spawn(relay, .to = inbox);

	noh_send(relay, word, .text = "who?");
	noh_test_settle();

	noh_test_take(inbox, word);
	noh_check(noh_test_sent(inbox, sent_by, .who = noh_self()));
}

static void count_drop(void *counter)
{
	++*(int *)counter;
}

Simulated(send, shares_bytes_and_gives_them_back_when_the_last_holder_is_done)
{
	static int dropped;
	dropped = 0;
	noh_actor inbox = noh_test_inbox();
	noh_actor relay = noh_spawn(relay, .to = inbox);

	noh_send(relay, load, .data = noh_bytes_wrap("shared", 6, count_drop, &dropped));
	noh_test_settle();

	const struct load *got = noh_test_take(inbox, load);
	noh_check(got && got->data.size == 6 && !memcmp(got->data.at, "shared", 6));
	noh_check(!dropped);
	noh_test_take(inbox, load);
	noh_receive(0); // gives back what this fiber made
	noh_check(dropped == 1);
}

Simulated(send, moves_what_is_owned_and_drops_it_once)
{
	static int dropped;
	dropped = 0;
	noh_actor relay = noh_spawn(relay);

	noh_send(relay, gift, .object = {&dropped, count_drop});
	noh_check(!dropped);
	noh_test_settle();

	noh_check(dropped == 1);
}

Simulated(send, drops_what_is_owned_when_nobody_takes_it)
{
	static int dropped;
	dropped = 0;
	noh_actor gone = gone_actor();

	noh_send(gone, gift, .object = {&dropped, count_drop});
	noh_check(dropped == 1);
	noh_send(NOH_NOBODY, gift, .object = {&dropped, count_drop});
	noh_check(dropped == 2);
}

Simulated(send, to_nobody_is_an_error)
{
	noh_check(noh_send(NOH_NOBODY, number, .value = 1) == -EINVAL);
	noh_check(noh_dead_letters() == 0);
}

Simulated(send, to_a_made_up_handle_is_an_error)
{
	noh_actor made_up = {UINT64_MAX};

	noh_check(noh_send(made_up, number, .value = 1) == -EINVAL);
}

Simulated(send, to_the_dead_is_no_error_but_a_dead_letter)
{
	noh_actor gone = gone_actor();

	noh_check(noh_send(gone, number, .value = 1) == 0);

	noh_check(noh_dead_letters() == 1);
}

Simulated(send, never_reaches_the_next_tenant_of_a_slot)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor gone[64];
	for (int i = 0; i < 64; i++)
		gone[i] = gone_actor();
	for (int i = 0; i < 64; i++)
		noh_spawn(relay, .to = inbox);

	for (int i = 0; i < 64; i++)
		noh_send(gone[i], number, .value = 1);
	noh_test_settle();

	noh_check(!noh_test_take(inbox, number));
	noh_check(noh_dead_letters() == 64);
}

Simulated(send, what_is_still_queued_at_the_end_of_an_actor_is_a_dead_letter)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor relay = noh_spawn(relay, .to = inbox);

	noh_send(relay, number, .value = 1);
	noh_stop(relay);
	noh_send(relay, number, .value = 2);
	noh_send(relay, number, .value = 3);
	noh_test_settle();

	noh_check(noh_test_sent(inbox, number, .value = 1));
	noh_check(!noh_test_take(inbox, number));
	noh_check(noh_dead_letters() == 2);
}

Simulated(send, what_an_actor_does_not_accept_is_a_dead_letter)
{
	noh_actor relay = noh_spawn(relay);

	noh_check(noh_send(relay, unwelcome) == 0);
	noh_test_settle();

	noh_check(noh_dead_letters() == 1);
}

Simulated(send, sends_a_copy_of_each_dead_letter_to_the_subscriber)
{
	noh_actor inbox = noh_test_inbox(), gone = gone_actor(), relay = noh_spawn(relay);
	noh_subscribe_dead_letters(inbox);

	noh_send(gone, number, .value = 1);
	noh_send(relay, unwelcome);
	noh_test_settle();

	noh_check(noh_test_sent(inbox, noh_dead_letter, .to = gone, .from = noh_self(),
				.message = "number", .why = "nobody there"));
	noh_check(noh_test_sent(inbox, noh_dead_letter, .to = relay, .from = noh_self(),
				.message = "unwelcome", .why = "not understood"));

	noh_subscribe_dead_letters(NOH_NOBODY);
	noh_send(gone, number, .value = 2);
	noh_check(!noh_test_take(inbox, noh_dead_letter));
}

Simulated(send, a_subscriber_that_is_gone_stops_nothing)
{
	noh_actor gone = gone_actor();
	noh_subscribe_dead_letters(gone);

	noh_send(gone, number, .value = 1);
	noh_test_settle();

	noh_check(noh_dead_letters() == 1);
}

// ---- forwarding

struct doorman {
	noh_actor to;
};

static void pass_number(struct doorman *self, const struct number *msg)
{
	(void)msg;
	noh_check(noh_forward(self->to) == 0);
}

static void pass_word(struct doorman *self, const struct word *msg)
{
	(void)msg;
	noh_check(noh_forward(self->to) == 0);
}

static void pass_load(struct doorman *self, const struct load *msg)
{
	(void)msg;
	noh_check(noh_forward(self->to) == 0);
}

static void pass_gift(struct doorman *self, const struct gift *msg)
{
	(void)msg;
	noh_check(noh_forward(self->to) == 0);
}

NOH_ACTOR(doorman, (number, pass_number), (word, pass_word), (load, pass_load), (gift, pass_gift));

Simulated(forward, keeps_the_content_and_the_sender)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor relay = noh_spawn(relay, .to = inbox);
	noh_actor doorman = noh_spawn(doorman, .to = relay);

	noh_send(doorman, word, .text = "let me in");
	noh_test_settle();

	noh_check(noh_test_sent(inbox, word, .text = "let me in"));
	noh_check(noh_test_sent(inbox, sent_by, .who = noh_self()));
}

Simulated(forward, leaves_nothing_behind_of_what_the_message_held)
{
	static int dropped;
	dropped = 0;
	noh_actor doorman = noh_spawn(doorman, .to = gone_actor());
	noh_actor longer = noh_spawn(doorman, .to = noh_spawn(relay, .to = noh_test_inbox()));

	noh_send(doorman, gift, .object = {&dropped, count_drop});
	noh_send(doorman, load, .data = noh_bytes_wrap("x", 1, count_drop, &dropped));
	noh_send(longer, gift, .object = {&dropped, count_drop});
	noh_test_settle();
	noh_receive(0);

	noh_check(dropped == 3);
}

Simulated(forward, to_nobody_is_an_error_and_without_a_message_too)
{
	noh_check(noh_forward(noh_spawn(relay)) == -ENOMSG);
	noh_send(noh_self(), number, .value = 1);
	noh_check(noh_receive(0, number));
	noh_check(noh_forward(NOH_NOBODY) == -EINVAL);
}

// ---- plain threads

struct errand {
	struct noh_runtime *runtime;
	noh_actor to;
};

static void on_a_thread(void *(*run)(void *), noh_actor to)
{
	struct errand errand = {noh_runtime(), to};
	pthread_t thread;
	noh_check(!pthread_create(&thread, NULL, run, &errand));
	pthread_join(thread, NULL);
}

static void *send_from_a_thread(void *argument)
{
	struct errand *errand = (struct errand *)argument;
	noh_thread_enter(errand->runtime);
	noh_send(errand->to, word, .text = "from outside");
	noh_thread_leave(errand->runtime);
	return NULL;
}

static int hear_from_a_thread(void *unused)
{
	(void)unused;
	on_a_thread(send_from_a_thread, noh_self());

	const struct word *got = noh_as(noh_receive(20000, word), word);
	noh_check(got && !strcmp(got->text, "from outside"));
	noh_check(noh_same(noh_sender(), NOH_NOBODY));
	return 0;
}

Test(send, works_from_plain_threads)
{
	cr_expect_eq(noh_run(hear_from_a_thread, NULL, .workers = 1), 0);
	cr_expect_eq(noh_run(hear_from_a_thread, NULL, .workers = 2), 0);
}

static int count_letters_of_a_thread(void *unused)
{
	(void)unused;
	noh_actor gone = noh_spawn(relay);
	noh_monitor(gone, true);
	noh_stop(gone);
	noh_receive(-1, noh_down);
	noh_subscribe_dead_letters(noh_self());

	on_a_thread(send_from_a_thread, gone);

	const struct noh_dead_letter *letter =
		noh_as(noh_receive(20000, noh_dead_letter), noh_dead_letter);
	noh_check(letter && noh_same(letter->to, gone) && !strcmp(letter->message, "word"));
	noh_check(noh_dead_letters() == 1);
	return 0;
}

Test(send, counts_the_dead_letters_of_plain_threads)
{
	cr_expect_eq(noh_run(count_letters_of_a_thread, NULL, .workers = 2), 0);
}

static int give_a_handle(void *handle)
{
	*(noh_actor *)handle = noh_spawn(relay);
	return 0;
}

Test(send, to_a_handle_of_a_runtime_that_has_ended_is_harmless)
{
	noh_actor gone;
	cr_assert_eq(noh_run(give_a_handle, &gone, .workers = 1), 0);

	cr_expect_eq(noh_send(gone, number, .value = 1), 0);
}

Simulated(send, to_handles_that_were_never_given_refuses)
{
	// The numbers of places, used and not, without the generation that a handle has.
	for (uint64_t index = 0; index < 20000; index++)
		noh_check(noh_send(((noh_actor){index << 22}), number, .value = 1) == -EINVAL);
}

// ---- back

NOH_MESSAGE(pair, (u64, first), (u64, second));
NOH_MESSAGE(quad, (u64, first), (u64, second), (u64, third), (u64, fourth));
NOH_MESSAGE(half, (flag, value));

struct mirror {
	int err;
};

static void mirror_pair(struct mirror *self, const struct pair *msg)
{
	self->err = noh_send_back(pair, .first = msg->second, .second = msg->first);
}

static void mirror_quad(struct mirror *self, const struct quad *msg)
{
	self->err = noh_send_back(quad, .first = msg->fourth, .second = msg->third,
				  .third = msg->second, .fourth = msg->first);
}

static void mirror_half(struct mirror *self, const struct half *msg)
{
	self->err = noh_send_back(half, .value = msg->value);
}

static void mirror_word(struct mirror *self, const struct word *msg)
{
	self->err = noh_send_back(word, .text = msg->text);
}

NOH_ACTOR(mirror, (pair, mirror_pair), (quad, mirror_quad), (half, mirror_half),
	  (word, mirror_word));

static int look_into_a_mirror(void *unused)
{
	(void)unused;
	noh_actor mirror = noh_spawn(mirror);

	noh_send(mirror, pair, .first = 1, .second = 2);
	noh_send(mirror, quad, .first = 1, .second = 2, .third = 3, .fourth = 4);
	noh_send(mirror, half, .value = true);
	noh_send(mirror, word, .text = "palindrome");

	const struct pair *pair = noh_as(noh_receive(-1, pair), pair);
	noh_check(pair->first == 2 && pair->second == 1 && noh_same(noh_sender(), mirror));
	const struct quad *quad = noh_as(noh_receive(-1, quad), quad);
	noh_check(quad->first == 4 && quad->second == 3 && quad->third == 2 && quad->fourth == 1);
	noh_check(noh_as(noh_receive(-1, half), half)->value);
	noh_check(!strcmp(noh_as(noh_receive(-1, word), word)->text, "palindrome"));
	return 0;
}

Test(send_back, goes_to_the_sender_whatever_its_size)
{
	cr_expect_eq(noh_run(look_into_a_mirror, NULL, .workers = 1), 0);
}

Simulated(send_back, goes_to_the_sender_in_a_simulation)
{
	noh_check(look_into_a_mirror(NULL) == 0);
}

Test(send_back, can_be_recorded)
{
	struct mirror mirror = {0};
	noh_actor sender = {7 << 22 | 1};

	noh_test_handle(mirror, &mirror, sender, pair, .first = 1, .second = 2);

	cr_expect_eq(mirror.err, 0);
	cr_expect(noh_test_sent(sender, pair, .first = 2, .second = 1));
}

static void *send_back_to_a_thread(void *argument)
{
	struct errand *errand = (struct errand *)argument;
	noh_thread_enter(errand->runtime);
	noh_send(errand->to, pair);
	noh_thread_leave(errand->runtime);
	return NULL;
}

static int send_back_to_nobody(void *unused)
{
	(void)unused;
	on_a_thread(send_back_to_a_thread, noh_self());

	noh_check(noh_receive(20000, pair));
	noh_check(noh_send_back(pair) == -EINVAL);
	noh_check(noh_send_back(quad) == -EINVAL);
	noh_check(noh_send_back(word, .text = "") == -EINVAL);
	return 0;
}

Test(send_back, to_nobody_is_refused)
{
	cr_expect_eq(noh_run(send_back_to_nobody, NULL, .workers = 1), 0);
	cr_expect_eq(noh_send_back(pair), -EINVAL);
}

// ---- by a protocol

NOH_MESSAGE(told, (u64, value));

struct talker {
	noh_actor to;
};

static void on_told(struct talker *self, const struct told *msg)
{
	noh_send(self->to, told, .value = msg->value);
}

NOH_PROTOCOL(talker, told);
NOH_ACTOR(talker, (told, on_told));

Simulated(protocol, tells_a_message_that_it_names)
{
	noh_actor inbox = noh_test_inbox();
	talker_ref talker = {.actor = noh_spawn(talker, .to = inbox)};

	noh_check(noh_tell(talker, told, .value = 7) == 0);
	noh_test_settle();

	noh_check(noh_test_sent(inbox, told, .value = 7));
	noh_check(sizeof(talker) == sizeof(noh_actor)); // it costs nothing
}
