/* Children that keep their place: what survives a restart, what does not, and how a place ends. */
#include <errno.h>

#include <noh/test.h>

#include "tests/support/downs.h"
#include "tests/support/seeds.h"

NOH_MESSAGE(started, (u64, life), (u64, restarts), (str, last_failure));
NOH_MESSAGE(number, (u64, value));
NOH_MESSAGE(got, (u64, life), (u64, value));
NOH_MESSAGE(tick, (u64, life));
NOH_MESSAGE(fail, (str, reason));
NOH_MESSAGE(set_tick, (i64, ms));
NOH_MESSAGE(stopped, (u64, life), (i64, why));
NOH_MESSAGE(answer, (u64, value));
NOH_REQUEST(question, answer);
NOH_MESSAGE(ask_for_me, (actor, whom));
NOH_MESSAGE(answered, (u64, life), (i64, err));
NOH_MESSAGE(watch_for_me, (actor, whom));
NOH_MESSAGE(told, (u64, life));
NOH_MESSAGE(have_child);
NOH_MESSAGE(child_is, (actor, who));

// A child whose lives are numbered by its parent.
struct child {
	noh_actor to;
	uint64_t life;
};

static void on_start(struct child *self, const struct noh_start *msg)
{
	noh_send(self->to, started, .life = self->life, .restarts = msg->restarts,
		 .last_failure = msg->last_failure);
}

static void on_number(struct child *self, const struct number *msg)
{
	noh_send(self->to, got, .life = self->life, .value = msg->value);
}

static void on_fail(struct child *self, const struct fail *msg)
{
	(void)self;
	noh_fail("%s", msg->reason);
}

static void on_set_tick(struct child *self, const struct set_tick *msg)
{
	noh_after(msg->ms, tick, .life = self->life);
}

static void on_tick(struct child *self, const struct tick *msg)
{
	noh_send(self->to, tick, .life = msg->life);
}

static void on_stopping(struct child *self, const struct noh_stopping *msg)
{
	noh_send(self->to, stopped, .life = self->life, .why = msg->why);
}

static void on_ask_for_me(struct child *self, const struct ask_for_me *msg)
{
	(void)self;
	noh_ask_later(msg->whom, question, 100, 0);
}

static void on_answer(struct child *self, const struct noh_outcome *how, const struct answer *msg)
{
	(void)msg;
	noh_send(self->to, answered, .life = self->life, .err = how->err);
}

static void on_watch_for_me(struct child *self, const struct watch_for_me *msg)
{
	(void)self;
	noh_monitor(msg->whom, true);
}

static void on_down(struct child *self, const struct noh_down *msg)
{
	if (msg->monitor)
		noh_send(self->to, told, .life = self->life);
}

struct leaf {
	noh_actor to;
};

static void leaf_stops(struct leaf *self, const struct noh_stopping *msg)
{
	noh_send(self->to, stopped, .life = 100, .why = msg->why);
}

NOH_ACTOR(leaf, (noh_stopping, leaf_stops));

static void on_have_child(struct child *self, const struct have_child *msg)
{
	(void)msg;
	noh_send(self->to, child_is, .who = noh_spawn(leaf, .to = self->to));
}

NOH_ACTOR(child, (noh_start, on_start), (number, on_number), (fail, on_fail),
	  (set_tick, on_set_tick), (tick, on_tick), (noh_stopping, on_stopping),
	  (ask_for_me, on_ask_for_me), (question, answer, on_answer),
	  (watch_for_me, on_watch_for_me), (noh_down, on_down), (have_child, on_have_child));

static noh_actor spawn_child(noh_actor inbox)
{
	noh_actor child = noh_spawn_with(child, (.keeps_place = true, .monitored = true),
					 .to = inbox, .life = 1);
	noh_test_settle();
	noh_test_take(inbox, started);
	return child;
}

static int restart(noh_actor child, noh_actor inbox, uint64_t life)
{
	struct child state = {.to = inbox, .life = life};
	return noh_restart(child, &state);
}

// The root hears of the end of a life by the monitor, which is over then.
static void expect_down(noh_actor who, int64_t why, bool restarting)
{
	const struct noh_down *down = next_down();
	noh_check(noh_same(down->who, who));
	noh_check(down->why == why);
	noh_check(down->restarting == restarting);
}

static void fail_child(noh_actor child, noh_actor inbox)
{
	noh_send(child, fail, .reason = "told so");
	expect_down(child, NOH_WHY_FAILED, true);
	noh_check(noh_test_take(inbox, stopped));
}

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

// Somebody else, who is not the parent.
struct other {
	noh_actor child;
};
NOH_MESSAGE(do_kill);
NOH_MESSAGE(do_stop);

static void kill_child(struct other *self, const struct do_kill *msg)
{
	(void)msg;
	noh_kill(self->child);
}

static void stop_child(struct other *self, const struct do_stop *msg)
{
	(void)msg;
	noh_stop(self->child);
}

NOH_ACTOR(other, (do_kill, kill_child), (do_stop, stop_child));

Simulated(place, is_kept_when_others_stop_or_kill_the_child)
{
	noh_actor inbox = noh_test_inbox(), child = spawn_child(inbox);
	noh_actor other = noh_spawn(other, .child = child);

	noh_send(other, do_stop);
	expect_down(child, NOH_WHY_NORMAL, true);
	noh_send(other, do_stop); // there is nobody to stop now
	noh_send(other, do_kill);
	noh_test_settle();
	noh_monitor(child, true);
	noh_check(restart(child, inbox, 2) == 0);
	noh_test_settle();
	noh_check(noh_test_take(inbox, started)->life == 2);

	noh_send(other, do_kill);
	expect_down(child, NOH_WHY_KILLED, true);
	noh_check(restart(child, inbox, 3) == 0);
	noh_test_settle();
	noh_check(noh_test_take(inbox, started)->life == 3);
}

Simulated(place, ends_when_the_parent_stops_the_child)
{
	noh_actor inbox = noh_test_inbox(), child = spawn_child(inbox);

	noh_stop(child);

	expect_down(child, NOH_WHY_NORMAL, false);
	noh_send(child, number, .value = 1);
	noh_check(noh_dead_letters() == 1);
}

Simulated(place, ends_when_the_parent_stops_or_kills_a_child_that_waits_for_it)
{
	noh_actor inbox = noh_test_inbox(), child = spawn_child(inbox), next = spawn_child(inbox);
	fail_child(child, inbox);
	fail_child(next, inbox);
	noh_send(child, number, .value = 1);
	noh_monitor(child, true);
	noh_monitor(next, true);

	noh_stop(child);
	expect_down(child, NOH_WHY_FAILED, false);
	noh_check(noh_dead_letters() == 1); // what had waited for the next life
	noh_kill(next);
	expect_down(next, NOH_WHY_FAILED, false);
}

struct no_wish {
	noh_actor to;
};
NOH_MESSAGE(spawn_keeping);

static void spawn_one_that_keeps(struct no_wish *self, const struct spawn_keeping *msg)
{
	(void)msg;
	noh_actor child = noh_spawn_with(child, (.keeps_place = true), .to = self->to, .life = 1);
	noh_send(self->to, child_is, .who = child);
}

NOH_ACTOR(no_wish, (spawn_keeping, spawn_one_that_keeps));

Simulated(place, ends_with_a_parent_that_fails_for_it)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor parent = noh_spawn_with(no_wish, (.monitored = true), .to = inbox);
	noh_send(parent, spawn_keeping);
	noh_test_settle();
	noh_actor child = noh_test_take(inbox, child_is)->who;

	noh_send(child, fail, .reason = "told so");

	expect_down(parent, NOH_WHY_FAILED, false);
	noh_monitor(child, true);
	expect_down(child, NOH_WHY_NOBODY, false);
}

Simulated(place, ends_when_the_parent_does_not_care)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor parent = noh_spawn(no_wish, .to = inbox);
	noh_send(parent, spawn_keeping);
	noh_test_settle();
	noh_actor child = noh_test_take(inbox, child_is)->who;
	noh_monitor(child, true);

	noh_kill(child);

	expect_down(child, NOH_WHY_KILLED, false);
}

Simulated(place, of_a_child_that_waits_ends_with_its_parent)
{
	noh_actor inbox = noh_test_inbox(), child = spawn_child(inbox);
	fail_child(child, inbox);
	noh_send(child, number, .value = 1);
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
