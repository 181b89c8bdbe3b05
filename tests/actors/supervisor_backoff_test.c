/* How long a restart waits, and what happens meanwhile. */
#include "tests/actors/supervised.h"
#include "tests/support/seeds.h"

static const struct noh_backoff doubling = {
	.min_ms = 100, .max_ms = 400, .jitter = NOH_NO_JITTER, .stable_ms = 1000};

Simulated(supervisor_restart, waits_longer_after_each_failure_up_to_a_limit)
{
	static const int64_t waits[] = {100, 200, 400, 400};
	noh_actor inbox = noh_test_inbox(), child;
	noh_actor supervisor =
		noh_supervise((.max_restarts = NOH_UNLIMITED_RESTARTS),
			      WORKER(inbox, "a", .ret_handle = &child, .backoff = doubling));
	heard(inbox);

	for (int i = 0; i < 4; i++) {
		make_fail(child);
		noh_test_advance(waits[i] - 1);
		expect_heard(inbox, "stop a failed");
		noh_check(state_of(supervisor, "a") == NOH_CHILD_RESTARTING);
		noh_test_advance(1);
		expect_heard(inbox, "start a");
	}

	noh_test_advance(1000); // stable
	make_fail(child);
	noh_test_advance(100);
	expect_heard(inbox, "stop a failed, start a");
}

Simulated(supervisor_restart, keeps_the_mail_that_comes_during_its_wait)
{
	struct three three = three_of(NOH_ONE_FOR_ONE, doubling);
	noh_send(three.b, fail, .reason = "told so");
	noh_send(three.b, number, .value = 1);
	noh_test_advance(50);
	noh_send(three.b, number, .value = 2);
	expect_heard(three.inbox, "stop b failed");

	noh_test_advance(50);

	expect_heard(three.inbox, "start b, sum b 1, sum b 3");
	noh_check(noh_dead_letters() == 0);
}

Simulated(supervisor_restart, of_a_group_stops_the_others_at_once_and_starts_all_after_the_wait)
{
	struct three three = three_of(NOH_ONE_FOR_ALL, doubling);

	make_fail(three.b);
	expect_heard(three.inbox, "stop b failed, stop c shutdown, stop a shutdown");
	noh_test_advance(100);

	expect_heard(three.inbox, "start a, start b, start c");
	same_handles(&three);
}

Simulated(supervisor_restart, does_not_come_if_the_child_is_terminated_while_it_waits)
{
	struct three three = three_of(NOH_ONE_FOR_ALL, doubling);
	make_fail(three.b);
	heard(three.inbox);

	noh_check(noh_supervisor_terminate_child(three.supervisor, "b") == 0);
	expect_heard(three.inbox, "start a, start c");
	noh_test_advance(1000);

	expect_heard(three.inbox, "");
	noh_check(state_of(three.supervisor, "b") == NOH_CHILD_ABSENT);
}

Simulated(supervisor_restart, takes_chance_into_its_waits_so_that_many_do_not_come_together)
{
	enum { CHILDREN = 20 };
	noh_actor inbox = noh_test_inbox();
	struct noh_child children[CHILDREN + 1];
	noh_actor handles[CHILDREN];
	struct noh_child child = NOH_CHILD(worker, (.to = inbox, .name = "x"),
					   .backoff = {.min_ms = 1000, .jitter = 0.5});
	for (int i = 0; i < CHILDREN; i++) {
		children[i] = child;
		children[i].id = noh_format("child %d", i);
		children[i].ret_handle = &handles[i];
	}
	children[CHILDREN] = (struct noh_child){.size = 0};
	noh_supervise_list(NOH_VALUE(noh_supervisor, .size = sizeof(struct noh_supervisor),
				     .max_restarts = NOH_UNLIMITED_RESTARTS),
			   children);
	heard(inbox);
	for (int i = 0; i < CHILDREN; i++)
		noh_send(handles[i], fail, .reason = "told so");
	heard(inbox);

	noh_test_advance(499);
	expect_heard(inbox, "");
	noh_test_advance(250);
	bool some = *heard(inbox) != '\0';
	noh_test_advance(251);
	bool others = *heard(inbox) != '\0';
	noh_check(some && others);
}
