/* The simulated runtime's choices, and the calls by which a test steps it. */
#include "runtime/simulation.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/fibers.h"
#include "runtime/post.h"

enum {
	HELD_MOST = 256, // at once, so that looking through them stays cheap
	A_LOOK_NS = 10000
};

struct held {
	uint64_t until_ns;
	struct slot *slot;
};

void simulation_init(struct simulation *simulation, const struct noh_simulation *options)
{
	*simulation = (struct simulation){.options = *options};
	// Not at zero, so that a time before the start can be told from none.
	clock_virtual_init(&simulation->clock, 1000000000);
	// What actors draw comes from the seed itself.
	struct random seeds;
	random_init(&seeds, ~options->seed);
	random_init(&simulation->random, random_next(&seeds));
	random_init(&simulation->chaos, random_next(&seeds));
}

void simulation_finish(struct simulation *simulation)
{
	free(simulation->runnable);
	free(simulation->held);
	history_finish(&simulation->history);
}

static bool one_in(struct simulation *simulation, uint32_t times)
{
	return times && !random_below(&simulation->chaos, times);
}

// The program is over, or its root has had enough.
static bool is_calm(const struct noh_runtime *runtime)
{
	return runtime->simulation->calm || runtime->deadline_phase || runtime->ended;
}

// The root, by whom a test steps, and the guardian, which is no part of the program.
static bool is_exempt(const struct noh_runtime *runtime, const struct slot *slot)
{
	uint64_t handle = slot_handle(slot);
	return !runtime->root || handle == runtime->root || handle == runtime->guardian;
}

// ---- who can run

static void make_runnable(struct simulation *simulation, struct slot *slot)
{
	if (simulation->count == simulation->room) {
		simulation->room = simulation->room ? 2 * simulation->room : 64;
		simulation->runnable = must_reallocate(
			simulation->runnable, simulation->room * sizeof(*simulation->runnable));
	}
	simulation->runnable[simulation->count++] = slot;
}

// ---- holding back

static void hold(struct simulation *simulation, struct slot *slot)
{
	uint64_t most_ns = (uint64_t)simulation->options.delay_most_ms * 1000000;
	if (!simulation->held) {
		simulation->held_room = HELD_MOST;
		simulation->held = must_allocate(HELD_MOST * sizeof(*simulation->held));
	}
	simulation->held[simulation->held_count++] = (struct held){
		.until_ns = simulation->clock.at_ns + 1 + random_below(&simulation->chaos, most_ns),
		.slot = slot};
	simulation->delays++;
}

void simulation_add(struct noh_runtime *runtime, struct slot *slot)
{
	struct simulation *simulation = runtime->simulation;
	if (simulation->options.delay_one_in && !is_calm(runtime) &&
	    simulation->held_count < HELD_MOST && !is_exempt(runtime, slot) &&
	    one_in(simulation, simulation->options.delay_one_in))
		hold(simulation, slot);
	else
		make_runnable(simulation, slot);
}

// Those whose time has come, or all.
static void release_held(struct simulation *simulation, bool all)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < simulation->held_count; i++) {
		struct held *held = &simulation->held[i];
		if (all || held->until_ns <= simulation->clock.at_ns)
			make_runnable(simulation, held->slot);
		else
			simulation->held[count++] = *held;
	}
	simulation->held_count = count;
}

// ---- killing

// Whether the word is one of those in a list that spaces part.
static bool is_listed(const char *list, const char *word)
{
	size_t length = strlen(word);
	for (const char *at = list; length && (at = strstr(at, word)); at += length)
		if ((at == list || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
			return true;
	return false;
}

static bool is_named(const char *list, const struct slot *slot)
{
	const struct rare *rare = rare_if_any(slot);
	const char *name = rare && rare->name ? rare->name : "";
	const char *type = slot->type->name ? slot->type->name : "";
	return list && (is_listed(list, type) || is_listed(list, name));
}

static bool is_of_library(const struct noh_actor_type *type)
{
	return type->name && (!strncmp(type->name, "noh_", 4) || !strcmp(type->name, "supervisor"));
}

static bool may_be_killed(const struct noh_runtime *runtime, struct slot *slot)
{
	const struct noh_simulation *options = &runtime->simulation->options;
	if (slot_state(slot) != SLOT_ALIVE || is_ending_asked(slot) || is_exempt(runtime, slot) ||
	    is_named(options->spare, slot))
		return false;
	return options->kill ? is_named(options->kill, slot) : !is_of_library(slot->type);
}

static void kill_somebody(struct noh_runtime *runtime)
{
	struct simulation *simulation = runtime->simulation;
	struct history *history = &simulation->history;
	uint64_t drawn = 0, candidates = 0;

	history_forget_the_dead(history);
	for (uint32_t i = 0; i < history->born_count; i++) {
		struct slot *slot = slot_if_alive(history->born[i]);
		if (may_be_killed(runtime, slot) && !random_below(&simulation->chaos, ++candidates))
			drawn = history->born[i];
	}
	if (!drawn)
		return;
	simulation->kills++;
	post_ending(drawn, ENDING_KILL);
}

// ---- looking again and again

static void poll(struct worker *worker)
{
	struct reactor *reactor = worker->reactor;
	reactor_hold(reactor);
	reactor->ops->poll(reactor, 0, RING_SIZE);
	reactor_release(reactor);
	look_idly(worker);
	release_held(worker->runtime->simulation, false);
}

// They wait for what others do, or the network, or time, and look for it when they run.
static bool all_only_look(const struct simulation *simulation)
{
	for (uint32_t i = 0; i < simulation->count; i++)
		if (!fiber_only_looks(simulation->runnable[i]))
			return false;
	return simulation->count;
}

// Else nothing would come to pass any more but their looks.
static void pass_time(struct worker *worker)
{
	clock_virtual_advance(&worker->runtime->simulation->clock, A_LOOK_NS);
	poll(worker);
}

// ---- turns

static void give_up(struct noh_runtime *runtime, const char *why)
{
	runtime->deadline_phase = 2;
	runtime_log(runtime, NOH_ERROR, "%s", why);
	runtime->status = 1;
	post_ending(runtime->guardian, ENDING_TREE);
}

struct slot *simulation_draw(struct worker *worker)
{
	struct noh_runtime *runtime = worker->runtime;
	struct simulation *simulation = runtime->simulation;
	const struct noh_simulation *options = &simulation->options;

	if (is_calm(runtime)) {
		if (simulation->held_count)
			release_held(simulation, true);
	} else if (simulation->count && options->kill_one_in &&
		   (!options->kills_most || simulation->kills < options->kills_most) &&
		   one_in(simulation, options->kill_one_in)) {
		kill_somebody(runtime);
	}
	if (all_only_look(simulation))
		pass_time(worker);
	if (!simulation->count)
		return NULL;
	if (++simulation->turns == options->turns_most && runtime->deadline_phase < 2)
		give_up(runtime, "still busy after the most turns that it may have");

	uint32_t drawn = (uint32_t)random_below(&simulation->random, simulation->count);
	struct slot *slot = simulation->runnable[drawn];
	simulation->runnable[drawn] = simulation->runnable[--simulation->count];
	if (options->turn_most) {
		set_budget(worker,
			   1 + (int32_t)random_below(&simulation->random, options->turn_most));
		worker->longer_turn = worker->statistics.turns + 1; // it does not become longer
	}
	history_meet(&simulation->history, slot);
	return slot;
}

void simulation_note(struct worker *worker, const struct slot *slot,
		     const struct envelope *envelope)
{
	struct simulation *simulation = worker->runtime->simulation;
	history_note(&simulation->history, simulation->clock.at_ns, slot, envelope);
}

// ---- time

// When something happens by itself; UINT64_MAX: never.
static uint64_t next_event_ns(struct worker *worker)
{
	const struct simulation *simulation = worker->runtime->simulation;
	uint64_t next_ns = worker->reactor->ops->next_deadline(worker->reactor);

	for (uint32_t i = 0; i < simulation->held_count; i++)
		if (simulation->held[i].until_ns < next_ns)
			next_ns = simulation->held[i].until_ns;
	return next_ns;
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

	uint64_t next_ns = next_event_ns(worker);
	if (next_ns != UINT64_MAX) {
		clock_virtual_advance_to(&simulation->clock, next_ns);
		poll(worker);
		return;
	}
	if (runtime->deadline_phase > 1)
		abort(); // it was said already, and killing them all has not ended it
	give_up(runtime, "nothing can happen any more: everybody waits, no timer runs");
}

static struct simulation *simulation_here(const char *call)
{
	struct simulation *simulation = worker_of_call(call)->runtime->simulation;
	if (!simulation)
		noh_fail("%s is for noh_simulate() alone", call);
	return simulation;
}

uint64_t noh_number(noh_actor who)
{
	struct worker *worker = worker_here();
	struct simulation *simulation = worker ? worker->runtime->simulation : NULL;
	return simulation ? history_number(&simulation->history, who.id) : who.id;
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
		uint64_t next_ns = next_event_ns(worker);
		if (next_ns > until_ns)
			break;
		clock_virtual_advance_to(&simulation->clock, next_ns);
		poll(worker);
		noh_test_settle();
	}
	clock_virtual_advance_to(&simulation->clock, until_ns);
	noh_test_settle();
}

void noh_test_calm(void)
{
	struct simulation *simulation = simulation_here("noh_test_calm");
	simulation->calm = true;
	release_held(simulation, true);
}
