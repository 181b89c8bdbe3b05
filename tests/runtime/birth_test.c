/* What the parent of a supervised actor is told: that it has started, and what it failed at. */
#include <errno.h>
#include <stdio.h>

#include "tests/support/captured.h"
#include "tests/support/seeds.h"

NOH_MESSAGE(fail);
NOH_MESSAGE(number, (u64, value));
NOH_MESSAGE(ready);
NOH_MESSAGE(saw, (str, what));
NOH_MESSAGE(child_is, (actor, who));

enum start { STARTS, STARTS_LATER, FAILS, DECLINES };

struct child {
	uint64_t start, value;
};

static void on_start(struct child *self, const struct noh_start *msg)
{
	(void)msg;
	if (self->start == STARTS_LATER) {
		noh_start_later();
		noh_after(10, ready);
	}
	if (self->start == FAILS)
		noh_fail("cannot start");
	if (self->start == DECLINES)
		noh_end(0, "not needed");
}

static void on_ready(struct child *self, const struct ready *msg)
{
	(void)self;
	(void)msg;
	noh_start_done();
}

static void on_number(struct child *self, const struct number *msg)
{
	self->value = msg->value;
}

static void on_fail(struct child *self, const struct fail *msg)
{
	(void)self;
	(void)msg;
	noh_fail("told so");
}

NOH_ACTOR(child, (noh_start, on_start), (ready, on_ready), (number, on_number), (fail, on_fail));

static void describe(const void *state, char *text, size_t size)
{
	const struct child *child = (const struct child *)state;
	snprintf(text, size, "value %d", (int)child->value);
}

struct quick {
	uint64_t waits;
};

static void run_quick(struct quick *self)
{
	if (self->waits)
		noh_receive(-1);
}

NOH_FIBER(quick, run_quick);

// Tells the inbox all it hears of its children.
struct parent {
	noh_actor to, child;
	const struct noh_actor_type *type;
	const void *state;
	bool keeps_place;
};

static void on_parent_start(struct parent *self, const struct noh_start *msg)
{
	(void)msg;
	struct noh_spawn_options options = {.size = sizeof(options),
					    .supervised = true,
					    .keeps_place = self->keeps_place,
					    .describe = describe};
	self->child = noh_spawn_type(self->type, self->state, &options);
}

static void on_child_started(struct parent *self, const struct noh_started *msg)
{
	noh_check(noh_same(msg->who, self->child));
	noh_send(self->to, saw, .what = "started");
}

static void on_child_crashed(struct parent *self, const struct noh_crashed *msg)
{
	noh_check(noh_same(msg->who, self->child));
	noh_send(self->to, saw, .what = msg->at);
}

static void on_child_down(struct parent *self, const struct noh_down *msg)
{
	noh_send(self->to, saw, .what = msg->restarting ? "rests" : "is gone");
	if (msg->restarting)
		noh_restart(self->child, self->state);
}

static void end_child(struct parent *self, const struct ready *msg)
{
	(void)msg;
	noh_check(noh_end_life(self->child) == 0);
}

static void pass_on(struct parent *self, const struct fail *msg)
{
	(void)msg;
	noh_send(self->child, fail);
	noh_send(self->child, number, .value = 3);
	noh_send(self->child, number, .value = 3);
}

NOH_ACTOR(parent, (noh_start, on_parent_start), (noh_started, on_child_started),
	  (noh_crashed, on_child_crashed), (noh_down, on_child_down), (ready, end_child),
	  (fail, pass_on));

static noh_actor parent_of(noh_actor inbox, const struct noh_actor_type *type, const void *state,
			   bool keeps_place)
{
	noh_actor parent = noh_spawn(parent, .to = inbox, .type = type, .state = state,
				     .keeps_place = keeps_place);
	noh_test_settle();
	return parent;
}

static bool saw_next(noh_actor inbox, const char *what)
{
	const struct saw *next = noh_test_take(inbox, saw);
	return next ? !strcmp(next->what, what) : !*what;
}

Simulated(birth, is_told_once_on_start_has_returned)
{
	noh_actor inbox = noh_test_inbox();
	parent_of(inbox, &child_actor, &(struct child){.start = STARTS}, false);

	noh_check(saw_next(inbox, "started"));
	noh_check(saw_next(inbox, ""));
}

Simulated(birth, is_told_when_the_actor_says_so_if_it_starts_later)
{
	noh_actor inbox = noh_test_inbox();
	parent_of(inbox, &child_actor, &(struct child){.start = STARTS_LATER}, false);

	noh_test_advance(9);
	noh_check(saw_next(inbox, ""));
	noh_test_advance(1);
	noh_check(saw_next(inbox, "started"));
}

Simulated(birth, of_a_fiber_is_told_when_it_first_waits_or_has_returned)
{
	noh_actor inbox = noh_test_inbox();

	parent_of(inbox, &quick_actor, &(struct quick){.waits = true}, false);
	noh_check(saw_next(inbox, "started"));
	noh_check(saw_next(inbox, ""));
	parent_of(inbox, &quick_actor, &(struct quick){.waits = false}, false);
	noh_check(saw_next(inbox, "started"));
	noh_check(saw_next(inbox, "is gone"));
}

Simulated(birth, is_not_told_of_a_start_that_fails_or_is_declined)
{
	noh_actor inbox = noh_test_inbox();

	parent_of(inbox, &child_actor, &(struct child){.start = DECLINES}, false);
	noh_check(saw_next(inbox, "is gone"));
	parent_of(inbox, &child_actor, &(struct child){.start = FAILS}, false);
	const struct saw *crash = noh_test_take(inbox, saw);
	noh_check(!strncmp(crash->what, "message=-", 9));
	noh_check(saw_next(inbox, "is gone"));
}

Simulated(crash, tells_message_queue_ancestors_and_state_before_the_end)
{
	noh_actor inbox = noh_test_inbox(),
		  parent = parent_of(inbox, &child_actor, &(struct child){.start = STARTS}, true);
	noh_check(saw_next(inbox, "started"));

	noh_send(parent, fail);
	noh_test_settle();

	const struct saw *crash = noh_test_take(inbox, saw);
	noh_check(!strncmp(crash->what, "message=fail", 12));
	noh_check(strstr(crash->what, " parents=parent@") && strstr(crash->what, ",root@"));
	noh_check(strstr(crash->what, " state=\"value 0\""));
	noh_check(saw_next(inbox, "rests"));
	noh_check(saw_next(inbox, "started"));
}

Simulated(life, ended_by_its_parent_keeps_the_place_of_a_supervised_child)
{
	noh_actor inbox = noh_test_inbox(),
		  parent = parent_of(inbox, &child_actor, &(struct child){.start = STARTS}, true);
	noh_check(saw_next(inbox, "started"));

	noh_send(parent, ready);
	noh_test_settle();

	noh_check(saw_next(inbox, "rests"));
	noh_check(saw_next(inbox, "started"));
	noh_check(noh_end_life(parent) == 0);
	noh_test_settle();
	noh_check(noh_end_life(parent) == -ESRCH);
}

// ---- ending later

struct slow {
	noh_actor to;
	uint64_t why;
};

static void on_stopping(struct slow *self, const struct noh_stopping *msg)
{
	self->why = (uint64_t)msg->why;
	noh_end_later();
	noh_send(self->to, saw, .what = "stopping");
}

static void on_finish(struct slow *self, const struct ready *msg)
{
	(void)msg;
	noh_send(self->to, saw, .what = "done");
	noh_end(0, NULL);
}

static void slow_fails(struct slow *self, const struct fail *msg)
{
	(void)self;
	(void)msg;
	noh_fail("told so");
}

NOH_ACTOR(slow, (noh_stopping, on_stopping), (ready, on_finish), (fail, slow_fails));

static void expect_down(noh_actor who, int64_t why)
{
	const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);
	noh_check(down && noh_same(down->who, who) && down->why == why);
}

Simulated(end, comes_later_if_the_actor_wants_it_so)
{
	noh_actor inbox = noh_test_inbox(), slow = noh_spawn(slow, .to = inbox);
	noh_monitor(slow, true);
	noh_end_life(slow);
	noh_stop(slow);
	noh_end_life(slow);
	noh_test_settle();
	noh_check(saw_next(inbox, "stopping"));
	noh_check(!noh_receive(0, noh_down));

	noh_send(slow, ready);
	noh_test_settle();

	noh_check(saw_next(inbox, "done"));
	noh_check(saw_next(inbox, ""));
	expect_down(slow, NOH_WHY_SHUTDOWN);
}

Simulated(end, that_comes_later_can_be_cut_short_by_a_kill_or_a_failure)
{
	noh_actor inbox = noh_test_inbox();
	for (int i = 0; i < 2; i++) {
		noh_actor slow = noh_spawn(slow, .to = inbox);
		noh_monitor(slow, true);
		noh_stop(slow);
		noh_test_settle();
		if (i)
			noh_kill(slow);
		else
			noh_send(slow, fail);
		noh_test_settle();
		expect_down(slow, i ? NOH_WHY_KILLED : NOH_WHY_FAILED);
		noh_check(saw_next(inbox, "stopping"));
		noh_check(saw_next(inbox, ""));
	}
}

// ---- a limit to that

struct keeper {
	noh_actor to;
	uint64_t children;
	bool ends_later;
};

static void on_keeper_start(struct keeper *self, const struct noh_start *msg)
{
	(void)msg;
	for (uint64_t i = 0; i < self->children; i++)
		noh_send(self->to, child_is, .who = noh_spawn(slow, .to = self->to));
}

static void on_keeper_stopping(struct keeper *self, const struct noh_stopping *msg)
{
	(void)msg;
	if (self->ends_later)
		noh_end_later();
}

static void on_keeper_ready(struct keeper *self, const struct ready *msg)
{
	(void)self;
	(void)msg;
	noh_end(0, NULL);
}

NOH_ACTOR(keeper, (noh_start, on_keeper_start), (noh_stopping, on_keeper_stopping),
	  (ready, on_keeper_ready));

static noh_actor child_of_keeper(noh_actor inbox)
{
	noh_test_settle();
	noh_actor child = noh_test_take(inbox, child_is)->who;
	noh_monitor(child, true);
	return child;
}

Simulated(end, that_comes_later_does_not_keep_a_parent_waiting_for_ever)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor keeper = noh_spawn_with(keeper, (.monitored = true), .to = inbox, .children = 1);
	noh_actor child = child_of_keeper(inbox);

	struct captured captured = captured_begin();
	noh_stop(keeper);
	noh_test_advance(3999);
	noh_check(!noh_receive(0, noh_down));
	noh_test_advance(1);
	char *text = captured_end(captured);

	expect_down(child, NOH_WHY_KILLED);
	expect_down(keeper, NOH_WHY_NORMAL);
	noh_check(!strncmp(text, "error slow@", 11));
	noh_check(strstr(text, ": did not end within 4000 ms: killed\n"));
	noh_check(captured_count(text, "\n") == 1);
	free(text);
}

Simulated(end, that_comes_later_has_its_limit_from_when_the_parent_ends)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor keeper = noh_spawn_with(keeper, (.monitored = true), .to = inbox, .children = 1);
	noh_actor child = child_of_keeper(inbox);

	struct captured captured = captured_begin();
	noh_stop(child);
	noh_test_advance(10000);
	noh_stop(keeper);
	noh_test_advance(3999);
	noh_check(!noh_receive(0, noh_down));
	noh_test_advance(1);
	free(captured_end(captured));

	expect_down(child, NOH_WHY_KILLED);
	expect_down(keeper, NOH_WHY_NORMAL);
}

Simulated(end, that_comes_later_has_no_limit_but_a_line_in_the_log_while_children_are_left)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor keeper = noh_spawn_with(keeper, (.monitored = true), .to = inbox, .children = 2,
					  .ends_later = true);
	noh_actor first = child_of_keeper(inbox), second = child_of_keeper(inbox);

	struct captured captured = captured_begin();
	noh_end_life(keeper);
	noh_test_advance(8000);
	char *text = captured_end(captured);
	noh_check(captured_count(text, ": has not ended within 4000 ms: waits for slow@") == 2);
	noh_check(captured_count(text, " and 1 more\n") == 2);
	free(text);
	noh_check(!noh_receive(0, noh_down));

	// When it has ended itself, they have their own limit.
	captured = captured_begin();
	noh_send(keeper, ready);
	noh_test_advance(4000);
	free(captured_end(captured));
	for (int i = 0; i < 2; i++) {
		const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);
		noh_check(down && down->why == NOH_WHY_KILLED);
		noh_check(noh_same(down->who, first) || noh_same(down->who, second));
	}
	expect_down(keeper, NOH_WHY_SHUTDOWN);
}

Simulated(end, that_comes_later_is_limited_by_its_supervisor_if_it_has_one)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_actor supervisor = noh_supervise(
		(0), NOH_CHILD(slow, (.to = inbox), .shutdown_ms = 9000, .ret_handle = &child));
	noh_monitor(supervisor, true);
	noh_monitor(child, true);

	struct captured captured = captured_begin();
	noh_end_life(supervisor);
	noh_test_advance(8999);
	char *text = captured_end(captured);
	noh_check(captured_count(text, ": has not ended within 4000 ms: waits for slow@") == 2);
	noh_check(captured_count(text, "\n") == 2);
	free(text);
	noh_send(child, ready);
	noh_test_settle();

	expect_down(child, NOH_WHY_SHUTDOWN);
	expect_down(supervisor, NOH_WHY_SHUTDOWN);
}
