/* Actor types that are filled in by hand: how their `receive` says what it made of a message, and
 * how the code behind the macros says it for them. */
#include <errno.h>

#include <noh/noh.h>
#include <noh/test.h>

#include "tests/support/downs.h"
#include "tests/support/seeds.h"

NOH_MESSAGE(number, (u64, value));
NOH_MESSAGE(unknown);
NOH_MESSAGE(thrown);
NOH_MESSAGE(answer, (u64, value));
NOH_REQUEST(question, answer, (u64, value));
NOH_REQUEST(thrown_question, answer);
NOH_REQUEST(other_question, answer);

struct relay {
	noh_actor to;
};

static void not_understood_again(void *unused)
{
	(void)unused;
	noh_not_understood(); // which nobody asks any more
}

static void receive(void *state, uint32_t id, const void *body, const struct noh_delivery *answer)
{
	const struct relay *self = (const struct relay *)state;
	(void)answer;
	if (id == noh_message_id(&number_message)) {
		noh_defer(not_understood_again, NULL);
		noh_send(self->to, number, .value = ((const struct number *)body)->value);
	} else if (id == noh_message_id(&question_message)) {
		noh_reply(answer, .value = ((const struct question *)body)->value);
	} else if (id == noh_message_id(&thrown_message) ||
		   id == noh_message_id(&thrown_question_message)) {
		noh_note_failure("as C++ throws"); // what the macros do with what they catch
	} else {
		noh_not_understood();
	}
}

static const struct noh_message_type *const accepts[] = {
	&number_message, &question_message, &thrown_message, &thrown_question_message, NULL};
static const struct noh_actor_type relay_actor = {.abi = NOH_ABI,
						  .name = "relay",
						  .state_size = sizeof(struct relay),
						  .accepts = accepts,
						  .receive = receive};

static noh_actor spawn_relay(noh_actor to)
{
	return noh_spawn_with(relay, (.monitored = true), .to = to);
}

Simulated(by_hand, what_is_not_understood_is_a_dead_letter_and_the_next_is_handled)
{
	noh_actor inbox = noh_test_inbox(), relay = spawn_relay(inbox);

	noh_send(relay, unknown);
	noh_send(relay, number, .value = 1);
	noh_send(relay, number, .value = 2);
	noh_test_settle();

	noh_check(noh_dead_letters() == 1);
	noh_check(noh_test_sent(inbox, number, .value = 1));
	noh_check(noh_test_sent(inbox, number, .value = 2));
}

Simulated(by_hand, who_asks_what_is_not_understood_hears_it)
{
	noh_actor relay = spawn_relay(NOH_NOBODY);
	const struct answer *got;

	noh_check(noh_ask(relay, other_question, 1000, &got) == -ENOTSUP);
	noh_check(!noh_ask(relay, question, 1000, &got, .value = 3) && got->value == 3);
}

Simulated(by_hand, what_a_handler_throws_ends_it_alone)
{
	noh_actor inbox = noh_test_inbox(), lives = spawn_relay(inbox), dies = spawn_relay(inbox);

	noh_send(dies, thrown);
	noh_send(dies, number, .value = 1);
	noh_send(lives, number, .value = 2);
	noh_test_settle();

	expect_end(dies, NOH_WHY_FAILED, 0, "as C++ throws");
	noh_check(noh_dead_letters() == 1);
	noh_check(noh_test_sent(inbox, number, .value = 2));
	noh_check(!noh_test_take(inbox, number));
}

Simulated(by_hand, who_asks_one_that_throws_hears_it)
{
	const struct answer *got;

	noh_check(noh_ask(spawn_relay(NOH_NOBODY), thrown_question, 1000, &got) == -ECONNRESET);
}

// ---- where there is nothing to understand

struct dreamer {
	int unused;
};

static void dream(struct dreamer *self)
{
	(void)self;
	noh_not_understood();
}

NOH_FIBER(dreamer, dream);

Simulated(by_hand, a_fiber_that_does_not_understand_fails)
{
	noh_actor inbox = noh_test_inbox(), relay = spawn_relay(inbox);

	noh_spawn_with(dreamer, (.monitored = true));
	noh_check(next_down()->why == NOH_WHY_FAILED);
	noh_send(relay, number, .value = 1);
	noh_test_settle();
	noh_check(noh_test_sent(inbox, number, .value = 1) && !noh_dead_letters());
}
