/* Children for tests of supervisors: they tell an inbox when they start and stop, and fail, end or
 * stop slowly as they are told. What the inbox heard is compared as one line of text. */
#ifndef TESTS_ACTORS_SUPERVISED_H
#define TESTS_ACTORS_SUPERVISED_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(event, (str, what));
NOH_MESSAGE(fail, (str, reason));
NOH_MESSAGE(finish); // ends itself normally
NOH_MESSAGE(number, (u64, value));
NOH_MESSAGE(stop_slowly_now); // to itself
NOH_MESSAGE(fail_later, (i64, ms));

enum at_start {
	STARTS,
	FAILS,    // always
	DECLINES, // always
	FAILS_WHEN_RESTARTED,
	FAILS_ONCE_WHEN_RESTARTED
};

struct worker {
	noh_actor to;
	const char *name;
	enum at_start at_start;
	int64_t stops_in_ms; // < 0: never
	uint64_t sum;
	const char *shuts_down; // its reason to stop counts as this word
};

static void tell(const struct worker *self, const char *what, const char *more)
{
	noh_send(self->to, event,
		 .what = noh_format("%s %s%s%s", what, self->name, *more ? " " : "", more));
}

static void worker_starts(struct worker *self, const struct noh_start *msg)
{
	if (self->at_start == DECLINES) {
		tell(self, "decline", "");
		noh_end(0, "not needed");
		return;
	}
	if (self->at_start == FAILS || (self->at_start == FAILS_WHEN_RESTARTED && msg->restarts) ||
	    (self->at_start == FAILS_ONCE_WHEN_RESTARTED && msg->restarts == 1))
		noh_fail("cannot start");
	tell(self, "start", "");
}

static void worker_stops(struct worker *self, const struct noh_stopping *msg)
{
	static const char *const words[] = {[NOH_WHY_NORMAL] = "normal",
					    [NOH_WHY_SHUTDOWN] = "shutdown",
					    [NOH_WHY_FAILED] = "failed"};
	if (msg->why == NOH_WHY_SHUTDOWN && self->stops_in_ms) {
		tell(self, "slow", "");
		noh_end_later();
		if (self->stops_in_ms > 0)
			noh_after(self->stops_in_ms, stop_slowly_now);
		return;
	}
	tell(self, "stop", words[msg->why]);
}

static void worker_stops_slowly(struct worker *self, const struct stop_slowly_now *msg)
{
	(void)msg;
	tell(self, "stop", "slowly");
	noh_end(0, NULL);
}

static void worker_fails(struct worker *self, const struct fail *msg)
{
	(void)self;
	noh_fail("%s", msg->reason);
}

static void worker_finishes(struct worker *self, const struct finish *msg)
{
	(void)self;
	(void)msg;
	noh_end(0, "done");
}

static void worker_adds(struct worker *self, const struct number *msg)
{
	self->sum += msg->value;
	tell(self, "sum", noh_format("%d", (int)self->sum));
}

static void worker_fails_later(struct worker *self, const struct fail_later *msg)
{
	(void)self;
	noh_after(msg->ms, fail, .reason = "later");
}

NOH_ACTOR(worker, (noh_start, worker_starts), (noh_stopping, worker_stops),
	  (stop_slowly_now, worker_stops_slowly), (fail, worker_fails), (finish, worker_finishes),
	  (number, worker_adds), (fail_later, worker_fails_later));

/* A child "a" that tells `inbox`. */
#define WORKER(inbox, name_, ...) \
	NOH_CHILD(worker, (.to = inbox, .name = name_), .id = name_ __VA_OPT__(, ) __VA_ARGS__)

/* The same, with more fields of its state. */
#define WORKER_WITH(inbox, name_, fields, ...)                            \
	NOH_CHILD(worker, (.to = inbox, .name = name_, NOH_STRIP fields), \
		  .id = name_ __VA_OPT__(, ) __VA_ARGS__)

/* What the inbox has heard since the last look: "start a, start b". Lives until the next look. */
static inline const char *heard(noh_actor inbox)
{
	static char line[8192];
	size_t length = 0;
	noh_test_settle();
	line[0] = '\0';
	for (const struct event *next; (next = noh_test_take(inbox, event));)
		length += (size_t)snprintf(line + length, sizeof(line) - length, "%s%s",
					   length ? ", " : "", next->what);
	return line;
}

/* Compares it, and shows it if it is something else. */
#define expect_heard(inbox, expected) noh_check(heard_is(inbox, expected, __LINE__))
static inline bool heard_is(noh_actor inbox, const char *expected, int line)
{
	const char *got = heard(inbox);
	if (!strcmp(got, expected))
		return true;
	fprintf(stderr, "line %d: expected \"%s\", got \"%s\"\n", line, expected, got);
	return false;
}

/* The handle of a child. */
static inline noh_actor child_of(noh_actor supervisor, const char *id)
{
	const struct noh_children *list;
	if (noh_supervisor_children(supervisor, &list))
		return NOH_NOBODY;
	for (size_t i = 0; i < list->children.count; i++)
		if (!strcmp(list->children.at[i].id, id))
			return list->children.at[i].child;
	return NOH_NOBODY;
}

static inline enum noh_child_state state_of(noh_actor supervisor, const char *id)
{
	const struct noh_children *list;
	noh_check(noh_supervisor_children(supervisor, &list) == 0);
	for (size_t i = 0; i < list->children.count; i++)
		if (!strcmp(list->children.at[i].id, id))
			return (enum noh_child_state)list->children.at[i].state;
	noh_fail("no child %s", id);
}

static inline void make_fail(noh_actor child)
{
	noh_send(child, fail, .reason = "told so");
	noh_test_settle();
}

/* The next noh_down that the root has got: of whom, and why. */
static inline bool went_down(noh_actor who, enum noh_why why)
{
	noh_test_settle();
	const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);
	if (down && noh_same(down->who, who) && down->why == why)
		return true;
	fprintf(stderr, "expected a down because of %d, got %d %s\n", (int)why,
		down ? (int)down->why : -1, down ? down->reason : "none");
	return false;
}

#define nothing_went_down() (noh_test_settle(), !noh_receive(0, noh_down))

/* Counts agree with the list. */
static inline bool counts_agree(noh_actor supervisor)
{
	const struct noh_children *list;
	struct noh_child_counts counts;
	noh_check(noh_supervisor_children(supervisor, &list) == 0);
	noh_check(noh_supervisor_count(supervisor, &counts) == 0);
	uint64_t active = 0, supervisors = 0;
	for (size_t i = 0; i < list->children.count; i++) {
		int64_t state = list->children.at[i].state;
		active += state == NOH_CHILD_RUNNING || state == NOH_CHILD_STARTING ||
			  state == NOH_CHILD_STOPPING;
		supervisors += list->children.at[i].is_supervisor;
	}
	return counts.specs == list->children.count && counts.active == active &&
	       counts.supervisors == supervisors &&
	       counts.workers == list->children.count - supervisors;
}

/* Children a, b and c, of which b may have a back-off. */
struct three {
	noh_actor inbox, supervisor, a, b, c;
};

static inline struct three three_of(enum noh_strategy strategy, struct noh_backoff backoff)
{
	struct three three = {.inbox = noh_test_inbox()};
	three.supervisor = noh_supervise(
		(.strategy = strategy), WORKER(three.inbox, "a", .ret_handle = &three.a),
		WORKER(three.inbox, "b", .ret_handle = &three.b, .backoff = backoff),
		WORKER(three.inbox, "c", .ret_handle = &three.c));
	expect_heard(three.inbox, "start a, start b, start c");
	return three;
}

/* They are under the handles that they began with. */
static inline void same_handles(const struct three *three)
{
	noh_check(noh_same(child_of(three->supervisor, "a"), three->a));
	noh_check(noh_same(child_of(three->supervisor, "b"), three->b));
	noh_check(noh_same(child_of(three->supervisor, "c"), three->c));
	noh_check(counts_agree(three->supervisor));
}

#endif
