/* Bounded mailboxes: what finds one full, what never counts, and what becomes of the bound when its
 * actor ends. */
#include <errno.h>

#include <noh/test.h>

#include "tests/support/seeds.h"
#include "tests/support/taker.h"

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
