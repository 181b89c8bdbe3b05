/* Scopes: waiting for all, the first or the first failure; and nobody is left at the end. */
#include <errno.h>

#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(found, (u64, number), (str, text));
NOH_MESSAGE(other_news);
NOH_MESSAGE(quit, (u64, how));

enum how { NORMALLY, BY_FAILURE, BY_KILL };

// Ends after a while.
struct seeker {
	uint64_t number;
	int64_t after_ms;
	uint64_t how;
};

static void seek(struct seeker *self)
{
	noh_sleep(self->after_ms);
	switch ((enum how)self->how) {
	case NORMALLY:
		noh_finish(found, .number = self->number, .text = "here");
		break;
	case BY_FAILURE:
		noh_fail("lost %d", (int)self->number);
	case BY_KILL:
		noh_kill(noh_self());
		noh_sleep(1);
		break;
	}
}

NOH_FIBER(seeker, seek);

// Has handlers, and ends when told to.
struct server {
	uint64_t number;
};

static void on_quit(struct server *self, const struct quit *msg)
{
	if (msg->how == NORMALLY)
		noh_finish(found, .number = self->number);
	else
		noh_end(1, "told to");
}

NOH_ACTOR(server, (quit, on_quit));

// How many of these run?
static uint64_t running;

struct counted {
	int64_t for_ms;
};

static void stop_counting(void *unused)
{
	(void)unused;
	running--;
}

static void be_counted(struct counted *self)
{
	running++;
	noh_defer(stop_counting, NULL);
	noh_sleep(self->for_ms);
}

NOH_FIBER(counted, be_counted);

static void seek_in(struct noh_scope *scope, uint64_t number, int64_t after_ms, enum how how)
{
	noh_scope_spawn(scope, seeker, .number = number, .after_ms = after_ms, .how = how);
}

Simulated(scope, gives_its_members_in_the_order_in_which_they_end)
{
	NOH_SCOPE(scope);
	struct noh_ended ended;
	seek_in(scope, 1, 30, NORMALLY);
	seek_in(scope, 2, 10, BY_FAILURE);
	seek_in(scope, 3, 20, BY_KILL);
	int64_t before_ms = noh_now_ms();

	noh_check(noh_scope_next(scope, -1, &ended) == 0 && noh_now_ms() == before_ms + 10);
	noh_check(ended.why == NOH_WHY_FAILED && !strcmp(ended.reason, "lost 2"));
	noh_check(!ended.result && !noh_result(&ended, found));
	noh_check(noh_scope_next(scope, 5, &ended) == -ETIMEDOUT);
	noh_check(noh_scope_next(scope, 6, &ended) == 0 && ended.why == NOH_WHY_KILLED);
	noh_check(noh_scope_next(scope, -1, &ended) == 0 && ended.why == NOH_WHY_NORMAL);
	noh_check(noh_result(&ended, found)->number == 1);
	noh_check(!strcmp(noh_result(&ended, found)->text, "here"));
	noh_check(!noh_result(&ended, quit));
	noh_check(noh_scope_next(scope, -1, &ended) == -ENOENT);

	// More may come later.
	seek_in(scope, 4, 1, NORMALLY);
	noh_check(noh_scope_next(scope, -1, &ended) == 0 && noh_result(&ended, found)->number == 4);
}

Simulated(scope, loses_nobody_to_a_wait_that_runs_out_of_time)
{
	NOH_SCOPE(scope);
	for (uint64_t i = 0; i < 10; i++)
		seek_in(scope, i, (int64_t)i, NORMALLY);

	uint64_t given = 0;
	for (int tries = 0; given < 10 && tries < 100; tries++) {
		struct noh_ended ended;
		int err = noh_scope_next(scope, 1, &ended);
		noh_check(err == -ETIMEDOUT ||
			  (!err && noh_result(&ended, found)->number == given));
		given += !err;
	}
	noh_check(given == 10);
}

Simulated(scope, waits_for_all)
{
	NOH_SCOPE(scope);
	int64_t before_ms = noh_now_ms();
	noh_check(noh_scope_all(scope, 100) == 0); // there are none

	seek_in(scope, 1, 10, NORMALLY);
	seek_in(scope, 2, 30, NORMALLY);
	noh_check(noh_scope_all(scope, 20) == -ETIMEDOUT);
	noh_check(noh_scope_all(scope, 20) == 0 && noh_now_ms() == before_ms + 30);

	seek_in(scope, 3, 5, BY_FAILURE);
	seek_in(scope, 4, 10, NORMALLY);
	noh_check(noh_scope_all(scope, 20) == -ECHILD && noh_now_ms() == before_ms + 40);
}

Simulated(scope, waits_for_the_first_and_cancels_the_rest)
{
	running = 0;
	NOH_SCOPE(scope);
	struct noh_ended first;
	int64_t before_ms = noh_now_ms();
	seek_in(scope, 1, 5, BY_FAILURE);
	seek_in(scope, 2, 20, NORMALLY);
	seek_in(scope, 3, 10, NORMALLY);
	noh_scope_spawn(scope, counted, .for_ms = 1000);
	noh_actor server = noh_scope_spawn(scope, server);
	noh_monitor(server, true);

	noh_check(noh_scope_first(scope, 100, &first) == 0);

	noh_check(noh_result(&first, found)->number == 3 && noh_now_ms() == before_ms + 10);
	noh_check(running == 0 && noh_receive(0, noh_down));

	seek_in(scope, 1, 5, BY_FAILURE);
	noh_check(noh_scope_first(scope, 100, &first) == 0); // it still is
	struct noh_scope *other = noh_scope_open();
	seek_in(other, 1, 5, BY_FAILURE);
	noh_check(noh_scope_first(other, 2, &first) == -ETIMEDOUT);
	noh_check(noh_scope_first(other, 100, &first) == -ECHILD);
	noh_scope_close(other);
	noh_scope_close(NULL);
}

Simulated(scope, waits_for_the_first_failure_and_cancels_the_rest)
{
	running = 0;
	NOH_SCOPE(scope);
	struct noh_ended failed;
	int64_t before_ms = noh_now_ms();
	seek_in(scope, 1, 5, NORMALLY);
	seek_in(scope, 2, 10, BY_FAILURE);
	noh_scope_spawn(scope, counted, .for_ms = 1000);

	noh_check(noh_scope_all_or_failure(scope, 100, &failed) == -ECHILD);

	noh_check(!strcmp(failed.reason, "lost 2") && noh_now_ms() == before_ms + 10);
	noh_check(running == 0);

	struct noh_scope *other = noh_scope_open();
	seek_in(other, 1, 5, NORMALLY);
	seek_in(other, 2, 10, NORMALLY);
	noh_check(noh_scope_all_or_failure(other, 100, &failed) == 0);
	noh_check(noh_same(failed.who, NOH_NOBODY));
	noh_scope_close(other);
}

Simulated(scope, leaves_nobody_behind_when_its_block_is_left)
{
	running = 0;
	for (int i = 0; i < 3; i++) {
		NOH_SCOPE(scope, .name = "block");
		for (int k = 0; k < 5; k++)
			noh_scope_spawn(scope, counted, .for_ms = 1000);
		noh_test_settle();
		noh_check(running == 5);
		if (i == 1)
			continue;
		if (i == 2)
			break;
	}
	noh_check(running == 0);
	noh_check(noh_now_ms() == 1000);
}

// Opens a scope, and ends in the middle of it.
struct careless {
	uint64_t how;
};

static void leave_in_the_middle(struct careless *self)
{
	NOH_SCOPE(scope);
	noh_scope_spawn(scope, counted, .for_ms = 1000);
	noh_scope_spawn(scope, counted, .for_ms = 1000);
	noh_sleep(10);
	if (self->how == BY_FAILURE)
		noh_fail("careless");
	noh_sleep(1000);
}

NOH_FIBER(careless, leave_in_the_middle);

Simulated(scope, ends_with_the_fiber_that_opened_it)
{
	for (uint64_t how = 0; how <= BY_KILL; how++) {
		running = 0;
		noh_actor careless = noh_spawn_with(careless, (.monitored = true), .how = how);
		noh_test_advance(5);
		noh_check(running == 2);

		if (how == NORMALLY)
			noh_stop(careless);
		else if (how == BY_KILL)
			noh_kill(careless);

		noh_check(noh_receive(100, noh_down) && running == 0);
	}
}

// Does not end when it is stopped.
struct stubborn {
	uint64_t unused;
};

static void refuse_to_end(struct stubborn *self, const struct noh_stopping *msg)
{
	(void)self;
	(void)msg;
	noh_end_later();
}

NOH_ACTOR(stubborn, (noh_stopping, refuse_to_end));

Simulated(scope, kills_who_does_not_stop_in_its_grace)
{
	NOH_SCOPE(scope, .grace_ms = 50);
	noh_actor stubborn = noh_scope_spawn_with(scope, stubborn, (.monitored = true));
	int64_t before_ms = noh_now_ms();

	noh_scope_cancel(scope);

	const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);
	noh_check(down && noh_same(down->who, stubborn) && down->why == NOH_WHY_KILLED);
	noh_check(noh_now_ms() == before_ms + 50);
}

struct holder {
	uint64_t how;
};

static void hold_a_stubborn_one(struct holder *self)
{
	NOH_SCOPE(scope, .grace_ms = 50);
	noh_scope_spawn(scope, stubborn);
	noh_scope_spawn(scope, counted, .for_ms = 1000);
	if (self->how == BY_FAILURE)
		noh_fail("careless");
	noh_sleep(1000);
}

NOH_FIBER(holder, hold_a_stubborn_one);

Simulated(scope, kills_who_does_not_stop_when_its_fiber_ends)
{
	for (uint64_t how = 0; how <= BY_KILL; how++) {
		noh_actor holder = noh_spawn_with(holder, (.monitored = true), .how = how);
		int64_t before_ms = noh_now_ms();
		noh_test_settle();

		if (how == NORMALLY)
			noh_stop(holder);
		else if (how == BY_KILL)
			noh_kill(holder);

		noh_check(noh_receive(100, noh_down) && noh_now_ms() == before_ms + 50);
	}
}

// Its child keeps it from ending.
struct family {
	uint64_t unused;
};

struct child {
	uint64_t unused;
};

static void on_child_stopping(struct child *self, const struct noh_stopping *msg)
{
	(void)self;
	(void)msg;
	running--;
}

NOH_ACTOR(child, (noh_stopping, on_child_stopping));

static void on_family_start(struct family *self, const struct noh_start *msg)
{
	(void)self;
	(void)msg;
	running++;
	noh_spawn(child);
}

NOH_ACTOR(family, (noh_start, on_family_start));

Simulated(scope, waits_for_the_children_of_its_members_too)
{
	running = 0;
	NOH_SCOPE(scope);
	noh_scope_spawn(scope, family);
	noh_test_settle();
	noh_check(running == 1);

	noh_scope_cancel(scope);

	noh_check(running == 0 && noh_scope_all(scope, 0) != -ECHILD);
}

Simulated(scope, lets_out_only_who_is_detached_by_name)
{
	running = 0;
	{
		NOH_SCOPE(scope);
		noh_scope_spawn(scope, counted, .for_ms = 50);
		noh_scope_spawn_with(scope, counted, (.detached = true), .for_ms = 50);
		noh_test_settle();
		noh_check(running == 2);
	}
	noh_check(running == 1);
	noh_test_advance(50);
	noh_check(running == 0);
}

Simulated(scope, gives_the_results_of_handlers_too)
{
	NOH_SCOPE(scope);
	struct noh_ended ended;
	noh_send(noh_scope_spawn(scope, server, .number = 7), quit, .how = NORMALLY);

	noh_check(noh_scope_next(scope, 100, &ended) == 0);

	noh_check(noh_result(&ended, found)->number == 7);
}

Simulated(scope, gives_members_a_name_and_a_monitor)
{
	NOH_SCOPE(scope);
	noh_actor server = noh_scope_spawn_with(scope, server, (.name = "s", .monitored = true));

	noh_send(server, quit, .how = BY_FAILURE);

	const struct noh_down *down = noh_as(noh_receive(100, noh_down), noh_down);
	noh_check(down && noh_same(down->who, server) && !strcmp(down->reason, "told to"));
}

// Serves a request, for whose sake it opens a scope, longer than its asker waits.
NOH_MESSAGE(served);
NOH_REQUEST(serve, served);

struct late {
	uint64_t unused;
};

static void serve_late(struct late *self)
{
	(void)self;
	noh_receive(-1, serve);
	{
		NOH_SCOPE(scope);
		noh_scope_spawn(scope, counted, .for_ms = 1000);
		noh_check(noh_scope_all(scope, 1000) == -ETIMEDOUT); // with its asker
		noh_check(running == 1);
	}
	noh_check(running == 0);
}

NOH_FIBER(late, serve_late);

Simulated(scope, is_closed_in_order_even_when_nobody_waits_any_more)
{
	running = 0;
	const struct served *answer;
	noh_actor late = noh_spawn_with(late, (.monitored = true));

	noh_check(noh_ask(late, serve, 20, &answer) == -ETIMEDOUT);

	const struct noh_down *down = noh_as(noh_receive(-1, noh_down), noh_down);
	noh_check(down->why == NOH_WHY_NORMAL && noh_now_ms() == 1020);
}
