/* Who is restarted when, with whom, and when it has been too often. */
#include "tests/actors/supervised.h"
#include "tests/support/seeds.h"

// ---- kinds

// Ends a child in some way, and says whether it came back under its handle.
static bool comes_back(enum noh_restart_kind kind, const char *way)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_actor supervisor =
		noh_supervise((0), WORKER(inbox, "a", .restart = kind, .ret_handle = &child));
	noh_check(*heard(inbox));

	if (!strcmp(way, "normal"))
		noh_send(child, finish);
	else if (!strcmp(way, "stopped"))
		noh_stop(child);
	else if (!strcmp(way, "killed"))
		noh_kill(child);
	else
		noh_send(child, fail, .reason = "told so");
	bool is_back = strstr(heard(inbox), "start a");

	noh_send(child, number, .value = 1);
	noh_check(!!*heard(inbox) == is_back);
	noh_check(counts_agree(supervisor));
	return is_back;
}

Simulated(supervisor_restart, of_a_permanent_child_comes_after_every_end)
{
	noh_check(comes_back(NOH_PERMANENT, "normal"));
	noh_check(comes_back(NOH_PERMANENT, "stopped"));
	noh_check(comes_back(NOH_PERMANENT, "killed"));
	noh_check(comes_back(NOH_PERMANENT, "failed"));
}

Simulated(supervisor_restart, of_a_transient_child_comes_after_a_failure_or_a_kill_only)
{
	noh_check(!comes_back(NOH_TRANSIENT, "normal"));
	noh_check(!comes_back(NOH_TRANSIENT, "stopped"));
	noh_check(comes_back(NOH_TRANSIENT, "killed"));
	noh_check(comes_back(NOH_TRANSIENT, "failed"));
}

struct suicide {
	noh_actor to;
};

static void shut_down(struct suicide *self, const struct finish *msg)
{
	(void)self;
	(void)msg;
	noh_end_life(noh_self());
}

NOH_ACTOR(suicide, (finish, shut_down));

Simulated(supervisor_restart, after_a_shutdown_by_itself_comes_to_permanent_children_only)
{
	noh_actor transient, permanent;
	noh_actor supervisor =
		noh_supervise((0),
			      NOH_CHILD(suicide, (.to = NOH_NOBODY), .restart = NOH_TRANSIENT,
					.id = "transient", .ret_handle = &transient),
			      NOH_CHILD(suicide, (.to = NOH_NOBODY), .id = "permanent",
					.ret_handle = &permanent));

	noh_send(transient, finish);
	noh_send(permanent, finish);
	noh_test_settle();

	noh_check(state_of(supervisor, "transient") == NOH_CHILD_ABSENT);
	noh_check(state_of(supervisor, "permanent") == NOH_CHILD_RUNNING);
}

Simulated(supervisor_restart, of_a_temporary_child_never_comes_and_its_spec_is_dropped)
{
	static const char *const ways[] = {"normal", "stopped", "killed", "failed"};
	for (int i = 0; i < 4; i++)
		noh_check(!comes_back(NOH_TEMPORARY, ways[i]));

	noh_actor inbox = noh_test_inbox(), child;
	noh_actor supervisor = noh_supervise(
		(0), WORKER(inbox, "a", .restart = NOH_TEMPORARY, .ret_handle = &child));
	make_fail(child);
	const struct noh_children *list;
	noh_check(noh_supervisor_children(supervisor, &list) == 0 && !list->children.count);
}

Simulated(supervisor_restart, is_a_new_life_with_handle_mailbox_and_first_state)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_actor supervisor =
		noh_supervise((0), WORKER_WITH(inbox, "a", (.sum = 5), .ret_handle = &child));

	noh_send(child, number, .value = 1);
	noh_send(child, fail, .reason = "told so");
	noh_send(child, number, .value = 2);
	noh_send(child, number, .value = 3);

	expect_heard(inbox, "start a, sum a 6, stop a failed, start a, sum a 7, sum a 10");
	noh_check(noh_same(child_of(supervisor, "a"), child));
	noh_check(noh_dead_letters() == 0);
}

Simulated(supervisor_restart, keeps_out_what_the_old_life_had_caused)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_supervise((0), WORKER(inbox, "a", .ret_handle = &child));
	noh_send(child, fail_later, .ms = 100);
	make_fail(child);
	expect_heard(inbox, "start a, stop a failed, start a");

	noh_test_advance(1000);

	expect_heard(inbox, "");
}

Simulated(supervisor_restart, after_a_poison_message_happens_once)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_supervise((.max_restarts = 1), WORKER(inbox, "a", .ret_handle = &child));
	noh_send(child, fail, .reason = "poison");
	noh_test_advance(100000);
	expect_heard(inbox, "start a, stop a failed, start a");
}

Simulated(supervisor_restart, begins_with_an_empty_mailbox_if_mail_is_to_be_dropped)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_supervise((0), WORKER(inbox, "a", .drop_mail = true, .backoff = {.min_ms = 10},
				  .ret_handle = &child));
	const struct noh_child_counts *answer;

	noh_send(child, fail, .reason = "told so");
	noh_send(child, number, .value = 1);
	noh_test_settle();
	expect_heard(inbox, "start a, stop a failed");
	noh_check(noh_dead_letters() == 1);

	// So is what comes while it waits; who asks hears of it at once.
	noh_send(child, number, .value = 2);
	noh_check(noh_ask(child, noh_count_children, 1000, &answer) == -ESRCH);
	noh_check(noh_dead_letters() == 3);
	noh_test_advance(10);
	noh_send(child, number, .value = 3);
	expect_heard(inbox, "start a, sum a 3");
	noh_check(noh_dead_letters() == 3);
}

Simulated(supervisor_restart, of_others_drops_the_mail_of_siblings_if_it_is_to_be_dropped)
{
	noh_actor inbox = noh_test_inbox(), first, second;
	noh_supervise((.strategy = NOH_ONE_FOR_ALL),
		      WORKER(inbox, "a", .drop_mail = true, .ret_handle = &first),
		      WORKER_WITH(inbox, "b", (.stops_in_ms = 10), .ret_handle = &second));
	noh_send(second, fail, .reason = "told so");
	noh_send(first, noh_count_children);
	noh_test_settle();
	heard(inbox);
	noh_kill(first);
	noh_test_settle();
	expect_heard(inbox, "slow b");
	noh_send(first, number, .value = 1);
	noh_test_advance(10);
	expect_heard(inbox, "stop b slowly, start a, start b");
	noh_send(first, number, .value = 5);
	expect_heard(inbox, "sum a 5");
}

// ---- strategies

static const struct noh_backoff at_once = {0};

Simulated(supervisor_restart, one_for_one_changes_only_the_failed_child)
{
	struct three three = three_of(NOH_ONE_FOR_ONE, at_once);
	noh_monitor(three.a, false);
	noh_monitor(three.c, false);

	make_fail(three.b);

	expect_heard(three.inbox, "stop b failed, start b");
	noh_check(nothing_went_down());
	same_handles(&three);
}

Simulated(supervisor_restart, one_for_all_stops_all_in_reverse_and_starts_them_in_list_order)
{
	struct three three = three_of(NOH_ONE_FOR_ALL, at_once);

	make_fail(three.b);

	expect_heard(three.inbox, "stop b failed, stop c shutdown, stop a shutdown, start a, start "
				  "b, start c");
	same_handles(&three);
}

Simulated(supervisor_restart, rest_for_one_touches_only_those_that_were_started_later)
{
	struct three three = three_of(NOH_REST_FOR_ONE, at_once);
	noh_monitor(three.a, false);

	make_fail(three.b);
	expect_heard(three.inbox, "stop b failed, stop c shutdown, start b, start c");
	make_fail(three.c);
	expect_heard(three.inbox, "stop c failed, start c");

	noh_check(nothing_went_down());
	same_handles(&three);
}

Simulated(supervisor_restart, keeps_the_mail_of_siblings_that_are_stopped_for_it)
{
	struct three three = three_of(NOH_ONE_FOR_ALL, at_once);

	noh_send(three.b, fail, .reason = "told so");
	for (int i = 0; i < 20; i++)
		noh_send(three.a, number, .value = 1);
	noh_test_settle();

	int sums = 0;
	for (const struct event *next; (next = noh_test_take(three.inbox, event));)
		sums += !strncmp(next->what, "sum a", 5);
	noh_check(sums == 20);
	noh_check(noh_dead_letters() == 0);
}

Simulated(supervisor_restart, of_a_group_leaves_out_temporary_and_terminated_children)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_actor supervisor = noh_supervise(
		(.strategy = NOH_ONE_FOR_ALL), WORKER(inbox, "a", .ret_handle = &child),
		WORKER(inbox, "b", .restart = NOH_TEMPORARY), WORKER(inbox, "c"),
		WORKER(inbox, "d", .restart = NOH_TEMPORARY));
	noh_check(noh_supervisor_terminate_child(supervisor, "c") == 0);
	heard(inbox);

	make_fail(child);

	expect_heard(inbox, "stop a failed, stop d shutdown, stop b shutdown, start a");
	noh_check(state_of(supervisor, "c") == NOH_CHILD_ABSENT);
	noh_check(counts_agree(supervisor));
}

Simulated(supervisor_restart, of_a_group_starts_also_those_that_had_ended_by_themselves)
{
	noh_actor inbox = noh_test_inbox(), child, job;
	noh_supervise((.strategy = NOH_ONE_FOR_ALL), WORKER(inbox, "a"),
		      WORKER(inbox, "b", .ret_handle = &child),
		      WORKER(inbox, "c", .restart = NOH_TRANSIENT, .ret_handle = &job));
	noh_send(job, finish);
	expect_heard(inbox, "start a, start b, start c, stop c normal");

	make_fail(child);

	expect_heard(inbox, "stop b failed, stop a shutdown, start a, start b, start c");
}

Simulated(supervisor_restart, whose_start_fails_is_tried_again_and_counts_again)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_actor supervisor =
		noh_supervise((.strategy = NOH_ONE_FOR_ALL, .max_restarts = 2), WORKER(inbox, "a"),
			      WORKER_WITH(inbox, "b", (.at_start = FAILS_ONCE_WHEN_RESTARTED),
					  .ret_handle = &child),
			      WORKER(inbox, "c"));
	noh_monitor(supervisor, true);
	heard(inbox);

	make_fail(child);

	expect_heard(inbox, "stop b failed, stop c shutdown, stop a shutdown, start a, stop b "
			    "failed, stop a shutdown, start a, start b, start c");
	make_fail(child);
	noh_check(went_down(supervisor, NOH_WHY_FAILED));
}

Simulated(supervisor_restart, that_fails_again_and_again_does_not_keep_requests_from_their_turn)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_actor supervisor = noh_supervise(
		(.strategy = NOH_ONE_FOR_ALL, .max_restarts = NOH_UNLIMITED_RESTARTS),
		WORKER(inbox, "a"),
		WORKER_WITH(inbox, "b", (.at_start = FAILS_WHEN_RESTARTED), .ret_handle = &child),
		WORKER(inbox, "c"));
	noh_send(child, fail, .reason = "told so");
	for (int i = 0; i < 100; i++)
		noh_yield();

	noh_check(noh_supervisor_terminate_child(supervisor, "b") == 0);

	noh_test_settle();
	noh_check(state_of(supervisor, "a") == NOH_CHILD_RUNNING);
	noh_check(state_of(supervisor, "b") == NOH_CHILD_ABSENT);
	noh_check(state_of(supervisor, "c") == NOH_CHILD_RUNNING);
}

// ---- intensity

Simulated(supervisor_restart, one_too_many_stops_all_children_and_fails_the_supervisor)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_actor supervisor =
		noh_supervise((.max_restarts = 2), WORKER(inbox, "a"),
			      WORKER(inbox, "b", .ret_handle = &child), WORKER(inbox, "c"));
	noh_monitor(supervisor, true);
	heard(inbox);

	make_fail(child);
	make_fail(child);
	noh_check(nothing_went_down());
	heard(inbox);
	make_fail(child);

	expect_heard(inbox, "stop b failed, stop c shutdown, stop a shutdown");
	noh_check(went_down(supervisor, NOH_WHY_FAILED));
}

Simulated(supervisor_restart, one_too_many_is_for_the_parent_of_the_supervisor_to_decide)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_actor supervisor = noh_supervise(
		(.max_restarts = 5),
		NOH_SUPERVISOR((.id = "inner"), (.max_restarts = 1),
			       WORKER(inbox, "a", .ret_handle = &child), WORKER(inbox, "b")));
	noh_actor inner = child_of(supervisor, "inner");
	make_fail(child);
	heard(inbox);

	make_fail(child);

	expect_heard(inbox, "stop a failed, stop b shutdown, start a, start b");
	noh_check(noh_same(child_of(supervisor, "inner"), inner));
}

Simulated(supervisor_restart, exactly_as_many_as_allowed_within_the_period_are_survived)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_actor supervisor = noh_supervise((.max_restarts = 3, .within_ms = 1000),
					     WORKER(inbox, "a", .ret_handle = &child));
	noh_monitor(supervisor, true);
	for (int i = 0; i < 3; i++)
		make_fail(child);
	noh_check(nothing_went_down());

	noh_test_advance(1000);
	make_fail(child);
	noh_check(went_down(supervisor, NOH_WHY_FAILED));
}

Simulated(supervisor_restart, spread_over_more_than_the_period_goes_on_for_ever)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_actor supervisor = noh_supervise((.max_restarts = 3, .within_ms = 1000),
					     WORKER(inbox, "a", .ret_handle = &child));
	noh_monitor(supervisor, true);
	for (int i = 0; i < 100; i++) {
		make_fail(child);
		noh_test_advance(334);
	}
	noh_check(nothing_went_down());
}

Simulated(supervisor_restart, none_allowed_means_that_the_first_failure_escalates)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_actor supervisor = noh_supervise((.max_restarts = NOH_NO_RESTARTS),
					     WORKER(inbox, "a", .ret_handle = &child));
	noh_monitor(supervisor, true);
	make_fail(child);
	noh_check(went_down(supervisor, NOH_WHY_FAILED));
	expect_heard(inbox, "start a, stop a failed");
}

Simulated(supervisor_restart, of_all_children_of_one_for_all_counts_once)
{
	struct three three = {.inbox = noh_test_inbox()};
	three.supervisor = noh_supervise((.strategy = NOH_ONE_FOR_ALL, .max_restarts = 2),
					 WORKER(three.inbox, "a", .ret_handle = &three.a),
					 WORKER(three.inbox, "b", .ret_handle = &three.b),
					 WORKER(three.inbox, "c"));
	noh_monitor(three.supervisor, true);
	make_fail(three.a);
	make_fail(three.b);
	noh_check(nothing_went_down());
	make_fail(three.a);
	noh_check(went_down(three.supervisor, NOH_WHY_FAILED));
}

Simulated(supervisor_restart, of_several_children_that_fail_at_once_counts_each)
{
	struct three three = three_of(NOH_ONE_FOR_ONE, at_once);
	noh_monitor(three.supervisor, true);
	noh_send(three.a, fail, .reason = "1");
	noh_send(three.b, fail, .reason = "2");
	noh_send(three.c, fail, .reason = "3");
	noh_check(nothing_went_down());
	same_handles(&three);
	make_fail(three.a);
	noh_check(went_down(three.supervisor, NOH_WHY_FAILED));
}

Simulated(supervisor_restart, may_be_unlimited)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_actor supervisor = noh_supervise((.max_restarts = NOH_UNLIMITED_RESTARTS),
					     WORKER(inbox, "a", .ret_handle = &child));
	for (int i = 0; i < 100; i++)
		make_fail(child);
	noh_check(state_of(supervisor, "a") == NOH_CHILD_RUNNING);
}
