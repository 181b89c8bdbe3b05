/* How supervisors stop: in reverse, one after the other, each child in its time. */
#include "tests/actors/supervised.h"
#include "tests/support/seeds.h"

Simulated(supervisor_shutdown, stops_children_in_reverse_order_one_after_another)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor supervisor = noh_supervise((0), WORKER(inbox, "a"),
					     WORKER_WITH(inbox, "b", (.stops_in_ms = 100)),
					     WORKER_WITH(inbox, "c", (.stops_in_ms = 50)));
	noh_monitor(supervisor, true);
	heard(inbox);

	noh_end_life(supervisor);
	expect_heard(inbox, "slow c");
	noh_test_advance(50);
	expect_heard(inbox, "stop c slowly, slow b");
	noh_test_advance(100);

	expect_heard(inbox, "stop b slowly, stop a shutdown");
	noh_check(went_down(supervisor, NOH_WHY_SHUTDOWN));
}

Simulated(supervisor_shutdown, kills_who_does_not_stop_in_time_and_the_others_get_theirs)
{
	noh_actor inbox = noh_test_inbox(), slow;
	noh_actor supervisor = noh_supervise(
		(0), WORKER_WITH(inbox, "a", (.stops_in_ms = 150), .shutdown_ms = 200),
		WORKER_WITH(inbox, "b", (.stops_in_ms = -1), .shutdown_ms = 100,
			    .ret_handle = &slow));
	noh_monitor(slow, true);
	noh_monitor(supervisor, true);
	heard(inbox);

	noh_end_life(supervisor);
	noh_test_advance(99);
	expect_heard(inbox, "slow b");
	noh_test_advance(1);
	noh_check(went_down(slow, NOH_WHY_KILLED));
	expect_heard(inbox, "slow a");
	noh_test_advance(150);

	expect_heard(inbox, "stop a slowly");
	noh_check(went_down(supervisor, NOH_WHY_SHUTDOWN));
}

Simulated(supervisor_shutdown, gives_five_seconds_if_nothing_else_is_said)
{
	noh_actor inbox = noh_test_inbox(), slow;
	noh_actor supervisor = noh_supervise(
		(0), WORKER_WITH(inbox, "a", (.stops_in_ms = -1), .ret_handle = &slow));
	noh_monitor(slow, true);
	noh_end_life(supervisor);
	noh_test_advance(4999);
	noh_check(nothing_went_down());
	noh_test_advance(1);
	noh_check(went_down(slow, NOH_WHY_KILLED));
}

Simulated(supervisor_shutdown, by_brutal_kill_gives_no_grace)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_actor supervisor = noh_supervise((0), WORKER_WITH(inbox, "a", (.stops_in_ms = 100),
							      .shutdown_ms = NOH_SHUTDOWN_KILL,
							      .ret_handle = &child));
	noh_monitor(child, true);
	heard(inbox);

	noh_end_life(supervisor);

	noh_check(went_down(child, NOH_WHY_KILLED));
	expect_heard(inbox, "");
}

Simulated(supervisor_shutdown, waits_for_ever_for_workers_and_supervisors_that_may_take_it)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor supervisor =
		noh_supervise((0),
			      WORKER_WITH(inbox, "a", (.stops_in_ms = 1000000),
					  .shutdown_ms = NOH_SHUTDOWN_FOREVER),
			      NOH_SUPERVISOR((.id = "inner"), (0),
					     WORKER_WITH(inbox, "b", (.stops_in_ms = 500000),
							 .shutdown_ms = NOH_SHUTDOWN_FOREVER)));
	noh_monitor(supervisor, true);
	heard(inbox);

	noh_end_life(supervisor);
	noh_test_advance(499999);
	expect_heard(inbox, "slow b");
	noh_test_advance(1);
	expect_heard(inbox, "stop b slowly, slow a");
	noh_test_advance(1000000);

	expect_heard(inbox, "stop a slowly");
	noh_check(went_down(supervisor, NOH_WHY_SHUTDOWN));
}

struct keeper {
	noh_actor to;
};

static void keep(struct keeper *self)
{
	noh_supervise(
		(0), WORKER(self->to, "a"),
		NOH_SUPERVISOR((.id = "inner"), (0), WORKER(self->to, "b"), WORKER(self->to, "c")));
	noh_receive(-1, finish);
}

NOH_FIBER(keeper, keep);

Simulated(supervisor_shutdown, comes_with_the_end_of_the_parent_leaves_first)
{
	noh_actor inbox = noh_test_inbox();
	for (int way = 0; way < 2; way++) {
		noh_actor keeper = noh_spawn_with(keeper, (.monitored = true), inbox);
		expect_heard(inbox, "start a, start b, start c");

		if (way)
			noh_kill(keeper);
		else
			noh_send(keeper, finish);

		expect_heard(inbox, "stop c shutdown, stop b shutdown, stop a shutdown");
		noh_check(went_down(keeper, way ? NOH_WHY_KILLED : NOH_WHY_NORMAL));
	}
}

Simulated(supervisor_shutdown, by_a_kill_of_the_supervisor_leaves_no_orphans)
{
	noh_actor inbox = noh_test_inbox(), child, resting, inner;
	noh_actor supervisor = noh_supervise(
		(0), WORKER(inbox, "a", .ret_handle = &child),
		WORKER(inbox, "b", .ret_handle = &resting, .backoff = {.min_ms = 1000}),
		NOH_SUPERVISOR((.id = "inner"), (0), WORKER(inbox, "c", .ret_handle = &inner)));
	make_fail(resting);
	noh_monitor(child, true);
	noh_monitor(resting, true);
	noh_monitor(inner, true);
	noh_monitor(supervisor, true);
	noh_test_settle();

	noh_kill(supervisor);
	noh_test_settle();

	int downs = 0;
	while (noh_receive(0, noh_down))
		downs++;
	noh_check(downs == 4);
	noh_send(child, number);
	noh_send(resting, number);
	noh_send(inner, number);
	noh_check(noh_dead_letters() == 3);
}

Simulated(supervisor_shutdown, interrupts_a_start_or_a_restart)
{
	noh_actor inbox = noh_test_inbox(), child;
	noh_actor supervisor = noh_supervise((.strategy = NOH_ONE_FOR_ALL),
					     WORKER(inbox, "a", .ret_handle = &child),
					     WORKER_WITH(inbox, "b", (.stops_in_ms = 100)));
	noh_monitor(supervisor, true);
	heard(inbox);
	make_fail(child);
	expect_heard(inbox, "stop a failed, slow b");

	noh_end_life(supervisor);
	noh_test_advance(100);

	expect_heard(inbox, "stop b slowly");
	noh_check(went_down(supervisor, NOH_WHY_SHUTDOWN));
}

// ---- significant children

static noh_actor significant(noh_actor inbox, enum noh_auto_shutdown mode,
			     enum noh_restart_kind kind, noh_actor *ret_a, noh_actor *ret_b,
			     noh_actor *ret_c)
{
	noh_actor supervisor = noh_supervise(
		(.auto_shutdown = mode),
		WORKER(inbox, "a", .restart = kind, .significant = true, .ret_handle = ret_a),
		WORKER(inbox, "b", .restart = kind, .significant = true, .ret_handle = ret_b),
		WORKER(inbox, "c", .restart = NOH_TRANSIENT, .ret_handle = ret_c));
	noh_monitor(supervisor, true);
	heard(inbox);
	return supervisor;
}

// One whose starts, but for the first, take a while.
struct late {
	noh_actor to;
};
NOH_MESSAGE(begun);

static void on_late_start(struct late *self, const struct noh_start *msg)
{
	(void)self;
	if (!msg->restarts)
		return;
	noh_start_later();
	noh_after(10, begun);
}

static void on_late_begun(struct late *self, const struct begun *msg)
{
	(void)msg;
	noh_send(self->to, event, .what = "start late");
	noh_start_done();
}

static void on_late_fail(struct late *self, const struct fail *msg)
{
	(void)self;
	noh_fail("%s", msg->reason);
}

static void on_late_stopping(struct late *self, const struct noh_stopping *msg)
{
	if (msg->why == NOH_WHY_SHUTDOWN)
		noh_send(self->to, event, .what = "stop late");
}

NOH_ACTOR(late, (noh_start, on_late_start), (begun, on_late_begun), (fail, on_late_fail),
	  (noh_stopping, on_late_stopping));

Simulated(supervisor_shutdown, keeps_its_order_while_another_start_comes_to_its_end)
{
	noh_actor inbox = noh_test_inbox(), late;
	noh_actor supervisor = noh_supervise((0), WORKER(inbox, "a"),
					     NOH_CHILD(late, (.to = inbox), .ret_handle = &late),
					     WORKER_WITH(inbox, "c", (.stops_in_ms = 100)));
	make_fail(late);
	expect_heard(inbox, "start a, start c");

	noh_end_life(supervisor);
	noh_test_advance(1000);

	expect_heard(inbox, "slow c, start late, stop c slowly, stop late, stop a shutdown");
}

Simulated(supervisor_significant, children_are_refused_without_auto_shutdown_and_permanent)
{
	noh_actor inbox = noh_test_inbox(), supervisor;
	noh_check(noh_supervisor_start(&supervisor, (0),
				       WORKER(inbox, "a", .restart = NOH_TRANSIENT,
					      .significant = true)) == -EINVAL);
	noh_check(noh_supervisor_start(&supervisor, (.auto_shutdown = NOH_AUTO_SHUTDOWN_ANY),
				       WORKER(inbox, "a", .significant = true)) == -EINVAL);
	supervisor = noh_supervise((0), WORKER(inbox, "b"));
	noh_check(noh_supervisor_start_child(
			  supervisor,
			  WORKER(inbox, "a", .restart = NOH_TRANSIENT, .significant = true),
			  NULL) == -EINVAL);
}

Simulated(supervisor_significant, any_of_them_that_ends_by_itself_shuts_all_down)
{
	noh_actor inbox = noh_test_inbox(), a, b, c;
	noh_actor supervisor = significant(inbox, NOH_AUTO_SHUTDOWN_ANY, NOH_TRANSIENT, &a, &b, &c);

	noh_send(a, finish);

	expect_heard(inbox, "stop a normal, stop c shutdown, stop b shutdown");
	noh_check(went_down(supervisor, NOH_WHY_SHUTDOWN));
}

Simulated(supervisor_significant, all_of_them_must_have_ended_in_the_other_mode)
{
	noh_actor inbox = noh_test_inbox(), a, b, c;
	noh_actor supervisor = significant(inbox, NOH_AUTO_SHUTDOWN_ALL, NOH_TRANSIENT, &a, &b, &c);

	noh_send(a, finish);
	noh_check(nothing_went_down());
	noh_send(b, finish);

	expect_heard(inbox, "stop a normal, stop b normal, stop c shutdown");
	noh_check(went_down(supervisor, NOH_WHY_SHUTDOWN));
}

Simulated(supervisor_significant, others_never_trigger_it)
{
	for (int mode = NOH_AUTO_SHUTDOWN_NEVER; mode <= NOH_AUTO_SHUTDOWN_ALL; mode++) {
		noh_actor inbox = noh_test_inbox(), c;
		noh_actor supervisor = noh_supervise(
			(.auto_shutdown = (enum noh_auto_shutdown)mode),
			WORKER(inbox, "c", .restart = NOH_TRANSIENT, .ret_handle = &c));
		noh_monitor(supervisor, true);
		noh_send(c, finish);
		noh_check(nothing_went_down());
		noh_stop(supervisor);
		noh_check(went_down(supervisor, NOH_WHY_NORMAL));
	}
}

Simulated(supervisor_significant, transient_ones_are_restarted_after_a_failure_and_do_not_trigger)
{
	noh_actor inbox = noh_test_inbox(), a, b, c;
	noh_actor supervisor = significant(inbox, NOH_AUTO_SHUTDOWN_ANY, NOH_TRANSIENT, &a, &b, &c);

	make_fail(a);
	expect_heard(inbox, "stop a failed, start a");
	noh_check(nothing_went_down());
	noh_send(a, finish);

	noh_check(went_down(supervisor, NOH_WHY_SHUTDOWN));
}

Simulated(supervisor_significant, temporary_ones_trigger_by_any_end)
{
	for (int way = 0; way < 3; way++) {
		noh_actor inbox = noh_test_inbox(), a, b, c;
		noh_actor supervisor =
			significant(inbox, NOH_AUTO_SHUTDOWN_ANY, NOH_TEMPORARY, &a, &b, &c);
		if (way == 0)
			noh_kill(a);
		else if (way == 1)
			noh_send(a, finish);
		else
			noh_send(a, fail, .reason = "told so");
		noh_check(went_down(supervisor, NOH_WHY_SHUTDOWN));
	}
}

Simulated(supervisor_significant, terminated_ones_do_not_trigger)
{
	noh_actor inbox = noh_test_inbox(), a, b, c;
	noh_actor supervisor = significant(inbox, NOH_AUTO_SHUTDOWN_ANY, NOH_TRANSIENT, &a, &b, &c);
	noh_check(noh_supervisor_terminate_child(supervisor, "a") == 0);
	noh_check(nothing_went_down());
}
