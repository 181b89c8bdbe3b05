/* Supervisors while their children are killed at random and held back: which are restarted, in
 * which order, how often, and who hears of it. */
#include "tests/actors/lambs.h"
#include "tests/support/seeds.h"

// ---- starts

Killed(supervisor_kills, during_a_start_leave_all_children_or_none, 15)
{
	for (int i = 0; i < 30; i++) {
		noh_actor supervisor;
		seen.count = 0;

		int err = noh_supervisor_start(&supervisor, (0), LAMB(0, "a"), LAMB(1, "b"),
					       LAMB(2, "c"), LAMB(3, "d"), LAMB(4, "e"));

		int next = 0; // each is there before the next begins; some begin again
		for (int j = 0; j < seen.count; j++) {
			if (seen.happened[j].what == START) {
				noh_check(seen.happened[j].place <= next);
				next += seen.happened[j].place == next;
			}
		}
		noh_check(err == 0 || err == -ECANCELED);
		if (err) {
			noh_check(alive() == 0);
			continue;
		}
		noh_check(next == FLOCK);
		noh_kill(supervisor);
		noh_test_advance(1000);
		noh_check(alive() == 0);
	}
}

// ---- kinds of restarts

static void all_are_as_they_were(noh_actor supervisor, const noh_actor *lambs)
{
	static const char *const ids[] = {"a", "b", "c", "d", "e"};
	noh_check(counts_agree(supervisor));
	for (int i = 0; i < FLOCK; i++) {
		noh_check(noh_same(child_of(supervisor, ids[i]), lambs[i]));
		noh_check(state_of(supervisor, ids[i]) == NOH_CHILD_RUNNING);
		noh_check(is_alive(lambs[i]));
	}
}

Killed(supervisor_kills, are_followed_by_a_restart_of_permanent_children, 10)
{
	noh_actor lambs[FLOCK];
	noh_actor supervisor = flock_of(NOH_ONE_FOR_ONE, NOH_PERMANENT, lambs);
	work_a_while(lambs, FLOCK, ROUNDS);
	let_recover();
	all_are_as_they_were(supervisor, lambs);
}

Killed(supervisor_kills, are_followed_by_a_restart_of_transient_children, 10)
{
	noh_actor lambs[FLOCK];
	noh_actor supervisor = flock_of(NOH_ONE_FOR_ONE, NOH_TRANSIENT, lambs);
	work_a_while(lambs, FLOCK, ROUNDS);
	let_recover();
	all_are_as_they_were(supervisor, lambs);
}

Killed(supervisor_kills, are_followed_by_no_restart_of_temporary_children, 100)
{
	noh_actor lambs[FLOCK];
	noh_actor supervisor = flock_of(NOH_ONE_FOR_ONE, NOH_TEMPORARY, lambs);
	work_a_while(lambs, FLOCK, ROUNDS);
	let_recover();

	const struct noh_children *list;
	noh_check(noh_supervisor_children(supervisor, &list) == 0);
	noh_check((int)list->children.count == alive());
	noh_check(seen.count == FLOCK); // none has started twice, or was stopped
	noh_check(counts_agree(supervisor));
}

// ---- strategies

// Each start follows that of the place before, or begins again: with the first, or with one that
// had been started already.
static bool starts_are_in_sequence(bool from_the_first)
{
	int last = -1;
	for (int i = 0; i < seen.count; i++) {
		if (seen.happened[i].what != START)
			continue;
		int place = seen.happened[i].place;
		bool goes_on = place == last + 1;
		bool begins_again =
			from_the_first ? place == 0 : place <= last || last == FLOCK - 1;
		if (!goes_on && !begins_again)
			return false;
		last = place;
	}
	return last == FLOCK - 1; // the last sequence is whole
}

static bool stops_are_in_reverse(void)
{
	for (int i = 1; i < seen.count; i++)
		if (seen.happened[i].what == STOP && seen.happened[i - 1].what == STOP &&
		    seen.happened[i].place >= seen.happened[i - 1].place)
			return false;
	return true;
}

Killed(supervisor_kills, of_one_stop_no_other_if_it_is_one_for_one, 10)
{
	noh_actor lambs[FLOCK];
	noh_actor supervisor = flock_of(NOH_ONE_FOR_ONE, NOH_PERMANENT, lambs);
	work_a_while(lambs, FLOCK, ROUNDS);
	for (int i = 0; i < seen.count; i++)
		noh_check(seen.happened[i].what == START);
	let_recover();
	all_are_as_they_were(supervisor, lambs);
}

Killed(supervisor_kills, restart_all_in_order_if_it_is_one_for_all, 30)
{
	noh_actor lambs[FLOCK];
	noh_actor supervisor = flock_of(NOH_ONE_FOR_ALL, NOH_PERMANENT, lambs);
	work_a_while(lambs, FLOCK, ROUNDS);
	let_recover();
	all_are_as_they_were(supervisor, lambs);
	noh_check(starts_are_in_sequence(true));
	noh_check(stops_are_in_reverse());
}

Killed(supervisor_kills, restart_the_rest_in_order_if_it_is_rest_for_one, 20)
{
	noh_actor lambs[FLOCK];
	noh_actor supervisor = flock_of(NOH_REST_FOR_ONE, NOH_PERMANENT, lambs);
	work_a_while(lambs, FLOCK, ROUNDS);
	let_recover();
	all_are_as_they_were(supervisor, lambs);
	noh_check(starts_are_in_sequence(false));
	noh_check(stops_are_in_reverse());
}

// ---- how many, and who hears of it

Killed(supervisor_kills, beyond_the_limit_end_it_and_never_more_restarts_come_before, 40)
{
	enum { MOST = 3, WITHIN_MS = 1000 };
	noh_actor lambs[2], supervisor;
	int err;
	do {
		seen.count = 0;
		err = noh_supervisor_start(&supervisor,
					   (.max_restarts = MOST, .within_ms = WITHIN_MS),
					   LAMB(0, "a", .ret_handle = &lambs[0]),
					   LAMB(1, "b", .ret_handle = &lambs[1]));
	} while (err);
	noh_monitor(supervisor, true);

	const struct noh_down *down = NULL;
	for (int round = 0; round < 2000 && !down; round++) {
		work_a_while(lambs, 2, 1);
		down = noh_as(noh_receive(0, noh_down), noh_down);
	}

	noh_check(down && noh_same(down->who, supervisor) && down->why == NOH_WHY_FAILED);
	noh_check(alive() == 0);
	noh_check(seen.count >= 2 + MOST);
	static int64_t starts_ms[HAPPENED_MOST];
	int starts = 0;
	for (int i = 0; i < seen.count; i++)
		if (seen.happened[i].what == START)
			starts_ms[starts++] = seen.happened[i].at_ms;
	// A child that is held back starts a little later than its supervisor says.
	for (int i = 2 + MOST; i < starts; i++)
		noh_check(starts_ms[i] - starts_ms[i - MOST] >= WITHIN_MS - 2 * 10);
}

enum { MONITORS = FLOCK * ROUNDS };

struct monitors {
	uint64_t ids[MONITORS];
	int told[MONITORS];
};

static void hear(struct monitors *monitors)
{
	const struct noh_down *down;
	while ((down = noh_as(noh_receive(0, noh_down), noh_down)))
		for (int i = 0; i < MONITORS; i++)
			monitors->told[i] += monitors->ids[i] == down->monitor;
}

static bool is_until_gone(int monitor)
{
	return monitor % FLOCK % 2;
}

Killed(supervisor_kills, are_told_by_each_monitor_exactly_once, 10)
{
	static struct monitors monitors;
	noh_actor lambs[FLOCK];
	noh_actor supervisor = flock_of(NOH_REST_FOR_ONE, NOH_PERMANENT, lambs);

	memset(&monitors, 0, sizeof(monitors));
	for (int i = 0; i < MONITORS; i++) {
		monitors.ids[i] = noh_monitor(lambs[i % FLOCK], is_until_gone(i));
		if (i % FLOCK == FLOCK - 1)
			work_a_while(lambs, FLOCK, 1);
		hear(&monitors);
	}
	let_recover();
	hear(&monitors);
	for (int i = 0; i < MONITORS; i++)
		noh_check(monitors.told[i] <= !is_until_gone(i));

	noh_end_life(supervisor);
	noh_test_advance(10000);
	hear(&monitors);
	for (int i = 0; i < MONITORS; i++)
		noh_check(monitors.told[i] == 1);
}

Killed(supervisor_kills, are_reported_each_in_one_line, 20, .kills_most = 8)
{
	noh_actor lambs[FLOCK];
	noh_actor supervisor = flock_of(NOH_ONE_FOR_ONE, NOH_PERMANENT, lambs);
	(void)supervisor;
	int starts = seen.count;
	struct captured captured = captured_begin();
	work_a_while(lambs, FLOCK, ROUNDS);
	let_recover();
	char *text = captured_end(captured);

	int lines = captured_count(text, "ended=killed");
	noh_check(captured_count(text, "\n") == lines);
	// Some restarts may have been reported before.
	noh_check(lines <= seen.count - starts && seen.count - starts <= lines + FLOCK);
	free(text);
}
