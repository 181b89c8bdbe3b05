/*
 * The guardian and the root. When the root ends, the guardian shuts down whatever else lives, in
 * order; a deadline, kept by an alarm of its own, kills what has not ended by then, and says who
 * that was.
 */
#include "runtime/guardian.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <noh/noh.h>

#include "runtime/life.h"
#include "runtime/own_messages.h"

enum { AFTER_KILL_MS = 1000, NAMED_MOST = 8 };

// ---- the root: a fiber that calls the user's function

struct root {
	int (*function)(void *);
	void *argument;
};

static void run_root(void *state)
{
	struct root *root = (struct root *)state;
	if (!root->function)
		noh_fail("there is no function to run as the root");
	int status = root->function(root->argument);
	worker_here()->runtime->status = status < 0 || status > 125 ? 1 : status;
}

static const struct noh_actor_type root_actor_type = {
	.abi = NOH_ABI, .name = "root", .state_size = sizeof(struct root), .run = run_root};

int noh_wait_for_stop(void)
{
	struct worker *worker = worker_of_call("noh_wait_for_stop");
	struct noh_runtime *runtime = worker->runtime;

	ck_pr_store_64(&runtime->waiter, worker->self);
	ck_pr_fence_memory(); // pairs with guardian_stop_asked(): the waiter before, the look after
	while (!ck_pr_load_32(&runtime->stop_asked))
		noh_receive(-1, noh_stop_asked);
	return (int)ck_pr_load_32(&runtime->stop_asked) - 1;
}

void noh_shutdown(void)
{
	runtime_ask_to_stop(worker_of_call("noh_shutdown")->runtime, 0);
}

void runtime_ask_to_stop(struct noh_runtime *runtime, int signal_number)
{
	// Pairs with guardian_start(): the word before, the look at the guardian after.
	if (swap_if_32(&runtime->stop_asked, 0, (uint32_t)signal_number + 1)) {
		ck_pr_fence_memory();
		post_control(load_acquire_64(&runtime->guardian), CONTROL_STOP_ASKED, 0, NULL, 0);
	}
}

void guardian_root_ends(struct noh_runtime *runtime)
{
	post_control(runtime->guardian, CONTROL_STOP_ASKED, 0, NULL, 0);
}

// ---- the guardian

// Who lives in a slot of this runtime. Read while it may run: only what does not change as long as
// it lives, or is as good as before; of one that just ends it may be out of date.
static const struct noh_actor_type *tenant(const struct noh_runtime *runtime, uint32_t index)
{
	const struct slot *slot = &slot_table[index];
	if (slot_runtime(slot) != runtime)
		return NULL;
	const struct noh_actor_type *type =
		(const struct noh_actor_type *)ck_pr_load_ptr(&slot->type);
	return type != &guardian_actor_type ? type : NULL;
}

// Names those who keep the others waiting: the living without living children.
static void name_the_living(struct noh_runtime *runtime)
{
	uint32_t end = load_acquire_32(&slot_table_end), named = 0; // pairs with the table's growth
	bool *is_parent = (bool *)must_allocate_zeroed(end);

	for (uint32_t i = 1; i < end; i++)
		if (tenant(runtime, i))
			is_parent[handle_index(ck_pr_load_64(&slot_table[i].parent))] = true;
	for (uint32_t i = 1; i < end; i++) {
		const struct noh_actor_type *type = tenant(runtime, i);
		if (type && !is_parent[i] && named++ < NAMED_MOST)
			runtime_log(runtime, NOH_ERROR, "%s@%u has not ended in time", type->name,
				    i);
	}
	if (named > NAMED_MOST)
		runtime_log(runtime, NOH_ERROR, "and %u more have not ended in time",
			    named - NAMED_MOST);
	free(is_parent);
}

// They have ended already, or cannot before they return.
static void name_the_running(struct noh_runtime *runtime)
{
	for (uint32_t i = 0; i < runtime->worker_count; i++) {
		struct worker *worker = runtime->workers[i];
		struct slot *slot = (struct slot *)ck_pr_load_ptr(&worker->running);
		if (!slot || worker == worker_here())
			continue;
		const struct noh_actor_type *type =
			(const struct noh_actor_type *)ck_pr_load_ptr(&slot->type);
		runtime_log(runtime, NOH_ERROR, "%s@%u has not returned from a handler",
			    type ? type->name : "?", slot_index(slot));
	}
}

static void guardian_receive(void *state, uint32_t id, const void *body,
			     const struct noh_delivery *answer)
{
	(void)state;
	(void)id;
	(void)body;
	(void)answer;
	noh_not_understood();
}

const struct noh_actor_type guardian_actor_type = {
	.abi = NOH_ABI, .name = "guardian", .state_size = 0, .receive = guardian_receive};

static void start_deadline(struct worker *worker, int64_t ms)
{
	struct noh_runtime *runtime = worker->runtime;
	runtime->seams->time->set(clock_after_ms(runtime_now_ns(runtime), ms), &noh_alarm_message);
}

static void shut_down(struct worker *worker)
{
	struct noh_runtime *runtime = worker->runtime;
	if (runtime->deadline_phase)
		return;
	runtime->deadline_phase = 1;
	runtime->ends_since_ns = runtime_now_ns(runtime);
	start_deadline(worker, runtime->shutdown_ms);
}

bool guardian_alarm(struct worker *worker, struct slot *slot)
{
	struct noh_runtime *runtime = worker->runtime;
	if (slot->type != &guardian_actor_type)
		return false;

	name_the_living(runtime);
	name_the_running(runtime);
	runtime->status = 1;
	if (runtime->deadline_phase++ == 1) {
		post_ending(runtime->guardian, ENDING_TREE);
		start_deadline(worker, AFTER_KILL_MS);
	} else {
		// Somebody does not return from a handler: no thread can be ended in order any
		// more.
		runtime_log(runtime, NOH_ERROR, "gives up: a handler does not return");
		_exit(1);
	}
	return true;
}

void guardian_stop_asked(struct worker *worker, struct slot *slot)
{
	struct noh_runtime *runtime = worker->runtime;
	(void)slot;

	shut_down(worker);
	if (!ck_pr_load_32(&runtime->stop_asked))
		return;       // the root ends by itself
	ck_pr_fence_memory(); // pairs with noh_wait_for_stop()
	uint64_t waiter = ck_pr_load_64(&runtime->waiter);
	if (waiter)
		deliver(waiter, 0, &noh_stop_asked_message, &(struct noh_stop_asked){}, NULL);
	if (waiter != runtime->root)
		post_ending(runtime->root, ENDING_SHUTDOWN);
}

void guardian_child_ended(struct worker *worker, struct slot *slot, uint64_t child,
			  const struct child_ended *ended)
{
	struct noh_runtime *runtime = worker->runtime;
	(void)slot;

	// The others are logged where they failed; nobody depends on them.
	if (ended->in_limbo)
		post_control(child, CONTROL_LET_GO, 0, NULL, 0);
	if (child != runtime->root)
		return;
	if (ended->why == NOH_WHY_FAILED || ended->why == NOH_WHY_KILLED)
		runtime->status = 1;
	shut_down(worker);
	post_ending(runtime->guardian, ENDING_SHUTDOWN);
}

void guardian_gone(struct noh_runtime *runtime)
{
	ck_pr_store_32(&runtime->ended, 1);
	wake_everybody(runtime);
}

void guardian_start(struct noh_runtime *runtime, int (*function)(void *), void *argument)
{
	struct root root = {function, argument};

	// The root lives on worker 0, whose thread this is: it cannot end before its handle is
	// known.
	uint64_t guardian = spawn_in(runtime, &guardian_actor_type, &root, NULL, 0, ANY_WORKER).id;
	uint64_t handle = spawn_in(runtime, &root_actor_type, &root, NULL, guardian, 0).id;
	runtime->root = handle;
	store_release_64(&runtime->guardian, guardian); // pairs with runtime_ask_to_stop()

	// Somebody may have asked before there was a guardian to be told.
	ck_pr_fence_memory(); // pairs with runtime_ask_to_stop()
	if (ck_pr_load_32(&runtime->stop_asked))
		post_control(guardian, CONTROL_STOP_ASKED, 0, NULL, 0);
}
