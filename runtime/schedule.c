/*
 * Scheduling: where a woken actor is put, who is woken to help, where a worker looks for work.
 * Knows not how one parks (park.c), but for why no wake-up is lost.
 *
 * Why no wake-up is lost. An actor that becomes runnable is first put into a queue; then the pusher
 * looks whether somebody must be woken. A worker that wants to park first sets its bit in `idle`;
 * then it looks through every queue again. Both put a full fence between their two steps, so at
 * least one of them sees the other: either the worker finds the actor, or the pusher finds the bit.
 * A pusher takes a search credit first (one searcher is enough) and claims exactly one worker, by
 * clearing its bit; the credit is the claimed worker's then. If it finds no bit it gives the credit
 * back and looks again, since in between another pusher may have trusted that credit. A searcher
 * that finds work and was the last wakes another, and so does a worker whose look through the
 * queues found work, since pushers may have trusted its credit until then. A pinned actor is put
 * into its worker's home queue, and that worker's bit is claimed, with a credit of its own.
 * tests/models checks this protocol.
 *
 * Waking costs 12 to 24 us, so another worker is woken, and takes, for expected waiting time, not
 * for a message: when a queue is worth more than WORTH_WAKING_NS of work, or has not been empty for
 * BUSY_NS, or its worker has not looked at the clock for that long. The first two are looked at
 * with each push, or with each look at the clock while messages are short and pushes are blind;
 * that a worker is stuck the watchdog sees. While messages take less than it costs to pass one to
 * another processor, those that talk are quicker on one: then it does not count how long a queue
 * has not been empty, and newborn actors must be worth BUSY_NS. But a stack of them that lasts for
 * so long is that of a tree, which grows from the few that wait.
 */
#include "runtime/barrier.h"
#include "runtime/simulation.h"
#include "runtime/throttle.h"
#include "runtime/wake.h"
#include "runtime/worker.h"

enum {
	WORTH_WAKING_NS = 200 * 1000,
	BUSY_NS = 1000 * 1000,
	RING_MOST = 64, // runs from the ring in a row without a look at the other queues
};

// ---- when to wake another

// Anybody. Whether the ring of a worker holds so much that others should share it.
static bool is_worth_sharing(const struct worker *worker, uint64_t now_ns)
{
	uint64_t ring = ring_count(&worker->ring), newborns = newborns_count(&worker->newborns);
	uint64_t turn_ns = ck_pr_load_64(&worker->turn_ns);
	uint64_t since = ck_pr_load_64(&worker->busy_since_ns);

	if (newborns_are_many_to_be(&worker->newborns, now_ns) || ring * turn_ns > WORTH_WAKING_NS)
		return true;
	uint64_t worth_ns = ck_pr_load_8(&worker->messages_are_short) ? BUSY_NS : WORTH_WAKING_NS;
	return (ring + newborns) * turn_ns > worth_ns ||
	       (ring + newborns && since && now_ns > since + BUSY_NS);
}

bool is_worker_stuck(const struct worker *worker, uint64_t now_ns)
{
	return now_ns > ck_pr_load_64(&worker->now_ns) + BUSY_NS && !ck_pr_load_32(&worker->parked);
}

void maybe_wake_one(struct worker *worker)
{
	struct noh_runtime *runtime = worker->runtime;
	if (!worker->busy_since_ns && !worker->messages_are_short)
		ck_pr_store_64(&worker->busy_since_ns, worker->now_ns);
	if (runtime->worker_count > 1 && is_anybody_idle(runtime) &&
	    is_worth_sharing(worker, worker->now_ns))
		wake_one(runtime);
}

// ---- putting actors into queues

// For actors that no worker of this thread may run.
static void schedule_outside(struct noh_runtime *runtime, struct slot *slot)
{
	shared_queue_push(&runtime->inject, slot);
	wake_one(runtime);
}

static void overflow(struct worker *worker, struct slot *slot)
{
	// Half the ring goes with it, so that the next pushes have room.
	struct slot_list list = {0};
	for (int i = 0; i < RING_SIZE / 2; i++) {
		struct slot *moved = ring_take(&worker->ring);
		if (!moved)
			break;
		slot_list_push(&list, moved);
	}
	slot_list_push(&list, slot);
	shared_queue_append(&worker->runtime->inject, &list);
	maybe_wake_one(worker);

	// Who wakes more than the ring holds goes on after they have run. Else those who wait only
	// become more, and what they need is not in the cache any more when they run.
	worker->overflowed_by = worker->running;
	end_turn_soon(worker);
}

static void push_ring(struct worker *worker, struct slot *slot)
{
	if (__builtin_expect(!ring_push(&worker->ring, slot), 0)) {
		overflow(worker, slot);
		return;
	}
	if (!worker->wakes_blindly)
		maybe_wake_one(worker);
}

static void put_pinned_last(struct worker *worker)
{
	if (worker->home_next)
		slot_list_push(&worker->home_local, worker->home_next);
	worker->home_next = NULL;
}

void put_next_last(struct worker *worker)
{
	struct slot *slot = ring_take_next(&worker->ring);
	if (slot)
		push_ring(worker, slot);
	put_pinned_last(worker);
}

static void schedule_pinned(struct worker *worker, struct slot *slot)
{
	struct noh_runtime *runtime = slot_runtime(slot);
	struct worker *home = runtime->workers[slot->home];
	if (worker == home) {
		if (worker->home_next)
			worker->ring_runs = 0;
		put_pinned_last(worker);
		worker->home_next = slot;
		return;
	}
	shared_queue_push(&home->home, slot);
	wake_this(runtime, home->index);
}

void schedule(struct slot *slot)
{
	struct worker *worker = this_worker;
	// Who sends to an actor that is gone may read this while the next one moves in.
	struct noh_runtime *runtime = slot_runtime(slot);

	if (__builtin_expect(slot->kind != SLOT_ACTOR, 0)) {
		if (slot->kind == SLOT_THREAD)
			wake_thread(slot);
		return; // an inbox is read by its test
	}
	if (__builtin_expect(runtime->simulation != NULL, 0)) {
		simulation_add(runtime, slot);
		return;
	}
	if (__builtin_expect(!worker || worker->runtime != runtime, 0)) {
		// As soon as it is in a queue it may run, and be what its runtime waits for to end.
		noh_thread_enter(runtime);
		if (slot->home != ANY_WORKER)
			schedule_pinned(NULL, slot);
		else
			schedule_outside(runtime, slot);
		noh_thread_leave(runtime);
		return;
	}
	if (slot->home != ANY_WORKER) {
		schedule_pinned(worker, slot);
		return;
	}

	if (!ring_put_next(&worker->ring, slot))
		push_ring(worker, slot);
}

void schedule_child(struct worker *worker, struct slot *slot)
{
	newborns_push(&worker->newborns, slot, worker->running, worker->now_ns);
	if (!worker->wakes_blindly)
		maybe_wake_one(worker);
}

void schedule_newborn(struct slot *slot)
{
	struct worker *worker = this_worker;
	if (!worker || !slot_is_shared_in(slot, worker->runs_at_once)) {
		schedule(slot);
		return;
	}
	schedule_child(worker, slot);
}

void reschedule(struct worker *worker, struct slot *slot)
{
	worker->keeps_itself_busy = true;
	if (worker->runtime->simulation) {
		simulation_add(worker->runtime, slot);
	} else if (worker->throttle) {
		throttle_add(worker, slot);
	} else if (slot->home != ANY_WORKER) {
		slot_list_push(&worker->home_local, slot);
		worker->ring_runs = 0;
	} else if (worker->overflowed_by == slot) {
		worker->overflowed_by = NULL;
		slot->throttle_step = 0;
		shared_queue_push(&worker->runtime->inject, slot); // behind those
		maybe_wake_one(worker);
	} else {
		slot->throttle_step = 0;
		if (!newborns_keep_parent(&worker->newborns, slot))
			push_ring(worker, slot);
	}
}

// ---- finding work

// A share of the inject queue: one to run, the others into the ring.
static struct slot *take_injected(struct worker *worker)
{
	struct noh_runtime *runtime = worker->runtime;
	uint32_t waiting = shared_queue_count(&runtime->inject);
	if (!waiting)
		return NULL;

	uint32_t share = waiting / runtime->worker_count + 1;
	uint32_t room = RING_SIZE / 2 - (ring_count(&worker->ring) < RING_SIZE / 2
						 ? ring_count(&worker->ring)
						 : RING_SIZE / 2);
	if (share > room)
		share = room ? room : 1;

	pthread_mutex_lock(&runtime->inject.lock);
	struct slot *slot = slot_list_take(&runtime->inject.list);
	for (uint32_t i = 1; i < share && runtime->inject.list.first; i++) {
		struct slot *moved = slot_list_take(&runtime->inject.list);
		if (ring_push(&worker->ring, moved))
			continue;
		// A thief that was stopped in the middle keeps its stretch of the ring for a while.
		slot_list_put_back(&runtime->inject.list, moved);
		break;
	}
	pthread_mutex_unlock(&runtime->inject.lock);
	if (slot && ring_count(&worker->ring))
		maybe_wake_one(worker);
	return slot;
}

static struct slot *take_home(struct worker *worker)
{
	// By turns, since fibers that keep each other busy would keep those out that are woken from
	// elsewhere.
	struct slot *slot = worker->tick / 4 % 2 ? NULL : shared_queue_take(&worker->home);
	put_pinned_last(worker);
	if (!slot)
		slot = slot_list_take(&worker->home_local);
	return slot ? slot : shared_queue_take(&worker->home);
}

struct slot *take_waiting(struct worker *worker)
{
	struct slot *slot;
	if ((slot = newborns_take(&worker->newborns, worker->now_ns, true)) ||
	    (slot = ring_take(&worker->ring)))
		return slot;
	return newborns_take(&worker->newborns, worker->now_ns, false);
}

static bool is_home_waiting(struct worker *worker)
{
	return worker->home_local.first || shared_queue_count(&worker->home);
}

// Who comes before the ring: others by turns, and every fourth time nobody, so that none of those
// who are many and busy keep any others waiting for ever.
static struct slot *take_others(struct worker *worker)
{
	struct slot *slot;
	switch (++worker->tick % 4) {
	case 0: // what others left
		slot = take_injected(worker);
		return slot ? slot : take_home(worker);
	case 1: // what was held back
		return throttle_take(worker);
	case 2:
		slot = take_home(worker);
		return slot ? slot : take_injected(worker);
	default:
		return NULL;
	}
}

static struct slot *take_own(struct worker *worker)
{
	struct slot *slot;

	worker->ring_runs = 0;
	if ((slot = take_others(worker)))
		return slot;

	// Mostly nobody is next, or it is the others' time.
	if (!is_home_waiting(worker))
		worker->ring_runs = RING_MOST - 1;
	if ((slot = take_waiting(worker)))
		return slot;
	worker->ring_runs = 0;

	ck_pr_store_64(&worker->busy_since_ns, 0);
	if ((slot = ring_take_next(&worker->ring)) || (slot = take_home(worker)) ||
	    (slot = take_injected(worker)))
		return slot;
	return throttle_take(worker);
}

// Of a stuck worker: it takes the next slot between turns, and without an atomic operation if it
// sees nobody who wants it; thieves take it while a turn runs. After the barrier it will see them,
// or had looked before: then what it did before that is seen here, that its turn was over. (If it
// runs somebody again, the former next slot has been cleared before.) Checked in
// tests/models/next.pml.
struct slot *steal_next(struct worker *from)
{
	struct ring *ring = &from->ring;
	struct slot *slot = NULL;

	if (!ring_next(ring) || !ck_pr_load_ptr(&from->running))
		return NULL; // or the barrier would be for nothing
	uint32_t wanted = __atomic_fetch_add(&ring->next_wanted, 1,
					     __ATOMIC_SEQ_CST); // pairs with ring_take_next()
	if ((wanted & NEXT_ALWAYS_WANTED || barrier_everywhere()) &&
	    load_acquire((void *const *)&from->running)) { // pairs with set_running()
		// Pairs with ring_put_next().
		slot = (struct slot *)load_acquire(&ring->places[0]);
		if (slot && !swap_if(&ring->places[0], slot, NULL))
			slot = NULL;
	}
	__atomic_fetch_sub(&ring->next_wanted, 1, __ATOMIC_RELEASE); // pairs with ring_take_next()
	return slot;
}

static struct slot *steal(struct worker *worker)
{
	struct noh_runtime *runtime = worker->runtime;
	uint32_t count = runtime->worker_count,
		 start = (uint32_t)random_below(&worker->random, count);
	look_idly(worker);

	for (uint32_t i = 0; i < count; i++) {
		struct worker *from = runtime->workers[(start + i) % count];
		if (from == worker)
			continue;

		// A worker that is getting on with it will most likely run its next actor at once;
		// a stuck one's is taken.
		bool stuck = is_worker_stuck(from, worker->now_ns);
		bool worth = stuck || is_worth_sharing(from, worker->now_ns);
		struct slot *slot = worth ? ring_steal(&from->ring, &worker->ring) : NULL;
		if (!slot && worth)
			slot = newborns_steal(&from->newborns, &worker->ring, &runtime->inject);
		if (!slot && stuck)
			slot = steal_next(from);
		if (!slot && stuck)
			slot = shared_queue_take_unpinned(&from->home);
		if (!slot && stuck)
			slot = throttle_steal(from, worker->now_ns);
		if (slot) {
			worker->statistics.steals++;
			return slot;
		}
	}
	return take_injected(worker);
}

// Searching is a credit that at most half the workers hold.
static bool start_searching(struct worker *worker)
{
	struct noh_runtime *runtime = worker->runtime;
	if (worker->searching)
		return true;
	if (ck_pr_load_32(&runtime->searching) * 2 >= runtime->worker_count)
		return false;
	ck_pr_inc_32(&runtime->searching);
	worker->searching = true;
	return true;
}

bool stop_searching(struct worker *worker)
{
	worker->searching = false;
	return ck_pr_faa_32(&worker->runtime->searching, UINT32_MAX) == 1;
}

bool is_work_to_share(struct worker *worker)
{
	struct noh_runtime *runtime = worker->runtime;
	if (shared_queue_count(&runtime->inject))
		return true;
	for (uint32_t i = 0; i < runtime->worker_count; i++)
		if (is_worth_sharing(runtime->workers[i], worker->now_ns))
			return true;
	return ring_count(&worker->ring) || newborns_count(&worker->newborns);
}

struct slot *find_work(struct worker *worker)
{
	struct noh_runtime *runtime = worker->runtime;
	struct slot *slot = take_own(worker);

	if (!slot && runtime->worker_count > 1 && start_searching(worker))
		slot = steal(worker);
	if (!slot)
		return NULL;
	if (__builtin_expect(!worker->rescanned && !worker->searching, 1))
		return slot;

	// Pushers may have trusted in this search: what is left may be worth another. The search of
	// one that was about to park went on after it had given back its credit.
	bool look = worker->rescanned;
	worker->rescanned = false;
	if (worker->searching && stop_searching(worker))
		look = true;
	if (look && runtime->worker_count > 1) {
		ck_pr_fence_memory(); // pairs with wake_one(): the credit back before, the look
				      // after
		if (is_work_to_share(worker))
			wake_one(runtime);
	}
	return slot;
}
