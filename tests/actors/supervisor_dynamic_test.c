/* The dynamic supervisor: many alike children that come and go. */
#include <time.h>

#include "tests/actors/supervised.h"
#include "tests/support/captured.h"
#include "tests/support/seeds.h"

struct mayfly {
	uint64_t number;
};

static void mayfly_ends(struct mayfly *self, const struct finish *msg)
{
	(void)self;
	(void)msg;
	noh_end(0, NULL);
}

NOH_ACTOR(mayfly, (finish, mayfly_ends));

static noh_actor dynamic_of(noh_actor inbox, enum noh_restart_kind kind)
{
	noh_actor supervisor =
		noh_supervise((.strategy = NOH_DYNAMIC), WORKER(inbox, "x", .restart = kind));
	noh_monitor(supervisor, true);
	return supervisor;
}

static noh_actor add(noh_actor supervisor, noh_actor inbox, const char *name)
{
	noh_actor child;
	noh_check(noh_supervisor_start_child(
			  supervisor, NOH_CHILD(worker, (.to = inbox, .name = name)), &child) == 0);
	return child;
}

Simulated(supervisor_dynamic, starts_none_until_it_is_asked_to)
{
	noh_actor inbox = noh_test_inbox(), supervisor = dynamic_of(inbox, NOH_PERMANENT);
	struct noh_child_counts counts;
	expect_heard(inbox, "");
	noh_check(noh_supervisor_count(supervisor, &counts) == 0);
	noh_check(counts.specs == 1 && !counts.active && !counts.workers);

	add(supervisor, inbox, "a");
	add(supervisor, inbox, "b");

	expect_heard(inbox, "start a, start b");
	noh_check(noh_supervisor_count(supervisor, &counts) == 0);
	noh_check(counts.active == 2 && counts.workers == 2 && !counts.supervisors);
}

Simulated(supervisor_dynamic, restarts_each_with_its_own_state_under_its_handle)
{
	noh_actor inbox = noh_test_inbox(), supervisor = dynamic_of(inbox, NOH_PERMANENT);
	noh_actor a = add(supervisor, inbox, "a"), b = add(supervisor, inbox, "b");
	noh_monitor(b, false);
	heard(inbox);

	noh_send(a, fail, .reason = "told so");
	noh_send(a, number, .value = 1);

	expect_heard(inbox, "stop a failed, start a, sum a 1");
	noh_check(nothing_went_down());
}

Simulated(supervisor_dynamic, follows_the_kind_of_its_template)
{
	for (int kind = NOH_PERMANENT; kind <= NOH_TEMPORARY; kind++) {
		noh_actor inbox = noh_test_inbox(),
			  supervisor = dynamic_of(inbox, (enum noh_restart_kind)kind);
		noh_actor a = add(supervisor, inbox, "a"), b = add(supervisor, inbox, "b");
		struct noh_child_counts counts;
		heard(inbox);
		noh_send(a, finish);
		noh_kill(b);
		const char *all = heard(inbox);
		noh_check(!!strstr(all, "start a") == (kind == NOH_PERMANENT));
		noh_check(!!strstr(all, "start b") == (kind != NOH_TEMPORARY));
		noh_check(noh_supervisor_count(supervisor, &counts) == 0);
		noh_check(counts.active == (uint64_t)(2 - kind));
	}
}

Simulated(supervisor_dynamic, terminates_by_handle_refuses_ids_and_does_not_find_strangers)
{
	noh_actor inbox = noh_test_inbox(), supervisor = dynamic_of(inbox, NOH_PERMANENT);
	noh_actor a = add(supervisor, inbox, "a");
	const struct noh_child *spec;
	heard(inbox);

	noh_check(noh_supervisor_terminate_child(supervisor, "x") == -EINVAL);
	noh_check(noh_supervisor_terminate(supervisor, noh_self()) == -ENOENT);
	noh_check(noh_supervisor_terminate(supervisor, a) == 0);

	expect_heard(inbox, "stop a shutdown");
	noh_check(noh_supervisor_terminate(supervisor, a) == -ENOENT);
	noh_check(noh_supervisor_restart_child(supervisor, "x", NULL) == -EINVAL);
	noh_check(noh_supervisor_delete_child(supervisor, "x") == -EINVAL);
	noh_check(noh_supervisor_child_spec(supervisor, "x", &spec) == 0);
	noh_check(spec->type == &worker_actor);
	noh_check(noh_supervisor_child_spec(supervisor, "y", &spec) == -ENOENT);
}

Simulated(supervisor_dynamic, forgets_a_child_that_declines_or_fails_to_start)
{
	noh_actor inbox = noh_test_inbox(), supervisor = dynamic_of(inbox, NOH_PERMANENT), child;
	struct noh_child_counts counts;

	noh_check(noh_supervisor_start_child(supervisor,
					     WORKER_WITH(inbox, "a", (.at_start = DECLINES)),
					     &child) == 0);
	noh_check(!child.id);
	noh_check(noh_supervisor_start_child(supervisor,
					     WORKER_WITH(inbox, "b", (.at_start = FAILS)),
					     &child) == -ECANCELED);
	noh_check(!child.id);

	noh_check(noh_supervisor_count(supervisor, &counts) == 0 && !counts.workers);
	noh_check(nothing_went_down());
	noh_check(noh_supervisor_start_child(supervisor, NOH_CHILD(mayfly, (.number = 1)),
					     &child) == -EINVAL);
}

Simulated(supervisor_dynamic, gives_up_after_one_restart_too_many)
{
	noh_actor inbox = noh_test_inbox(), supervisor = dynamic_of(inbox, NOH_PERMANENT);
	noh_actor a = add(supervisor, inbox, "a"), b = add(supervisor, inbox, "b");
	for (int i = 0; i < 3; i++)
		make_fail(i % 2 ? a : b);
	noh_check(nothing_went_down());
	heard(inbox);
	make_fail(a);
	expect_heard(inbox, "stop a failed, stop b shutdown");
	noh_check(went_down(supervisor, NOH_WHY_FAILED));
}

Simulated(supervisor_dynamic, waits_before_restarts_if_its_template_says_so)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor supervisor = noh_supervise(
		(.strategy = NOH_DYNAMIC, .max_restarts = NOH_UNLIMITED_RESTARTS),
		WORKER(inbox, "x", .backoff = {.min_ms = 100, .jitter = NOH_NO_JITTER}));
	noh_actor a = add(supervisor, inbox, "a"), b = add(supervisor, inbox, "b");
	heard(inbox);

	make_fail(a);
	make_fail(b);
	noh_test_advance(99);
	expect_heard(inbox, "stop a failed, stop b failed");
	noh_check(noh_supervisor_terminate(supervisor, b) == 0);
	noh_test_advance(1);
	expect_heard(inbox, "start a");
	make_fail(a);
	noh_test_advance(199);
	expect_heard(inbox, "stop a failed");
	noh_test_advance(1);
	expect_heard(inbox, "start a");

	make_fail(a);
	noh_monitor(supervisor, true);
	noh_end_life(supervisor);
	noh_check(went_down(supervisor, NOH_WHY_SHUTDOWN));
}

Simulated(supervisor_dynamic, stops_all_at_once_and_kills_who_is_late)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor supervisor =
		noh_supervise((.strategy = NOH_DYNAMIC), WORKER(inbox, "x", .shutdown_ms = 100));
	noh_actor child;
	noh_monitor(supervisor, true);
	add(supervisor, inbox, "a");
	noh_check(noh_supervisor_start_child(
			  supervisor, WORKER_WITH(inbox, "b", (.stops_in_ms = 99)), &child) == 0);
	noh_check(noh_supervisor_start_child(
			  supervisor, WORKER_WITH(inbox, "c", (.stops_in_ms = 101)), &child) == 0);
	heard(inbox);

	noh_end_life(supervisor);
	const char *all = heard(inbox);
	noh_check(strstr(all, "stop a shutdown") && strstr(all, "slow b") && strstr(all, "slow c"));
	noh_test_advance(99);
	expect_heard(inbox, "stop b slowly");
	noh_check(nothing_went_down());
	noh_test_advance(1);

	expect_heard(inbox, "");
	noh_check(went_down(supervisor, NOH_WHY_SHUTDOWN));
}

Simulated(supervisor_dynamic, ends_with_its_significant_children)
{
	for (int mode = NOH_AUTO_SHUTDOWN_ANY; mode <= NOH_AUTO_SHUTDOWN_ALL; mode++) {
		noh_actor inbox = noh_test_inbox();
		noh_actor supervisor = noh_supervise(
			(.strategy = NOH_DYNAMIC, .auto_shutdown = (enum noh_auto_shutdown)mode),
			WORKER(inbox, "x", .restart = NOH_TEMPORARY, .significant = true));
		noh_monitor(supervisor, true);
		noh_actor a = add(supervisor, inbox, "a"), b = add(supervisor, inbox, "b");
		noh_send(a, finish);
		if (mode == NOH_AUTO_SHUTDOWN_ALL) {
			noh_check(nothing_went_down());
			noh_send(b, finish);
		}
		noh_check(went_down(supervisor, NOH_WHY_SHUTDOWN));
	}
}

// ---- many

static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static noh_actor start_many(enum noh_strategy strategy, size_t count, noh_actor *children)
{
	noh_actor supervisor =
		noh_supervise((.strategy = strategy),
			      NOH_CHILD(mayfly, (), .id = "first", .restart = NOH_TEMPORARY));
	struct mayfly state = {0};
	struct noh_child child = NOH_CHILD(mayfly, (), .restart = NOH_TEMPORARY);
	child.state = &state;
	for (size_t i = 0; i < count; i++) {
		state.number = i;
		child.id = noh_format("child %d", (int)i);
		noh_check(noh_supervisor_start_child_of(supervisor, &child, &children[i]) == 0);
		noh_receive(0, finish); // gives back the answers
	}
	return supervisor;
}

// How long it takes that so many come, and go, first by themselves and then with the supervisor.
static double many_come_and_go(enum noh_strategy strategy, size_t count)
{
	noh_actor *children = (noh_actor *)noh_alloc(count * sizeof(*children));
	const struct noh_children *list;
	double began = seconds();

	noh_actor supervisor = start_many(strategy, count, children);
	for (size_t i = 0; i < count; i++)
		noh_send(children[i], finish);
	noh_test_settle();
	noh_check(noh_supervisor_children(supervisor, &list) == 0);
	noh_check(list->children.count == (strategy == NOH_DYNAMIC ? 0 : 1));

	supervisor = start_many(strategy, count, children);
	noh_monitor(supervisor, true);
	noh_end_life(supervisor);
	noh_check(went_down(supervisor, NOH_WHY_SHUTDOWN));
	return seconds() - began;
}

static int many_root(void *unused)
{
	(void)unused;
	for (int strategy = NOH_ONE_FOR_ONE; strategy <= NOH_DYNAMIC; strategy += NOH_DYNAMIC) {
		double thousand = many_come_and_go((enum noh_strategy)strategy, 1000);
		double ten_thousand = many_come_and_go((enum noh_strategy)strategy, 10000);
		noh_check(ten_thousand < 100 * thousand + 1); // ten times, and slack
	}
	return 0;
}

// One seed: it is about their number.
Test(supervisor_dynamic, ten_thousand_temporary_children_come_and_go_in_about_linear_time)
{
	cr_assert_eq(noh_simulate(1, many_root, NULL), 0);
}
