/* The worker's life: own work, stolen work, park; and coming back from a failing handler. */
#include "runtime/worker.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/barrier.h"
#include "runtime/overflow.h"
#include "runtime/simulation.h"
#include "runtime/trace.h"

enum {
	POLL_EVERY_NS = 50 * 1000,   // of the reactor, between turns, while actors have mail left
	POLL_SELDOM_NS = 150 * 1000, // while none has
	FIRST_QUANTUM = 16,
};

_Thread_local struct worker *this_worker, *this_sender;

__attribute__((noinline)) struct worker *worker_here(void)
{
	__asm__ volatile(""); // not pure: the thread may have changed
	return this_worker;
}

struct worker *worker_of_call(const char *call)
{
	struct worker *worker = worker_here();
	if (__builtin_expect(!worker || !worker->running, 0))
		outside(call);
	return worker;
}

// Leaves, which no wait can split in two, may read the variable themselves.

noh_actor noh_self(void)
{
	struct worker *worker = this_worker;
	return (noh_actor){worker ? worker->self : 0};
}

noh_actor noh_sender(void)
{
	struct worker *worker = this_worker;
	if (!worker || !worker->hand)
		return NOH_NOBODY;
	return (noh_actor){worker->hand->sender};
}

noh_actor noh_parent(void)
{
	struct worker *worker = this_worker;
	uint64_t parent = worker && worker->running ? worker->running->parent : 0;
	// That everybody descends from the guardian is nobody's to know.
	return (noh_actor){worker && parent == worker->runtime->guardian ? 0 : parent};
}

struct noh_runtime *noh_runtime(void)
{
	struct worker *worker = this_worker;
	return worker ? worker->runtime : NULL;
}

uint64_t noh_random(void)
{
	return random_next(&worker_of_call("noh_random")->random);
}

uint32_t noh_workers(void)
{
	return worker_of_call("noh_workers")->runtime->worker_count;
}

int worker_create(struct noh_runtime *runtime, uint32_t index, struct worker **ret_worker)
{
	struct worker *worker = NULL;
	if (posix_memalign((void **)&worker, 2 * CACHE_LINE, sizeof(*worker)))
		abort();
	memset(worker, 0, sizeof(*worker));
	worker->runtime = runtime;
	worker->index = index;
	worker->slots.depot = &runtime->slots;
	ring_look_for_room(&worker->ring);
	if (runtime->worker_count > 1 && !barrier_prepare())
		worker->ring.next_wanted = NEXT_ALWAYS_WANTED;
	worker->quantum = worker->credit = worker->credit_before = FIRST_QUANTUM;
	set_budget(worker, runtime->budget);
	worker->runs_at_once = runtime->simulation ? NULL : runtime;
	worker->wakes_blindly = runtime->worker_count == 1 ? worker->runs_at_once : NULL;
	worker->born_with = runtime->simulation ? SLOT_NOTED : 0;
	pthread_mutex_init(&worker->home.lock, NULL);
	pthread_mutex_init(&worker->throttled.lock, NULL);
	newborns_init(&worker->newborns);
	random_init(&worker->random, runtime->seed + index);
	stack_caches_init(&worker->stacks, &runtime->stacks);
	int err = runtime->seams->reactor_create(worker, &worker->reactor);
	if (err) {
		free(worker);
		return err;
	}
	*ret_worker = worker;
	return 0;
}

void worker_destroy(struct worker *worker)
{
	if (!worker)
		return;
	worker->reactor->ops->destroy(worker->reactor);
	stack_caches_finish(&worker->stacks);
	slot_flush(&worker->slots);
	scratch_finish(&worker->scratch);
	pthread_mutex_destroy(&worker->home.lock);
	pthread_mutex_destroy(&worker->throttled.lock);
	newborns_finish(&worker->newborns);
	free(worker);
}

void reactor_hold_contended(struct reactor *reactor)
{
	// Only ever held for the time of a poll that does not wait.
	for (int i = 0; !reactor_try_hold(reactor); i++) {
		if (i < 64)
			ck_pr_stall();
		else
			sched_yield();
	}
}

/* Each look at the network costs a system call, whatever it finds. Where all that waits was caused
 * by the last one, nobody gains from another so soon: what it brings would only wait behind that.
 * Actors that keep the worker busy by themselves must not shut the network out. */
static bool is_poll_due(const struct worker *worker)
{
	uint64_t passed_ns = worker->now_ns - ck_pr_load_64(&worker->reactor->polled_ns);
	return passed_ns >= (worker->keeps_itself_busy ? POLL_EVERY_NS : POLL_SELDOM_NS);
}

static void poll_now_and_then(struct worker *worker)
{
	struct reactor *reactor = worker->reactor;
	uint32_t waiting = ring_count(&worker->ring);

	if (!is_poll_due(worker) || !reactor_try_hold(reactor))
		return;
	ck_pr_store_64(&reactor->polled_ns, worker->now_ns);
	worker->statistics.polls++;
	reactor->ops->poll(reactor, 0, waiting < RING_SIZE ? RING_SIZE - waiting : 0);
	reactor_release(reactor);
}

static void run_simulated(struct worker *worker)
{
	for (;;) {
		if (worker->credit <= 0)
			look_at_clock(worker);
		struct slot *slot = simulation_draw(worker);
		if (slot)
			turn(worker, slot); // also after the end: its mail is dead letters by then
		else if (worker->runtime->ended)
			return;
		else
			simulation_idle(worker);
	}
}

static void run_real(struct worker *worker)
{
	// A handler that fails leads back to here: then the others come first, or many that fail
	// one after the other would keep them waiting.
	bool has_looked = false;
	for (;;) {
		struct slot *slot;
		if (worker->credit <= 0) {
			// Who is next still has its turn before those who wait, or a producer would
			// run ahead of its consumer; but those who talk on go behind them. (After a
			// search nobody runs before it is settled.)
			if (has_looked && !worker->searching && !worker->rescanned &&
			    (slot = take_next(worker)))
				turn(worker, slot);
			has_looked = true;
			put_next_last(worker);
			look_at_clock(worker);
			poll_now_and_then(worker);
		}
		slot = find_work(worker);
		if (slot)
			turn(worker, slot);
		else if (ck_pr_load_32(&worker->runtime->ended))
			return;
		else
			park(worker);
	}
}

void worker_run(struct worker *worker)
{
	this_worker = worker;
	this_sender = trace_on ? NULL : worker;
	overflow_watch_thread(&worker->self);
	look_idly(worker);

	// Once for the whole life: a failing handler comes back here, and the turn that it was in
	// goes on.
	if (_setjmp(worker->failed))
		turn_resume_after_failure(this_worker);
	worker = this_worker;
	if (worker->runtime->simulation)
		run_simulated(worker);
	else
		run_real(worker);
	overflow_watch_thread(NULL);
	this_worker = this_sender = NULL;
}
