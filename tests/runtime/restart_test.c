/* Children that are restarted: what survives, and what does not. */
#include <errno.h>

#include <noh/test.h>

#include "tests/support/kept_child.h"
#include "tests/support/seeds.h"

Simulated(restart, begins_a_new_life_with_a_fresh_state)
{
	noh_actor inbox = noh_test_inbox(), child = spawn_child(inbox);
	fail_child(child, inbox);

	noh_check(restart(child, inbox, 2) == 0);
	noh_test_settle();

	noh_check(
		noh_test_sent(inbox, started, .life = 2, .restarts = 1, .last_failure = "told so"));
}

Simulated(restart, keeps_the_handle_and_what_waits_in_the_mailbox)
{
	noh_actor inbox = noh_test_inbox(), child = spawn_child(inbox);

	noh_send(child, number, .value = 1);
	noh_send(child, fail, .reason = "told so");
	noh_send(child, number, .value = 2);
	expect_down(child, NOH_WHY_FAILED, true);
	noh_send(child, number, .value = 3);
	noh_test_settle();
	noh_check(noh_test_sent(inbox, got, .life = 1, .value = 1));
	noh_test_take(inbox, stopped);
	noh_check(!noh_test_take(inbox, got));

	restart(child, inbox, 2);
	noh_send(child, number, .value = 4);
	noh_test_settle();

	noh_test_take(inbox, started);
	for (uint64_t i = 2; i <= 4; i++)
		noh_check(noh_test_sent(inbox, got, .life = 2, .value = i));
	noh_check(noh_dead_letters() == 0);
}

Simulated(restart, keeps_what_waits_also_while_children_end)
{
	noh_actor inbox = noh_test_inbox(), child = spawn_child(inbox);

	noh_send(child, have_child);
	noh_send(child, fail, .reason = "told so");
	for (uint64_t i = 1; i <= 3; i++)
		noh_send(child, number, .value = i);
	expect_down(child, NOH_WHY_FAILED, true);
	restart(child, inbox, 2);
	noh_test_settle();

	for (uint64_t i = 1; i <= 3; i++)
		noh_check(noh_test_take(inbox, got)->value == i);
	noh_check(noh_dead_letters() == 0);
}

Simulated(restart, loses_the_message_in_hand_once)
{
	noh_actor inbox = noh_test_inbox(), child = spawn_child(inbox);

	fail_child(child, inbox);
	restart(child, inbox, 2);
	noh_test_settle();

	noh_check(noh_test_take(inbox, started));
	noh_check(!noh_test_take(inbox, stopped)); // it was not handed out again
}

Simulated(restart, can_happen_again_and_again)
{
	noh_actor inbox = noh_test_inbox(), child = spawn_child(inbox);

	for (uint64_t life = 2; life < 20; life++) {
		fail_child(child, inbox);
		restart(child, inbox, life);
		noh_test_settle();
		noh_check(noh_test_sent(inbox, started, .life = life, .restarts = life - 1,
					.last_failure = "told so"));
		noh_monitor(child, true);
	}
}

Simulated(restart, keeps_the_ticks_of_the_old_life_out)
{
	noh_actor inbox = noh_test_inbox(), child = spawn_child(inbox);
	noh_send(child, set_tick, .ms = 10);
	noh_send(child, set_tick, .ms = 0); // queued behind the failure
	fail_child(child, inbox);
	noh_test_take(inbox, tick);

	restart(child, inbox, 2);
	noh_send(child, set_tick, .ms = 50);
	noh_test_advance(100);

	noh_test_take(inbox, started);
	const struct tick *only = noh_test_take(inbox, tick);
	noh_check(only && only->life == 2);
	noh_check(!noh_test_take(inbox, tick));
}

struct slow {
	noh_actor to;
	noh_reply_to whom[4];
	size_t count;
};

static void take_question(struct slow *self, const struct question *msg)
{
	(void)msg;
	self->whom[self->count++] = noh_reply_later();
}

static void answer_all(struct slow *self, const struct number *msg)
{
	for (size_t i = 0; i < self->count; i++)
		noh_reply_at(self->whom[i], answer, .value = msg->value);
}

NOH_ACTOR(slow, (question, take_question), (number, answer_all));

Simulated(restart, keeps_the_answers_to_the_old_life_out)
{
	noh_actor inbox = noh_test_inbox(), child = spawn_child(inbox);
	noh_actor slow = noh_spawn(slow);
	noh_send(child, ask_for_me, .whom = slow);
	noh_test_settle();
	fail_child(child, inbox);

	restart(child, inbox, 2);
	noh_send(child, ask_for_me, .whom = slow);
	noh_test_settle();
	noh_send(slow, number, .value = 1);
	noh_test_advance(1000);

	noh_check(noh_test_take(inbox, answered)->life == 2);
	noh_check(!noh_test_take(inbox, answered));
}

Simulated(restart, keeps_the_monitors_of_the_old_life_out)
{
	noh_actor inbox = noh_test_inbox(), child = spawn_child(inbox);
	noh_actor whom = noh_spawn_with(leaf, (.detached = true), .to = inbox);
	noh_send(child, watch_for_me, .whom = whom);
	noh_test_settle();
	fail_child(child, inbox);
	restart(child, inbox, 2);

	noh_stop(whom);
	noh_test_settle();

	noh_check(!noh_test_take(inbox, told));
}

struct asked {
	noh_reply_to kept;
};

static void keep_question(struct asked *self, const struct question *msg)
{
	(void)msg;
	self->kept = noh_reply_later();
	noh_fail("asked");
}

NOH_ACTOR(asked, (question, keep_question));

Simulated(restart, tells_who_asked_the_old_life)
{
	noh_actor asked = noh_spawn_with(asked, (.keeps_place = true, .monitored = true));
	const struct answer *answer;

	noh_check(noh_ask(asked, question, 1000, &answer) == -ECONNRESET);
}

Simulated(restart, ends_the_children_of_the_old_life)
{
	noh_actor inbox = noh_test_inbox(), child = spawn_child(inbox);
	noh_send(child, have_child);
	noh_test_settle();
	noh_actor leaf = noh_test_take(inbox, child_is)->who;

	noh_send(child, fail, .reason = "told so");
	expect_down(child, NOH_WHY_FAILED, true);

	noh_check(noh_test_sent(inbox, stopped, .life = 1, .why = NOH_WHY_FAILED));
	noh_check(noh_test_sent(inbox, stopped, .life = 100, .why = NOH_WHY_SHUTDOWN));
	noh_monitor(leaf, true);
	expect_down(leaf, NOH_WHY_NOBODY, false);
}

Simulated(restart, of_a_living_child_fails_it_first)
{
	noh_actor inbox = noh_test_inbox(), child = spawn_child(inbox);
	noh_send(child, have_child);

	noh_check(restart(child, inbox, 2) == 0);
	noh_test_settle();

	noh_test_take(inbox, child_is);
	noh_check(noh_test_sent(inbox, stopped, .life = 1, .why = NOH_WHY_FAILED));
	noh_check(noh_test_sent(inbox, stopped, .life = 100, .why = NOH_WHY_SHUTDOWN));
	noh_check(noh_test_sent(inbox, started, .life = 2, .restarts = 1,
				.last_failure = "restarted by its parent"));
	noh_check(!noh_receive(0, noh_down)); // the parent knows; its monitor waits for the end
}

Simulated(restart, that_meets_the_childs_own_failure_is_one)
{
	noh_actor inbox = noh_test_inbox(), child = spawn_child(inbox);

	noh_send(child, fail, .reason = "its own");
	noh_check(restart(child, inbox, 2) == 0);
	noh_test_settle();

	noh_check(noh_test_take(inbox, stopped));
	noh_check(
		noh_test_sent(inbox, started, .life = 2, .restarts = 1, .last_failure = "its own"));
	noh_check(!noh_receive(0, noh_down)); // nothing waits to be decided

	// The next one does.
	noh_send(child, fail, .reason = "told so");
	expect_down(child, NOH_WHY_FAILED, true);
}

Simulated(restart, takes_back_an_end_that_came_too_late_for_the_life_before)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor child =
		noh_spawn_with(child, (.keeps_place = true, .supervised = true, .monitored = true),
			       .to = inbox, .life = 1);
	noh_test_settle();
	fail_child(child, inbox);
	noh_test_take(inbox, started);

	noh_end_life(child); // it has none
	noh_check(restart(child, inbox, 2) == 0);
	noh_test_settle();
	noh_check(noh_test_take(inbox, started)->life == 2);
	noh_check(!noh_test_take(inbox, stopped));

	noh_monitor(child, true);
	noh_kill(child);
	noh_test_settle();
	noh_check(restart(child, inbox, 3) == 0);
	noh_end_life(child); // the one that begins
	noh_test_settle();
	noh_check(
		noh_test_sent(inbox, started, .life = 3, .restarts = 2, .last_failure = "killed"));
	noh_check(noh_test_sent(inbox, stopped, .life = 3, .why = NOH_WHY_SHUTDOWN));
}

Simulated(restart, is_for_the_parent_of_a_child_that_keeps_its_place)
{
	noh_actor inbox = noh_test_inbox(), child = spawn_child(inbox);
	noh_actor plain = noh_spawn(child, .to = inbox);
	noh_actor detached =
		noh_spawn_with(child, (.keeps_place = true, .detached = true), .to = inbox);

	noh_check(restart(plain, inbox, 2) == -ESRCH);
	noh_check(restart(detached, inbox, 2) == -ESRCH);
	noh_check(restart(NOH_NOBODY, inbox, 2) == -ESRCH);
	noh_stop(child);
	noh_test_settle();
	noh_check(restart(child, inbox, 2) == -ESRCH);
}

Simulated(monitor, until_gone_is_silent_over_a_restart)
{
	noh_actor inbox = noh_test_inbox(), child = spawn_child(inbox);
	// The root is the parent, whose monitors are another matter: somebody else watches.
	noh_actor watcher = noh_spawn(child, .to = inbox, .life = 50);
	noh_send(watcher, watch_for_me, .whom = child);
	fail_child(child, inbox);

	restart(child, inbox, 2);
	noh_test_settle();
	noh_check(!noh_test_take(inbox, told));

	noh_stop(child);
	noh_test_settle();
	noh_check(noh_test_take(inbox, told)->life == 50);
	noh_check(!noh_test_take(inbox, told));
}

// ---- a fiber

struct keeper {
	noh_actor to;
	uint64_t life;
};

static void keep(struct keeper *self)
{
	noh_send(self->to, started, .life = self->life);
	noh_after(10, tick, .life = self->life);
	for (;;) {
		const struct noh_delivery *in = noh_receive(-1, fail, number);
		if (noh_as(in, fail))
			noh_fail("%s", noh_as(in, fail)->reason);
		noh_sleep(20); // the tick comes, and is saved
		noh_send(self->to, got, .life = self->life, .value = noh_as(in, number)->value);
		const struct tick *tick = noh_as(noh_receive(0, tick), tick);
		if (tick)
			noh_send(self->to, tick, .life = tick->life);
	}
}

NOH_FIBER(keeper, keep);

Simulated(restart, of_a_fiber_keeps_its_mail_and_drops_its_ticks)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor keeper = noh_spawn_with(keeper, (.keeps_place = true, .monitored = true),
					  .to = inbox, .life = 1);
	noh_test_advance(15);
	noh_send(keeper, fail, .reason = "told so");
	noh_send(keeper, number, .value = 1);
	expect_down(keeper, NOH_WHY_FAILED, true);

	struct keeper state = {.to = inbox, .life = 2};
	noh_check(noh_restart(keeper, &state) == 0);
	noh_test_advance(100);

	noh_check(noh_test_take(inbox, started)->life == 1);
	noh_check(noh_test_take(inbox, started)->life == 2);
	noh_check(noh_test_sent(inbox, got, .life = 2, .value = 1));
	noh_check(noh_test_sent(inbox, tick, .life = 2));
	noh_check(!noh_test_take(inbox, tick));
}
