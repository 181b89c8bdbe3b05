/*
 * Pace: how a worker divides its time, which it counts in messages. A turn has a budget of them;
 * and when they have taken some microseconds it looks at the clock, to learn how many that should
 * be.
 */
#include "runtime/wake.h"
#include "runtime/worker.h"

enum {
	TURN_NS = 200 * 1000,      // a turn that takes longer ends, whatever is left of its budget
	LOOK_EVERY_NS = 25 * 1000, // the clock is looked at about this often
	QUANTUM_MOST = 512,        // messages, while they take less than 0.05 us
	QUANTUM_SHORT = 128,       // while they take less than 0.2 us
	LONGER = 4,                // times the budget, for an actor that has fallen behind
	TOGETHER_EVERY = 32,       // quanta; see do_wakes_vary()
};

void set_budget(struct worker *worker, int32_t budget)
{
	worker->budget = budget;
	worker->grant = (budget < worker->quantum ? budget : worker->quantum) - 1;
}

// Whether those who were sent to were idle or not as by chance: most turns begin with a wake, and
// each has one at most. Then who is woken waits behind the others (send.c).
//
// But once in a while they run at once, as elsewhere: who talks gets ahead, to where others wait,
// and from there on what goes the same way goes together, several messages a turn. Where it was
// only scattered that may be the end of chance.
static bool do_wakes_vary(struct worker *worker, uint64_t turns)
{
	uint64_t messages = worker->statistics.messages - worker->messages_before;
	return turns * 4 > messages && turns * 8 < messages * 7 &&
	       ++worker->quanta_varied % TOGETHER_EVERY;
}

// What is known of time is learned anew.
static void look(struct worker *worker)
{
	uint64_t now_ns = runtime_now_ns(worker->runtime);
	uint64_t passed = now_ns - worker->counted_from_ns;
	uint64_t turns = worker->statistics.turns - worker->turns_before;
	uint64_t used = (uint64_t)(worker->credit_before - worker->credit);

	// Slow messages shorten the quantum at once; fast ones lengthen it step by step.
	uint64_t quantum = passed ? used * LOOK_EVERY_NS / passed : QUANTUM_MOST;
	if (quantum > (uint64_t)worker->quantum * 2)
		quantum = (uint64_t)worker->quantum * 2;
	worker->quantum = quantum < 1              ? 1
			  : quantum > QUANTUM_MOST ? QUANTUM_MOST
						   : (int32_t)quantum;
	set_budget(worker, worker->budget);
	// One look alone finds long messages where the host has taken the processor away. What
	// waits is worth more by that, which is true; but that messages are long two looks must
	// find. (The first look of all finds them long whatever they are: nothing is in the caches.
	// So it is as if there had been one before that found them short.)
	uint64_t cost_ns = passed / used;
	bool are_short = (cost_ns < worker->cost_ns ? cost_ns : worker->cost_ns) * QUANTUM_SHORT <
			 LOOK_EVERY_NS;
	worker->cost_ns = cost_ns;
	if (worker->messages_are_short != are_short)
		ck_pr_store_8(&worker->messages_are_short, are_short);
	if (are_short)
		ck_pr_store_64(&worker->busy_since_ns, 0);
	if (worker->runtime->worker_count > 1)
		worker->wakes_blindly = worker->messages_are_short ? worker->runs_at_once : NULL;

	worker->wakes_vary = do_wakes_vary(worker, turns);
	worker->messages_before = worker->statistics.messages;

	// Of turns, not of looks: one long turn among many short ones makes no long mean.
	worker->recent_ns += passed - worker->recent_ns / 8;
	worker->recent_turns += turns * 8 - worker->recent_turns / 8; // in eighths
	ck_pr_store_64(&worker->turn_ns, worker->recent_ns * 8 / (worker->recent_turns | 1));
	ck_pr_store_64(&worker->now_ns, now_ns);
	worker->counted_from_ns = now_ns;
	worker->turns_before = worker->statistics.turns;
	worker->credit_before = worker->credit;
	if (worker->wakes_blindly && (ring_count(&worker->ring) || worker->newborns.any))
		maybe_wake_one(worker);
}

void look_idly(struct worker *worker)
{
	bool was_idle = worker->idle_after == worker->statistics.turns;
	worker->idle_after = worker->statistics.turns;
	if (!was_idle && worker->turns_before == worker->statistics.turns)
		return; // it has just looked

	uint64_t now_ns = runtime_now_ns(worker->runtime);
	if (was_idle)
		worker->counted_from_ns += now_ns - worker->now_ns;
	ck_pr_store_64(&worker->now_ns, now_ns);
}

void look_at_clock(struct worker *worker)
{
	if (worker->credit != worker->credit_before) // the last turn may have ended with a look
		look(worker);
	worker->credit = worker->credit_before = worker->quantum;
}

bool grant_more(struct worker *worker, const struct slot *slot)
{
	if (worker->ends_turn == worker->statistics.turns)
		return false;
	if (worker->credit <= turn_budget_end(worker)) {
		if (!ck_pr_load_8(&slot->overloaded) ||
		    worker->longer_turn == worker->statistics.turns)
			return false;
		worker->longer_turn = worker->statistics.turns;
		worker->budget_until -= (LONGER - 1) * worker->budget;
	}
	if (worker->credit <= 0) {
		// It began since the last look, or was there at that look already.
		if (worker->statistics.turns != worker->turns_before)
			worker->turn_began_ns = worker->now_ns;
		look(worker);
		if (worker->now_ns - worker->turn_began_ns > TURN_NS) {
			worker->budget_until = worker->credit;
			return false;
		}
	}
	int32_t most = worker->credit - worker->budget_until;
	worker->turn_until =
		worker->credit - ((most < worker->quantum ? most : worker->quantum) - 1);
	return true;
}
