/* Supervisors that end, are killed themselves, or serve requests, while their children are killed
 * at random and held back. */
#include "tests/actors/lambs.h"
#include "tests/support/seeds.h"

// ---- the end of a supervisor

Killed(supervisor_kills, during_a_shutdown_leave_nobody_and_keep_the_order, 5)
{
	noh_actor lambs[FLOCK];
	noh_actor supervisor = flock_of(NOH_ONE_FOR_ONE, NOH_PERMANENT, lambs);
	work_a_while(lambs, FLOCK, 5);
	noh_monitor(supervisor, true);

	noh_end_life(supervisor);
	noh_test_advance(10000);

	noh_check(went_down(supervisor, NOH_WHY_SHUTDOWN));
	noh_check(nothing_went_down());
	noh_check(alive() == 0);
	for (int i = 0, least = FLOCK; i < seen.count; i++) {
		noh_check(seen.happened[i].place < least); // it is not started again
		if (seen.happened[i].what == STOP)
			least = seen.happened[i].place;
	}
}

Killed(supervisor_kills, of_a_significant_child_end_its_supervisor, 50)
{
	noh_actor lambs[FLOCK], supervisor;
	int err;
	do {
		seen.count = 0;
		err = noh_supervisor_start(&supervisor,
					   (.auto_shutdown = NOH_AUTO_SHUTDOWN_ANY,
					    .max_restarts = NOH_UNLIMITED_RESTARTS),
					   LAMB(0, "a", .ret_handle = &lambs[0]),
					   LAMB(1, "b", .ret_handle = &lambs[1],
						.restart = NOH_TEMPORARY, .significant = true),
					   LAMB(2, "c", .ret_handle = &lambs[2]));
	} while (err);
	noh_monitor(supervisor, true);

	const struct noh_down *down = NULL;
	for (int round = 0; round < 2000 && !down; round++) {
		work_a_while(lambs, 3, 1);
		down = noh_as(noh_receive(0, noh_down), noh_down);
	}

	// (Nobody, if that was while this one heard that all had started.)
	noh_check(down && (down->why == NOH_WHY_SHUTDOWN || down->why == NOH_WHY_NOBODY));
	int starts = 0;
	for (int i = 0; i < seen.count; i++)
		starts += seen.happened[i].place == 1 && seen.happened[i].what == START;
	noh_check(starts == 1);
	noh_check(alive() == 0);
}

Killed(supervisor_kills, of_supervisors_leave_a_whole_tree_and_no_orphans, 20,
       .kill = "lamb inner innermost")
{
	noh_actor top;
	int err;
	do {
		seen.count = 0;
		err = noh_supervisor_start(
			&top, (.max_restarts = NOH_UNLIMITED_RESTARTS),
			NOH_SUPERVISOR((.id = "inner"), (.max_restarts = NOH_UNLIMITED_RESTARTS),
				       LAMB(0, "a"),
				       NOH_SUPERVISOR((.id = "innermost"),
						      (.max_restarts = NOH_UNLIMITED_RESTARTS),
						      LAMB(1, "b"), LAMB(2, "c"))),
			LAMB(3, "d"));
	} while (err);
	noh_actor inner = child_of(top, "inner");
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < seen.count; i++)
			noh_send(seen.happened[i].who, work);
		noh_test_advance(ROUND_MS);
	}
	let_recover();

	noh_check(noh_same(child_of(top, "inner"), inner));
	noh_check(state_of(top, "inner") == NOH_CHILD_RUNNING);
	noh_check(state_of(top, "d") == NOH_CHILD_RUNNING);
	noh_check(state_of(inner, "a") == NOH_CHILD_RUNNING);
	noh_actor innermost = child_of(inner, "innermost");
	noh_check(state_of(innermost, "b") == NOH_CHILD_RUNNING);
	noh_check(state_of(innermost, "c") == NOH_CHILD_RUNNING);
	noh_check(counts_agree(top) && counts_agree(inner) && counts_agree(innermost));
	noh_check(alive() == 4);
}

// ---- requests

static const char *const wanted[] = {"a", "b", "c", "d", "e"};

static void ask_for_something(noh_actor supervisor)
{
	const char *id = wanted[noh_random() % FLOCK];
	noh_actor child;
	int err;

	switch (noh_random() % 4) {
	case 0:
		err = noh_supervisor_start_child(
			supervisor,
			NOH_CHILD(lamb, (.place = 0), .id = id, .restart = NOH_TRANSIENT), &child);
		noh_check(err == 0 || err == -EEXIST || err == -ECANCELED);
		break;
	case 1:
		err = noh_supervisor_terminate_child(supervisor, id);
		noh_check(err == 0 || err == -ENOENT);
		break;
	case 2:
		err = noh_supervisor_restart_child(supervisor, id, &child);
		noh_check(err == 0 || err == -EBUSY || err == -ENOENT || err == -ECANCELED);
		break;
	case 3:
		err = noh_supervisor_delete_child(supervisor, id);
		noh_check(err == 0 || err == -EBUSY || err == -ENOENT);
		break;
	}
}

Killed(supervisor_kills, between_requests_leave_a_list_that_is_true, 15)
{
	noh_actor supervisor = noh_supervise(
		(.strategy = NOH_REST_FOR_ONE, .max_restarts = NOH_UNLIMITED_RESTARTS));
	for (int i = 0; i < 5 * ROUNDS; i++)
		ask_for_something(supervisor);
	let_recover();

	const struct noh_children *list;
	noh_check(counts_agree(supervisor));
	noh_check(noh_supervisor_children(supervisor, &list) == 0);
	int running = 0;
	for (size_t i = 0; i < list->children.count; i++) {
		const struct noh_child_info *child = &list->children.at[i];
		noh_check(child->state == NOH_CHILD_RUNNING || child->state == NOH_CHILD_ABSENT);
		noh_check((child->child.id && is_alive(child->child)) ==
			  (child->state == NOH_CHILD_RUNNING));
		running += child->state == NOH_CHILD_RUNNING;
	}
	noh_check(alive() == running);
}

Killed(supervisor_kills, of_a_dynamic_ones_children_leave_each_with_its_own_state, 10)
{
	noh_actor lambs[FLOCK];
	noh_actor supervisor =
		noh_supervise((.strategy = NOH_DYNAMIC, .max_restarts = NOH_UNLIMITED_RESTARTS),
			      NOH_CHILD(lamb, (.place = -1)));
	for (int i = 0; i < FLOCK; i++)
		while (noh_supervisor_start_child(supervisor, NOH_CHILD(lamb, (.place = i)),
						  &lambs[i]))
			;
	work_a_while(lambs, FLOCK, ROUNDS);
	let_recover();

	for (int i = 0; i < seen.count; i++)
		for (int j = 0; j < FLOCK; j++)
			noh_check(!noh_same(seen.happened[i].who, lambs[j]) ||
				  seen.happened[i].place == j);
	struct noh_child_counts counts;
	noh_check(noh_supervisor_count(supervisor, &counts) == 0 && counts.active == FLOCK);
	noh_check(alive() == FLOCK);
	noh_end_life(supervisor);
	noh_test_advance(10000);
	noh_check(alive() == 0);
}
