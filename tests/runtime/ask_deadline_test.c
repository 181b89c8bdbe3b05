/* The deadline of an ask, and what it means to those who ask in turn to be able to answer. */
#include <errno.h>

#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(left, (i64, ms), (i64, err));
NOH_REQUEST(look, left, (i64, within_ms), (flag, replies_first));
NOH_REQUEST(look_wide, left, (u64, a), (u64, b), (u64, c), (u64, d), (u64, e));
NOH_REQUEST(look_long, left, (str, text), (list, u64, numbers), (str, none));
NOH_MESSAGE(look_round);

// Never answers.
struct deaf {
	uint64_t asked;
};

NOH_MESSAGE(asked, (u64, times));
NOH_REQUEST(count_asked, asked);

static void on_look_in_vain(struct deaf *self, const struct look *msg)
{
	(void)msg;
	self->asked++;
	noh_reply_later();
}

static void on_count_asked(struct deaf *self, const struct count_asked *msg)
{
	(void)msg;
	noh_reply(asked, .times = self->asked);
}

NOH_ACTOR(deaf, (look, on_look_in_vain), (count_asked, on_count_asked));

// Asks somebody who never answers, then answers how long that took to end.
struct patient {
	noh_actor deaf;
	int64_t sleeps_ms;
};

static void ask_in_turn(struct patient *self)
{
	const struct left *answer;
	for (;;) {
		const struct look *msg = noh_as(noh_receive(-1, look), look);
		noh_sleep(self->sleeps_ms);
		int64_t before_ms = noh_now_ms();
		int err = noh_ask(self->deaf, look, msg->within_ms, &answer);
		noh_reply(left, .ms = noh_now_ms() - before_ms, .err = err);
	}
}

NOH_FIBER(patient, ask_in_turn);

static noh_actor spawn_patient(int64_t sleeps_ms)
{
	return noh_spawn(patient, .deaf = noh_spawn(deaf), .sleeps_ms = sleeps_ms);
}

// The patient cannot answer in time: what it has asked ends with what it was asked.
Simulated(ask_deadline, is_inherited_by_a_nested_ask_that_names_none)
{
	noh_actor deaf = noh_spawn(deaf), patient = noh_spawn(patient, .deaf = deaf);
	const struct left *answer;
	int64_t before_ms = noh_now_ms();

	noh_check(noh_ask(patient, look, 100, &answer, .within_ms = 0) == -ETIMEDOUT);
	noh_check(noh_now_ms() == before_ms + 100);
	noh_test_settle();

	// It is back, at the same moment.
	noh_check(noh_ask(patient, look, 100, &answer, .within_ms = 40) == 0);
	noh_check(answer->ms == 40 && answer->err == -ETIMEDOUT);
}

Simulated(ask_deadline, cuts_what_a_nested_ask_names)
{
	noh_actor patient = spawn_patient(30);
	const struct left *answer;
	int64_t before_ms = noh_now_ms();

	noh_check(noh_ask(patient, look, 100, &answer, .within_ms = 5000) == -ETIMEDOUT);
	noh_test_settle();
	noh_check(noh_ask(patient, look, 1000, &answer, .within_ms = 1) == 0);

	noh_check(answer->ms == 1);
	noh_check(noh_now_ms() == before_ms + 100 + 30 + 1);
}

Simulated(ask_deadline, that_has_passed_leaves_a_nested_ask_unsent)
{
	noh_actor deaf = noh_spawn(deaf);
	noh_actor patient = noh_spawn(patient, .deaf = deaf, .sleeps_ms = 150);
	const struct left *answer;
	const struct asked *asked;

	noh_check(noh_ask(patient, look, 100, &answer, .within_ms = 5000) == -ETIMEDOUT);
	noh_test_advance(100);

	noh_check(noh_ask(deaf, count_asked, 100, &asked) == 0 && asked->times == 0);
}

// Answers what is left, as seen by a handler.
struct clock {
	noh_actor next;
	noh_reply_to asker;
};

static void answer_what_is_left(struct clock *self, const struct look *msg)
{
	(void)self;
	int64_t before = noh_remaining_ms();
	if (msg->replies_first) {
		noh_reply(left, .ms = before);
		noh_check(noh_remaining_ms() == INT64_MAX);
		return;
	}
	noh_reply_to later = noh_reply_later();
	noh_check(noh_remaining_ms() == before);
	noh_reply_at(later, left, .ms = before);
}

static void on_look_wide(struct clock *self, const struct look_wide *msg)
{
	(void)self;
	noh_check(msg->a + msg->b + msg->c + msg->d + msg->e == 15);
	noh_reply(left, .ms = noh_remaining_ms());
}

static void on_look_long(struct clock *self, const struct look_long *msg)
{
	(void)self;
	noh_check(!strcmp(msg->text, "some text") && !*msg->none);
	noh_check(msg->numbers.count == 2 && msg->numbers.at[1] == 8);
	noh_reply(left, .ms = noh_remaining_ms());
}

static void on_look_round(struct clock *self, const struct look_round *msg)
{
	(void)msg;
	noh_check(noh_remaining_ms() == INT64_MAX);
	self->asker = (noh_reply_to){0};
}

NOH_ACTOR(clock, (look, answer_what_is_left), (look_wide, on_look_wide), (look_long, on_look_long),
	  (look_round, on_look_round));

Simulated(ask_deadline, is_known_to_who_has_the_request_in_hand)
{
	noh_actor clock = noh_spawn(clock);
	const struct left *answer;
	static const uint64_t numbers[] = {7, 8};

	noh_check(noh_ask(clock, look, 100, &answer, .replies_first = true) == 0);
	noh_check(answer->ms == 100);
	noh_check(noh_ask(clock, look, 70, &answer) == 0 && answer->ms == 70);
	noh_check(noh_ask(clock, look_wide, 80, &answer, 1, 2, 3, 4, 5) == 0 && answer->ms == 80);
	noh_check(noh_ask(clock, look_long, 90, &answer, .text = "some text",
			  .numbers = {numbers, 2}) == 0);
	noh_check(answer->ms == 90);
	noh_check(noh_remaining_ms() == INT64_MAX); // nobody asked the root
}

Simulated(ask_deadline, is_nobodys_for_a_plain_message)
{
	noh_actor clock = noh_spawn_with(clock, (.monitored = true));

	noh_send(clock, look_round); // fails it if it knows one
	noh_test_settle();

	noh_check(!noh_receive(0, noh_down));
}

// Passes requests on, by forwarding or by asking anew.
struct middle {
	noh_actor next;
	noh_reply_to asker;
};

static void forward(struct middle *self, const struct look_long *msg)
{
	(void)msg;
	noh_check(noh_forward(self->next) == 0);
	noh_check(noh_remaining_ms() == INT64_MAX);
}

static void ask_first(struct middle *self, const struct look *msg)
{
	self->asker = noh_reply_later();
	noh_ask_later(self->next, look, msg->within_ms, 0);
}

// The first ask has failed, or not: what is left is the same, whatever that ask was given.
static void then_reply(struct middle *self, const struct noh_outcome *how,
		       const struct left *or_null)
{
	(void)or_null;
	noh_reply_at(self->asker, left, .ms = noh_remaining_ms(), .err = how->err);
}

NOH_ACTOR(middle, (look_long, forward), (look, ask_first), (look, answer, then_reply));

Simulated(ask_deadline, goes_on_with_a_forwarded_request)
{
	noh_actor middle = noh_spawn(middle, .next = noh_spawn(clock));
	const struct left *answer;
	static const uint64_t numbers[] = {7, 8};

	noh_check(noh_ask(middle, look_long, 90, &answer, .text = "some text",
			  .numbers = {numbers, 2}) == 0);

	noh_check(answer->ms == 90);
}

Simulated(ask_deadline, holds_for_the_handler_of_an_outcome)
{
	noh_actor middle = noh_spawn(middle, .next = noh_spawn(deaf));
	const struct left *answer;

	noh_check(noh_ask(middle, look, 100, &answer, .within_ms = 30) == 0);
	noh_check(answer->ms == 70 && answer->err == -ETIMEDOUT);

	middle = noh_spawn(middle, .next = noh_spawn(clock));
	noh_check(noh_ask(middle, look, 100, &answer, .within_ms = 30) == 0);
	noh_check(answer->ms == 100 && answer->err == 0);
}
