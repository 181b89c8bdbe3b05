/*
 * Fibers: a fiber runs on its own stack, within the turn of its slot, and switches back to the
 * worker's loop to wait. All mail is looked at by the turn, on the worker's stack: the fiber says
 * what it waits for, the turn resumes it when that has come. Mail that it does not want is saved,
 * in order, and looked at first by its next wait.
 *
 * What a fiber was lent since its last noh_receive() is held in a list of envelopes, and given back
 * by the next one.
 */
#include "runtime/fibers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

#include "runtime/asks.h"
#include "runtime/deadlock.h"
#include "runtime/gather.h"
#include "runtime/life.h"
#include "runtime/links.h"
#include "runtime/marks.h"
#include "runtime/own_messages.h"
#include "runtime/saved.h"
#include "runtime/shared.h"
#include "runtime/turn.h"
#include "runtime/watches.h"

enum fiber_state {
	FIBER_RUNS,
	FIBER_RECEIVES,
	FIBER_ASKS,
	FIBER_SLEEPS,
	FIBER_YIELDS,
	FIBER_RETURNED,
	FIBER_FAILED
};

struct fiber {
	struct context context;
	struct fiber_stack *stack;
	struct slot *slot;
	enum fiber_state state;
	bool has_thrown; // in C++: how it failed is in the worker

	// What it waits for.
	const struct noh_message_type *const *types; // a list that ends with NULL; empty: any
	struct gather *gather;
	uint64_t deadline_ns; // UINT64_MAX: none
	bool only_looks;

	// What it got.
	const struct noh_delivery *got; // NULL: time is up
	struct noh_delivery delivery;
	const char *problem; // what was said beside the error of the last ask

	// What it was lent.
	struct envelope *hand; // the message received last
	struct envelope *lent; // all, newest first, through `next`
	struct scratch scratch;
};

// ---- switching

_Noreturn void fiber_fail(struct worker *worker)
{
	struct fiber *fiber = worker->fiber;
	scratch_undo(&fiber->scratch);
	fiber->state = FIBER_FAILED;
	context_switch(&fiber->context, &worker->loop);
	abort(); // nobody resumes it
}

void fiber_note_thrown(struct worker *worker)
{
	worker->fiber->has_thrown = true;
}

static void run_fiber(void *argument)
{
	struct fiber *fiber = (struct fiber *)argument;

	fiber->slot->type->run(fiber->slot->state);
	if (fiber->has_thrown)
		fiber_fail(worker_here());
	scratch_undo(&fiber->scratch);
	fiber->state = FIBER_RETURNED;
	context_leave(&fiber->context, &worker_here()->loop);
}

static void resume(struct worker *worker, struct slot *slot)
{
	struct fiber *fiber = slot->extras->fiber;

	fiber->state = FIBER_RUNS;
	fiber->deadline_ns = UINT64_MAX;
	fiber->only_looks = false;
	worker->fiber = fiber;
	worker->hand = fiber->hand;
	context_switch(&worker->loop, &fiber->context);
	worker->fiber = NULL;

	if (fiber->state == FIBER_FAILED)
		turn_fail(worker, slot, worker->failure);
	else if (worker->end_asked)
		turn_end_as_asked(worker, slot);
	else if (fiber->state == FIBER_RETURNED)
		life_end(worker, slot, NOH_WHY_NORMAL, 0, NULL);
	worker->hand = NULL;
}

// On the fiber's stack: goes back to the worker's loop until something resumes it.
static void wait(struct fiber *fiber, enum fiber_state state)
{
	struct worker *worker = worker_here();
	fiber->state = state;
	context_switch(&fiber->context, &worker->loop);
}

// ---- beginning and end

void fiber_create(struct worker *worker, struct slot *slot)
{
	struct fiber *fiber = must_allocate_zeroed(sizeof(*fiber));
	fiber->slot = slot;
	fiber->deadline_ns = UINT64_MAX;
	extras_of(slot)->fiber = fiber;
	if (stack_cache_take(&worker->stacks, worker->self, &fiber->stack)) {
		turn_fail(worker, slot, stack_shortage());
		return;
	}

	// From here on it stays with this thread, whose thread-locals its frames may hold addresses
	// of.
	slot->home = (int16_t)worker->index;
	context_init(&fiber->context, fiber->stack->low, fiber->stack->size, run_fiber, fiber);
	resume(worker, slot);
}

static void give_back_lent(struct fiber *fiber)
{
	struct envelope *envelope;

	if (fiber->hand && post_kind(fiber->hand) == POST_MESSAGE && fiber->hand->ask)
		post_answer_error(fiber->hand->sender, fiber->hand->ask, -ENODATA,
				  "received without an answer");
	fiber->hand = NULL;
	while ((envelope = fiber->lent)) {
		fiber->lent = envelope->next;
		envelope_release(envelope);
		envelope_free(envelope);
	}
	if (fiber->scratch.used)
		scratch_clear(&fiber->scratch);
}

void fiber_destroy(struct worker *worker, struct slot *slot)
{
	struct fiber *fiber = slot->extras->fiber;
	if (!fiber)
		return;

	scratch_undo(&fiber->scratch);
	if (fiber->stack) {
		if (fiber->state != FIBER_RETURNED)
			context_abandon(&fiber->context);
		stack_cache_give(&worker->stacks, fiber->stack);
	}
	if (fiber->hand && post_kind(fiber->hand) == POST_MESSAGE && fiber->hand->ask) {
		post_answer_error(fiber->hand->sender, fiber->hand->ask, -ECONNRESET,
				  "ended before it answered");
		fiber->hand->ask = 0;
	}
	give_back_lent(fiber);
	scratch_finish(&fiber->scratch);
	free(fiber);
	slot->extras->fiber = NULL;
}

void fiber_stop_asked(struct worker *worker, struct slot *slot)
{
	if (slot_state(slot) == SLOT_ALIVE)
		life_end(worker, slot, NOH_WHY_NORMAL, 0, NULL);
}

// ---- what has come

static bool is_wanted(const struct envelope *envelope, const void *argument)
{
	const struct fiber *fiber = (const struct fiber *)argument;
	if (post_kind(envelope) == POST_ANSWER)
		return false;
	if (!fiber->types[0])
		return true;
	for (const struct noh_message_type *const *type = fiber->types; *type; type++)
		if (noh_message_id(*type) == post_id(envelope))
			return true;
	return false;
}

// Looked at when the fiber gets it, however long it was saved: a timer may have been cancelled, a
// connection closed, a monitor ended.
static bool is_still_valid(struct fiber *fiber, struct envelope *envelope)
{
	if (envelope->type & POST_MARKS)
		return marks_take(fiber->slot->runtime, fiber->slot, envelope);
	if (post_kind(envelope) == POST_DOWN)
		return watches_take(fiber->slot, envelope->ask);
	if (post_kind(envelope) == POST_SHARED)
		return shared_is_wanted(envelope);
	if (post_kind(envelope) == POST_EXIT)
		return exit_take(fiber->slot, envelope);
	if (post_kind(envelope) != POST_GATED || !envelope->ask)
		return true;
	struct gate *gate = (struct gate *)(uintptr_t)envelope->ask;
	return gate->ops->admit(gate, envelope->body);
}

// False: it is not valid any more, and gone.
static bool lend(struct fiber *fiber, struct envelope *envelope)
{
	if (!is_still_valid(fiber, envelope)) {
		envelope_release(envelope);
		envelope_free(envelope);
		return false;
	}
	envelope->next = fiber->lent;
	fiber->lent = envelope;
	return true;
}

static const struct noh_delivery *receive_envelope(struct fiber *fiber, struct envelope *envelope)
{
	uint32_t id = post_id(envelope);
	fiber->hand = envelope;
	fiber->delivery = (struct noh_delivery){
		.id = id, .type = &message_info(id)->type, .body = envelope->body};
	return &fiber->delivery;
}

static void take_answer(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	struct fiber *fiber = slot->extras->fiber;
	struct noh_outcome outcome;
	struct noh_delivery in;

	if (!asks_take_answer(worker, slot, envelope, &outcome, &in)) {
		asks_count_late(worker);
		envelope_release(envelope);
		return;
	}
	envelope = saved_detach(slot, envelope);
	lend(fiber, envelope);
	if (gather_take(slot, fiber->gather, outcome.tag, outcome.err, outcome.text,
			in.body ? envelope->body : NULL))
		resume(worker, slot);
}

void fiber_offer(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	struct fiber *fiber = slot->extras->fiber;

	if (post_kind(envelope) == POST_ANSWER) {
		take_answer(worker, slot, envelope);
		return;
	}
	if (post_id(envelope) == noh_message_id(&noh_alarm_message)) {
		struct gate *gate = (struct gate *)(uintptr_t)envelope->ask;
		bool rings = !gate || gate->ops->admit(gate, envelope->body);
		envelope_release(envelope);
		if (rings)
			asks_alarm(worker, slot);
		return;
	}

	worker->statistics.messages++;
	envelope = saved_detach(slot, envelope);
	if (fiber->state != FIBER_RECEIVES || !is_wanted(envelope, fiber)) {
		saved_add(slot, envelope);
		if (fiber->state == FIBER_ASKS && envelope->type & POST_WAITED)
			deadlock_look(worker, slot);
		return;
	}
	if (lend(fiber, envelope)) {
		fiber->got = receive_envelope(fiber, envelope);
		resume(worker, slot);
	}
}

struct gather *fiber_gathers(const struct slot *slot)
{
	const struct fiber *fiber = slot->extras ? slot->extras->fiber : NULL;
	return fiber && slot_state(slot) == SLOT_ALIVE && fiber->state == FIBER_ASKS ? fiber->gather
										     : NULL;
}

struct envelope *fiber_hand(const struct slot *slot)
{
	return slot->extras->fiber->hand;
}

bool fiber_only_looks(const struct slot *slot)
{
	const struct fiber *fiber = slot->extras ? slot->extras->fiber : NULL;
	return fiber && slot_state(slot) == SLOT_ALIVE && fiber->state == FIBER_RECEIVES &&
	       fiber->only_looks;
}

void fiber_saw_nothing(struct worker *worker, struct slot *slot)
{
	slot->extras->fiber->got = NULL;
	resume(worker, slot);
}

void fiber_yielded(struct worker *worker, struct slot *slot)
{
	struct fiber *fiber = slot->extras ? slot->extras->fiber : NULL;
	if (fiber && slot_state(slot) == SLOT_ALIVE && fiber->state == FIBER_YIELDS)
		resume(worker, slot);
}

uint64_t fiber_deadline(const struct slot *slot)
{
	return slot->extras && slot->extras->fiber ? slot->extras->fiber->deadline_ns : UINT64_MAX;
}

void fiber_time_over(struct worker *worker, struct slot *slot)
{
	struct fiber *fiber = slot->extras->fiber;
	fiber->got = NULL;
	if (fiber->state == FIBER_RECEIVES || fiber->state == FIBER_SLEEPS)
		resume(worker, slot);
}

void fiber_ask_over(struct worker *worker, struct slot *slot, const struct noh_outcome *outcome)
{
	if (gather_take(slot, slot->extras->fiber->gather, outcome->tag, outcome->err,
			outcome->text, NULL))
		resume(worker, slot);
}

// ---- what a fiber calls

static struct fiber *running_fiber(const char *call)
{
	struct worker *worker = worker_of_call(call);
	if (!worker->fiber)
		noh_fail("%s in a handler would stop its worker: it is for fibers", call);
	return worker->fiber;
}

static void wait_until(struct fiber *fiber, enum fiber_state state, int64_t within_ms)
{
	if (within_ms >= 0) {
		struct worker *worker = worker_here();
		fiber->deadline_ns = clock_after_ms(runtime_now_ns(worker->runtime), within_ms);
		asks_alarm_at(worker, fiber->slot, fiber->deadline_ns);
	}
	wait(fiber, state);
}

static void let_others_run(struct fiber *fiber)
{
	struct worker *worker = worker_here();

	// The turn ends before it sees this, so everybody else who is runnable comes first.
	post_control(worker->self, CONTROL_WAKE, worker->self, NULL, 0);
	end_turn_soon(worker);
	wait(fiber, FIBER_YIELDS);
}

const struct noh_delivery *noh_receive_types(int64_t within_ms,
					     const struct noh_message_type *const *types)
{
	struct fiber *fiber = running_fiber("noh_receive");
	struct envelope *envelope;

	if (worker_here()->end_asked)
		wait(fiber, FIBER_RECEIVES); // not resumed any more
	give_back_lent(fiber);
	worker_here()->hand = NULL;
	if (worker_here()->credit <= worker_here()->floor)
		let_others_run(fiber); // what is saved may be much
	fiber->types = types;
	while ((envelope = saved_take_wanted(fiber->slot, is_wanted, fiber))) {
		worker_here()->credit--;
		if (lend(fiber, envelope)) {
			worker_here()->hand = envelope;
			return receive_envelope(fiber, envelope);
		}
	}

	fiber->only_looks = within_ms == 0;
	wait_until(fiber, FIBER_RECEIVES, within_ms == 0 ? -1 : within_ms);
	return fiber->got;
}

const void *noh_as_type(const struct noh_delivery *in, const struct noh_message_type *type)
{
	return in && noh_matches(in, type) ? in->body : NULL;
}

void noh_sleep(int64_t ms)
{
	wait_until(running_fiber("noh_sleep"), FIBER_SLEEPS, ms > 0 ? ms : 0);
}

void noh_yield(void)
{
	let_others_run(running_fiber("noh_yield"));
}

void fiber_wait_for_wake(void)
{
	wait(running_fiber("noh_test_settle"), FIBER_YIELDS);
}

void fiber_gather(struct worker *worker, struct gather *gather)
{
	struct fiber *fiber = worker->fiber;

	fiber->gather = gather;
	wait(fiber, FIBER_ASKS);
	fiber->gather = NULL;
	if (gather->err)
		fiber->problem = gather->text;
}

const char *noh_ask_text(void)
{
	const char *problem = running_fiber("noh_ask_text")->problem;
	return problem ? problem : "";
}

struct scratch *scratch_here(struct worker *worker)
{
	if (worker->fiber)
		return &worker->fiber->scratch;
	worker->unusual = true;
	return &worker->scratch;
}
