/* Messages that expire: skipped when they are taken too late, and counted. */
#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(number, (u64, value));
NOH_MESSAGE(got, (u64, value));
NOH_MESSAGE(rest, (i64, ms));
NOH_MESSAGE(box, (owned, object), (str, text));

// A fiber that rests when told, so that its mail waits.
struct reader {
	noh_actor to;
};

static void read_on(struct reader *self)
{
	for (;;) {
		const struct noh_delivery *in = noh_receive(-1, number, rest, box);
		const struct number *number = noh_as(in, number);
		const struct rest *rest = noh_as(in, rest);
		if (number)
			noh_send(self->to, got, .value = number->value);
		if (rest)
			noh_sleep(rest->ms);
	}
}

NOH_FIBER(reader, read_on);

// A handler: it waits for nobody, so its mail waits only while it keeps its place.
struct child {
	noh_actor to;
};

static void on_number(struct child *self, const struct number *msg)
{
	if (msg->value == 0)
		noh_fail("told so");
	noh_send(self->to, got, .value = msg->value);
}

NOH_ACTOR(child, (number, on_number));

Simulated(expiry, skips_what_is_taken_too_late)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor reader = noh_spawn(reader, .to = inbox);
	uint64_t before = noh_dead_letters();

	noh_send(reader, rest, .ms = 100);
	noh_send_expiring(reader, 50, number, .value = 1);
	noh_send_expiring(reader, 150, number, .value = 2);
	noh_send(reader, number, .value = 3);
	noh_test_advance(200);

	noh_check(noh_test_sent(inbox, got, .value = 2));
	noh_check(noh_test_sent(inbox, got, .value = 3));
	noh_check(noh_dead_letters() == before + 1);
}

Simulated(expiry, takes_what_is_there_at_the_very_deadline)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor reader = noh_spawn(reader, .to = inbox);

	noh_send(reader, rest, .ms = 100);
	noh_send_expiring(reader, 100, number, .value = 1);
	noh_test_advance(100);

	noh_check(noh_test_sent(inbox, got, .value = 1));
}

Simulated(expiry, goes_on_while_a_restart_is_waited_for)
{
	noh_actor inbox = noh_test_inbox();
	struct child state = {.to = inbox};
	noh_actor child =
		noh_spawn_with(child, (.keeps_place = true, .monitored = true), .to = inbox);

	noh_send(child, number, .value = 0);
	noh_send_expiring(child, 50, number, .value = 1);
	noh_send_expiring(child, 150, number, .value = 2);
	noh_test_advance(100);
	noh_restart(child, &state);
	noh_test_settle();

	noh_check(noh_test_sent(inbox, got, .value = 2));
}

static int dropped;

static void drop_object(void *object)
{
	(void)object;
	dropped++;
}

Simulated(expiry, releases_what_an_expired_message_holds)
{
	static int object;
	noh_actor reader = noh_spawn(reader, .to = noh_test_inbox());
	dropped = 0;

	noh_send(reader, rest, .ms = 100);
	noh_send_expiring(reader, 50, box, .object = {&object, drop_object}, .text = "text");
	noh_test_advance(100);

	noh_check(dropped == 1);
}

Simulated(expiry, of_a_message_to_nobody_is_a_dead_letter_as_any)
{
	noh_actor child = noh_spawn(child, .to = noh_test_inbox());
	uint64_t before = noh_dead_letters();

	noh_stop(child);
	noh_test_settle();
	noh_send_expiring(child, 50, number, .value = 1);
	noh_test_settle();

	noh_check(noh_dead_letters() == before + 1);
}

NOH_MESSAGE(answer);
NOH_REQUEST(question, answer, (u64, value));

// Takes its time for each answer.
struct late {
	noh_actor to;
};

static void answer_late(struct late *self)
{
	const struct question *question;
	while ((question = noh_as(noh_receive(-1, question), question))) {
		noh_send(self->to, got, .value = question->value);
		noh_sleep(100);
		noh_reply(answer);
	}
}

NOH_FIBER(late, answer_late);

struct asker {
	noh_actor whom;
	uint64_t value;
	int64_t within_ms;
};

static void ask_once(struct asker *self)
{
	const struct answer *answer;
	noh_ask(self->whom, question, self->within_ms, &answer, .value = self->value);
}

NOH_FIBER(asker, ask_once);

Simulated(expiry, skips_requests_whose_asker_has_given_up)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor late = noh_spawn(late, .to = inbox);
	uint64_t before = noh_dead_letters();

	noh_spawn(asker, .whom = late, .value = 1, .within_ms = 1000);
	noh_test_settle();
	noh_spawn(asker, .whom = late, .value = 2, .within_ms = 50);
	noh_spawn(asker, .whom = late, .value = 3, .within_ms = 1000);
	noh_test_advance(500);

	noh_check(noh_test_sent(inbox, got, .value = 1));
	noh_check(noh_test_sent(inbox, got, .value = 3));
	noh_check(!noh_test_take(inbox, got));
	noh_check(noh_dead_letters() == before + 1);
}

static void on_question(struct child *self, const struct question *msg)
{
	noh_send(self->to, got, .value = msg->value);
	noh_reply(answer);
}

static void on_fail(struct child *self, const struct number *msg)
{
	(void)self;
	(void)msg;
	noh_fail("told so");
}

NOH_BEHAVIOUR(asked, child, (question, on_question), (number, on_fail));

Simulated(expiry, of_a_request_is_looked_at_before_its_handler)
{
	noh_actor inbox = noh_test_inbox();
	struct child state = {.to = inbox};
	noh_actor asked = noh_spawn_type(&asked_actor, &state,
					 NOH_VALUE(noh_spawn_options,
						   .size = sizeof(struct noh_spawn_options),
						   .keeps_place = true, .monitored = true));
	uint64_t before = noh_dead_letters();

	noh_send(asked, number, .value = 0);
	noh_spawn(asker, .whom = asked, .value = 1, .within_ms = 50);
	noh_spawn(asker, .whom = asked, .value = 2, .within_ms = 1000);
	noh_test_advance(100);
	noh_restart(asked, &state);
	noh_test_settle();

	noh_check(noh_test_sent(inbox, got, .value = 2));
	noh_check(!noh_test_take(inbox, got));
	noh_check(noh_dead_letters() == before + 1);
}
