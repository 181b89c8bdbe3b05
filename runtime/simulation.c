/* The simulated runtime's choices, and the calls by which a test steps it. */
#include "runtime/simulation.h"

#include <stdlib.h>

#include <noh/test.h>

#include "runtime/fibers.h"
#include "runtime/post.h"

void simulation_init(struct simulation *simulation, uint64_t seed)
{
	*simulation = (struct simulation){.seed = seed};
	// Not at zero, so that a time before the start can be told from none.
	clock_virtual_init(&simulation->clock, 1000000000);
	random_init(&simulation->random, seed);
}

void simulation_finish(struct simulation *simulation)
{
	free(simulation->runnable);
}

void simulation_add(struct simulation *simulation, struct slot *slot)
{
	if (simulation->count == simulation->room) {
		simulation->room = simulation->room ? 2 * simulation->room : 64;
		simulation->runnable = must_reallocate(
			simulation->runnable, simulation->room * sizeof(*simulation->runnable));
	}
	simulation->runnable[simulation->count++] = slot;
}

struct slot *simulation_draw(struct simulation *simulation)
{
	if (!simulation->count)
		return NULL;
	uint32_t drawn = (uint32_t)random_below(&simulation->random, simulation->count);
	struct slot *slot = simulation->runnable[drawn];
	simulation->runnable[drawn] = simulation->runnable[--simulation->count];
	return slot;
}

static void poll(struct worker *worker)
{
	struct reactor *reactor = worker->reactor;
	reactor_hold(reactor);
	reactor->ops->poll(reactor, 0, RING_SIZE);
	reactor_release(reactor);
	worker->now_ns = runtime_now_ns(worker->runtime);
}

void simulation_idle(struct worker *worker)
{
	struct noh_runtime *runtime = worker->runtime;
	struct simulation *simulation = runtime->simulation;

	poll(worker);
	if (simulation->count || runtime->ended)
		return;
	if (simulation->root_settles) {
		simulation->root_settles = false;
		post_control(runtime->root, CONTROL_WAKE, 0, NULL, 0);
		return;
	}

	uint64_t deadline_ns = worker->reactor->ops->next_deadline(worker->reactor);
	if (deadline_ns != UINT64_MAX) {
		clock_virtual_advance_to(&simulation->clock, deadline_ns);
		poll(worker);
		return;
	}
	if (runtime->deadline_phase > 1)
		abort(); // it was said already, and killing them all has not ended it
	runtime->deadline_phase = 2;
	runtime_log(runtime, NOH_ERROR,
		    "nothing can happen any more: everybody waits, no timer runs");
	runtime->status = 1;
	post_ending(runtime->guardian, ENDING_TREE);
}

static struct simulation *simulation_here(const char *call)
{
	struct simulation *simulation = worker_of_call(call)->runtime->simulation;
	if (!simulation)
		noh_fail("%s is for noh_simulate() alone", call);
	return simulation;
}

void noh_test_settle(void)
{
	simulation_here("noh_test_settle")->root_settles = true;
	fiber_wait_for_wake();
}

void noh_test_advance(int64_t ms)
{
	struct simulation *simulation = simulation_here("noh_test_advance");
	struct worker *worker = worker_here();
	uint64_t until_ns = simulation->clock.at_ns + (ms > 0 ? (uint64_t)ms * 1000000 : 0);

	noh_test_settle();
	for (;;) {
		uint64_t deadline_ns = worker->reactor->ops->next_deadline(worker->reactor);
		if (deadline_ns > until_ns)
			break;
		clock_virtual_advance_to(&simulation->clock, deadline_ns);
		poll(worker);
		noh_test_settle();
	}
	clock_virtual_advance_to(&simulation->clock, until_ns);
	noh_test_settle();
}
