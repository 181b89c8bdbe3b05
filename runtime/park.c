/* Parking: how a worker with nothing to do waits for more. Why no wake-up is lost: schedule.c. */
#include "runtime/throttle.h"
#include "runtime/wake.h"
#include "runtime/watchdog.h"
#include "runtime/worker.h"

enum { SPIN_NS = 20 * 1000 }; // a throttled actor due within this is waited for awake

// Beside the reactor's commands: those it looks at itself, after the idle bit was set, before it
// waits.
static bool is_work_anywhere(struct worker *worker)
{
	return is_work_to_share(worker) || ring_next(&worker->ring) ||
	       shared_queue_count(&worker->home) || worker->home_next || worker->home_local.first ||
	       ck_pr_load_32(&worker->runtime->ended);
}

static void set_idle(struct worker *worker)
{
	ck_pr_or_64(&worker->runtime->idle[worker->index / 64], 1ull << worker->index % 64);
}

static bool is_idle(const struct worker *worker)
{
	return ck_pr_load_64(&worker->runtime->idle[worker->index / 64]) >> worker->index % 64 & 1;
}

// True if the bit was still set: nobody has claimed this worker.
static bool clear_idle(struct worker *worker)
{
	return wake_claim(worker->runtime, worker->index);
}

static void poll_without_waiting(struct worker *worker)
{
	struct reactor *reactor = worker->reactor;

	if (worker->now_ns - ck_pr_load_64(&reactor->polled_ns) < SPIN_NS &&
	    !reactor->ops->has_commands(reactor))
		return;
	if (reactor_try_hold(reactor)) {
		ck_pr_store_64(&reactor->polled_ns, worker->now_ns);
		reactor->ops->poll(reactor, 0, RING_SIZE);
		reactor_release(reactor);
	}
}

void park(struct worker *worker)
{
	struct noh_runtime *runtime = worker->runtime;
	struct reactor *reactor = worker->reactor;

	look_idly(worker);
	uint64_t until = throttle_until(worker);
	if (until != UINT64_MAX && until < worker->now_ns + SPIN_NS) {
		// Sleeping would cost more than it is worth.
		for (int i = 0; i < 16; i++)
			ck_pr_stall();
		poll_without_waiting(worker);
		return;
	}

	worker->rescanned = false;
	set_idle(worker);
	if (worker->searching)
		stop_searching(worker);
	ck_pr_fence_memory(); // pairs with wake_one(), wake_this(): the bit before, the looks after

	if (is_work_anywhere(worker)) {
		// Claimed: the credit is ours; the ring will be spurious.
		worker->searching = !clear_idle(worker);
		worker->rescanned = true;
		// Nobody else sees to commands, nor to the time while this worker looks in vain for
		// work that it sees.
		poll_without_waiting(worker);
		return;
	}

	// A stuck worker's reactor may be polled by the watchdog, and so may ours, if we were slow
	// to come here: then it may have taken the ring that was meant for us. But who rings has
	// cleared the bit before, and from here on nobody else polls.
	reactor_hold(reactor);
	if (!is_idle(worker))
		until = 0;
	ck_pr_store_64(&worker->statistics.parks, worker->statistics.parks + 1);
	ck_pr_store_32(&worker->parked, 1);
	reactor->ops->poll(reactor, until, RING_SIZE);
	ck_pr_store_32(&worker->parked, 0);
	look_idly(worker);
	ck_pr_store_64(&reactor->polled_ns, worker->now_ns);
	ck_pr_store_64(&worker->busy_since_ns, 0);
	reactor_release(reactor);
	worker->keeps_itself_busy = false;

	worker->searching = !clear_idle(worker);
	watchdog_notice(runtime);
}
