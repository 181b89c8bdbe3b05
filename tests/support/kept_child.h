/* A child that keeps its place, and tells an inbox about each of its lives: what the tests of
 * restarts share. */
#ifndef TESTS_SUPPORT_KEPT_CHILD_H
#define TESTS_SUPPORT_KEPT_CHILD_H

#include <noh/test.h>

#include "tests/support/downs.h"

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

static inline void on_start(struct child *self, const struct noh_start *msg)
{
	noh_send(self->to, started, .life = self->life, .restarts = msg->restarts,
		 .last_failure = msg->last_failure);
}

static inline void on_number(struct child *self, const struct number *msg)
{
	noh_send(self->to, got, .life = self->life, .value = msg->value);
}

static inline void on_fail(struct child *self, const struct fail *msg)
{
	(void)self;
	noh_fail("%s", msg->reason);
}

static inline void on_set_tick(struct child *self, const struct set_tick *msg)
{
	noh_after(msg->ms, tick, .life = self->life);
}

static inline void on_tick(struct child *self, const struct tick *msg)
{
	noh_send(self->to, tick, .life = msg->life);
}

static inline void on_stopping(struct child *self, const struct noh_stopping *msg)
{
	noh_send(self->to, stopped, .life = self->life, .why = msg->why);
}

static inline void on_ask_for_me(struct child *self, const struct ask_for_me *msg)
{
	(void)self;
	noh_ask_later(msg->whom, question, 100, 0);
}

static inline void on_answer(struct child *self, const struct noh_outcome *how,
			     const struct answer *msg)
{
	(void)msg;
	noh_send(self->to, answered, .life = self->life, .err = how->err);
}

static inline void on_watch_for_me(struct child *self, const struct watch_for_me *msg)
{
	(void)self;
	noh_monitor(msg->whom, true);
}

static inline void on_down(struct child *self, const struct noh_down *msg)
{
	if (msg->monitor)
		noh_send(self->to, told, .life = self->life);
}

struct leaf {
	noh_actor to;
};

static inline void leaf_stops(struct leaf *self, const struct noh_stopping *msg)
{
	noh_send(self->to, stopped, .life = 100, .why = msg->why);
}

NOH_ACTOR(leaf, (noh_stopping, leaf_stops));

static inline void on_have_child(struct child *self, const struct have_child *msg)
{
	(void)msg;
	noh_send(self->to, child_is, .who = noh_spawn(leaf, .to = self->to));
}

NOH_ACTOR(child, (noh_start, on_start), (number, on_number), (fail, on_fail),
	  (set_tick, on_set_tick), (tick, on_tick), (noh_stopping, on_stopping),
	  (ask_for_me, on_ask_for_me), (question, answer, on_answer),
	  (watch_for_me, on_watch_for_me), (noh_down, on_down), (have_child, on_have_child));

static inline noh_actor spawn_child(noh_actor inbox)
{
	noh_actor child = noh_spawn_with(child, (.keeps_place = true, .monitored = true),
					 .to = inbox, .life = 1);
	noh_test_settle();
	noh_test_take(inbox, started);
	return child;
}

static inline int restart(noh_actor child, noh_actor inbox, uint64_t life)
{
	struct child state = {.to = inbox, .life = life};
	return noh_restart(child, &state);
}

// The root hears of the end of a life by the monitor, which is over then.
static inline void expect_down(noh_actor who, int64_t why, bool restarting)
{
	const struct noh_down *down = next_down();
	noh_check(noh_same(down->who, who));
	noh_check(down->why == why);
	noh_check(down->restarting == restarting);
}

static inline void fail_child(noh_actor child, noh_actor inbox)
{
	noh_send(child, fail, .reason = "told so");
	expect_down(child, NOH_WHY_FAILED, true);
	noh_check(noh_test_take(inbox, stopped));
}

#endif
