/* Postponing: messages kept for later, and when they come again. */
#include <errno.h>

#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(number, (u64, value));
NOH_MESSAGE(got, (u64, value));
NOH_MESSAGE(connected);
NOH_MESSAGE(lost);
NOH_MESSAGE(replay);
NOH_MESSAGE(full, (i64, err));
NOH_MESSAGE(fail);
NOH_MESSAGE(tick_later, (i64, ms));
NOH_MESSAGE(watch_for_me, (actor, whom));
NOH_MESSAGE(down, (actor, who));
NOH_MESSAGE(answer, (u64, value));
NOH_REQUEST(question, answer, (u64, value));

// A client of something that it must connect to first.
struct client {
	noh_actor to;
};

static void keep(struct client *self)
{
	int err = noh_postpone();
	if (err)
		noh_send(self->to, full, .err = err);
}

static void keep_number(struct client *self, const struct number *msg)
{
	(void)msg;
	keep(self);
}

static void keep_question(struct client *self, const struct question *msg)
{
	(void)msg;
	keep(self);
}

static void keep_down(struct client *self, const struct noh_down *msg)
{
	(void)msg;
	keep(self);
}

static void on_connected(struct client *self, const struct connected *msg)
{
	(void)self;
	(void)msg;
	noh_become(connected_client);
}

static void on_replay(struct client *self, const struct replay *msg)
{
	(void)msg;
	noh_send(self->to, replay);
	noh_replay();
}

static void on_fail(struct client *self, const struct fail *msg)
{
	(void)self;
	(void)msg;
	noh_fail("told so");
}

static void on_tick_later(struct client *self, const struct tick_later *msg)
{
	(void)self;
	noh_after(msg->ms, number, .value = 7);
}

static void on_watch_for_me(struct client *self, const struct watch_for_me *msg)
{
	(void)self;
	noh_monitor(msg->whom, true);
}

static void on_number(struct client *self, const struct number *msg)
{
	noh_send(self->to, got, .value = msg->value);
}

static void on_question(struct client *self, const struct question *msg)
{
	(void)self;
	noh_reply(answer, .value = msg->value + 1);
}

static void on_lost(struct client *self, const struct lost *msg)
{
	(void)self;
	(void)msg;
	noh_become(client);
}

static void on_down(struct client *self, const struct noh_down *msg)
{
	noh_send(self->to, down, .who = msg->who);
}

NOH_ACTOR_WITH(client, (.postponed = 3), (number, keep_number), (question, keep_question),
	       (noh_down, keep_down), (connected, on_connected), (replay, on_replay),
	       (fail, on_fail), (tick_later, on_tick_later), (watch_for_me, on_watch_for_me));
NOH_BEHAVIOUR(connected_client, client, (number, on_number), (question, on_question),
	      (noh_down, on_down), (lost, on_lost));

static void send_numbers(noh_actor to, uint64_t from, uint64_t last)
{
	for (uint64_t value = from; value <= last; value++)
		noh_send(to, number, .value = value);
}

static void expect_numbers(noh_actor inbox, uint64_t from, uint64_t last)
{
	for (uint64_t value = from; value <= last; value++)
		noh_check(noh_test_sent(inbox, got, .value = value));
}

Simulated(postpone, brings_messages_again_in_order_before_newer_ones)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor client = noh_spawn(client, .to = inbox);

	send_numbers(client, 1, 3);
	noh_send(client, connected);
	send_numbers(client, 4, 6);
	noh_test_settle();

	expect_numbers(inbox, 1, 6);
}

Simulated(postpone, keeps_the_order_over_several_changes)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor client = noh_spawn(client, .to = inbox);

	send_numbers(client, 1, 2);
	noh_send(client, connected);
	noh_send(client, lost);
	send_numbers(client, 3, 4);
	noh_send(client, connected);
	send_numbers(client, 5, 5);
	noh_test_settle();

	expect_numbers(inbox, 1, 5);
}

Simulated(postpone, may_be_done_again_with_a_message_that_came_again)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor client = noh_spawn(client, .to = inbox);

	send_numbers(client, 1, 3);
	noh_send(client, replay);
	noh_send(client, connected);
	noh_test_settle();

	noh_check(noh_test_sent(inbox, replay));
	expect_numbers(inbox, 1, 3);
}

// Waits with its numbers until it has counted them all, then gives them out one a replay.
struct sorter {
	noh_actor to;
	uint64_t next;
};

static void sort_number(struct sorter *self, const struct number *msg)
{
	if (msg->value != self->next) {
		noh_postpone();
		return;
	}
	self->next++;
	noh_send(self->to, got, .value = msg->value);
	noh_replay();
}

NOH_ACTOR(sorter, (number, sort_number));

Simulated(postpone, puts_what_is_kept_again_before_what_has_not_come_again_yet)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor sorter = noh_spawn(sorter, .to = inbox, .next = 1);
	static const uint64_t values[] = {5, 2, 8, 3, 7, 1, 4, 6};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		noh_send(sorter, number, .value = values[i]);
	noh_test_settle();

	expect_numbers(inbox, 1, 8);
}

Simulated(postpone, leaves_the_duty_to_answer_with_a_request)
{
	noh_actor client = noh_spawn(client, .to = noh_test_inbox());
	const struct answer *answer;

	noh_check(noh_ask(client, question, 100, &answer, .value = 1) == -ETIMEDOUT);
	noh_send(client, connected);
	noh_check(noh_ask(client, question, 100, &answer, .value = 2) == 0);
	noh_check(answer->value == 3);
}

struct asker {
	noh_actor to, whom;
};

static void ask_once(struct asker *self)
{
	const struct answer *answer;
	int err = noh_ask(self->whom, question, 1000, &answer, .value = 5);
	noh_send(self->to, got, .value = err ? (uint64_t)-err : answer->value);
}

NOH_FIBER(asker, ask_once);

Simulated(postpone, answers_a_request_that_came_again)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor client = noh_spawn(client, .to = inbox);

	noh_spawn(asker, .to = inbox, .whom = client);
	noh_test_advance(10);
	noh_send(client, connected);
	noh_test_settle();

	noh_check(noh_test_sent(inbox, got, .value = 6));
}

Simulated(postpone, fails_a_request_whose_actor_ends)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor client = noh_spawn(client, .to = inbox);

	noh_spawn(asker, .to = inbox, .whom = client);
	noh_test_advance(10);
	noh_stop(client);
	noh_test_settle();

	noh_check(noh_test_sent(inbox, got, .value = ESRCH));
}

Simulated(postpone, keeps_no_more_than_the_limit)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor client = noh_spawn(client, .to = inbox);

	send_numbers(client, 1, 4);
	noh_send(client, connected);
	noh_test_settle();

	noh_check(noh_test_sent(inbox, full, .err = -EAGAIN));
	expect_numbers(inbox, 1, 3);
}

Simulated(postpone, survives_a_restart)
{
	noh_actor inbox = noh_test_inbox();
	struct client state = {.to = inbox};
	noh_actor client =
		noh_spawn_with(client, (.keeps_place = true, .monitored = true), .to = inbox);

	send_numbers(client, 1, 2);
	noh_send(client, fail);
	send_numbers(client, 3, 3);
	noh_test_settle();
	noh_restart(client, &state);
	noh_send(client, connected);
	noh_test_settle();

	expect_numbers(inbox, 1, 3);
}

Simulated(postpone, drops_ticks_of_a_life_that_is_over)
{
	noh_actor inbox = noh_test_inbox();
	struct client state = {.to = inbox};
	noh_actor client =
		noh_spawn_with(client, (.keeps_place = true, .monitored = true), .to = inbox);

	noh_send(client, tick_later, .ms = 10);
	noh_test_advance(20);
	noh_send(client, fail);
	noh_test_settle();
	noh_restart(client, &state);
	noh_send(client, connected);
	noh_send(client, number, .value = 1);
	noh_test_settle();

	expect_numbers(inbox, 1, 1);
	noh_check(!noh_test_take(inbox, got));
}

Simulated(postpone, brings_ticks_and_downs_again)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor client = noh_spawn(client, .to = inbox);
	noh_actor other = noh_spawn(client, .to = inbox);

	noh_send(client, tick_later, .ms = 10);
	noh_send(client, watch_for_me, .whom = other);
	noh_test_settle();
	noh_stop(other);
	noh_test_advance(20);
	noh_send(client, connected);
	noh_test_settle();

	noh_check(noh_test_sent(inbox, down, .who = other));
	expect_numbers(inbox, 7, 7);
}

Simulated(postpone, makes_dead_letters_of_what_is_kept_at_the_end)
{
	noh_actor client = noh_spawn(client, .to = noh_test_inbox());
	uint64_t before = noh_dead_letters();

	send_numbers(client, 1, 2);
	noh_stop(client);
	noh_test_settle();

	noh_check(noh_dead_letters() == before + 2);
}

struct starter {
	noh_actor to;
};

static void on_start(struct starter *self, const struct noh_start *msg)
{
	(void)msg;
	noh_send(self->to, full, .err = noh_postpone());
}

NOH_ACTOR(starter, (noh_start, on_start));

Simulated(postpone, cannot_keep_what_is_no_mail)
{
	noh_actor inbox = noh_test_inbox();

	noh_spawn(starter, .to = inbox);
	noh_test_settle();

	noh_check(noh_test_sent(inbox, full, .err = -ENOMSG));
}
