/*
 * Fibers: a fiber runs on its own stack, within the turn of its slot, and switches back to the
 * worker's loop to wait. It says what it waits for, and the turn resumes it when that has come.
 * Mail that it does not want is saved, in order, and looked at first by its next wait.
 *
 * What a fiber was lent since its last noh_receive() is held in a list of envelopes, and given back
 * by the next one.
 */
#include "runtime/fiber.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

#include "runtime/asks.h"
#include "runtime/bound.h"
#include "runtime/deadlock.h"
#include "runtime/gather.h"
#include "runtime/life.h"
#include "runtime/links.h"
#include "runtime/marks.h"
#include "runtime/own_messages.h"
#include "runtime/results.h"
#include "runtime/saved.h"
#include "runtime/shared.h"
#include "runtime/turn.h"
#include "runtime/watches.h"

enum { LENT_MOST = 1000 };

// ---- switching

_Noreturn void fiber_fail(struct worker *worker)
{
	struct fiber *fiber = worker->fiber;
	failure_undo(&fiber->scratch, &fiber->first_failure);
	fiber->state = FIBER_FAILED;
	context_switch(&fiber->context, &worker_here()->loop);
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

static void is_over(struct worker *worker, struct slot *slot, const struct fiber *fiber)
{
	if (fiber->state == FIBER_FAILED)
		turn_fail(worker, slot, worker->failure);
	else if (worker->end_asked)
		turn_end_as_asked(worker, slot);
	else
		life_end(worker, slot, NOH_WHY_NORMAL, 0, NULL);
}

static inline __attribute__((always_inline)) void go_on_with(struct worker *worker,
							     struct slot *slot)
{
	struct fiber *fiber = slot->extras->fiber;

	fiber->state = FIBER_RUNS;
	fiber->deadline_ns = UINT64_MAX;
	slot->flags &= (uint16_t)~SLOT_LOOKS;
	worker->fiber = fiber;
	worker->hand = fiber->hand;
	context_switch(&worker->loop, &fiber->context);
	worker->fiber = NULL;

	if (__builtin_expect(fiber->state >= FIBER_RETURNED || worker->end_asked, 0))
		is_over(worker, slot, fiber);
	worker->hand = NULL;
}

static void resume(struct worker *worker, struct slot *slot)
{
	go_on_with(worker, slot);
}

void fiber_must_not_wait(void)
{
	noh_fail("%s must not wait",
		 running_drop ? "a drop callback" : "the predicate of a noh_receive_if()");
}

void fiber_let_others_run(struct fiber *fiber)
{
	struct worker *worker = worker_here();

	// The turn ends before it sees this, so everybody else who is runnable comes first.
	post_control(worker->self, CONTROL_WAKE, worker->self, NULL, 0);
	end_turn_soon(worker);
	fiber_wait(fiber, FIBER_YIELDS);
}

struct fiber *running_fiber(const char *call)
{
	struct worker *worker = worker_of_call(call);
	if (!worker->fiber)
		noh_fail("%s in a handler would stop its worker: it is for fibers", call);
	return worker->fiber;
}

// ---- beginning and end

// What is left over of earlier fibers must be cleared to measure a stack, and all of it be read:
// for those who look closely only.
static bool are_stacks_measured(const struct worker *worker)
{
	return worker->runtime->log_level <= NOH_DEBUG;
}

static void log_stack(const struct fiber *fiber)
{
	noh_log(NOH_DEBUG, "used %zu of the %zu bytes of its stack",
		stack_deepest_use(fiber->stack), fiber->stack->size);
}

void fiber_create(struct worker *worker, struct slot *slot)
{
	struct fiber *fiber = must_allocate_zeroed(sizeof(*fiber));
	fiber->slot = slot;
	fiber->deadline_ns = UINT64_MAX;
	extras_of(slot)->fiber = fiber;
	if (stack_caches_take(&worker->stacks, slot->type->limits.stack_bytes, worker->self,
			      &fiber->stack)) {
		turn_fail(worker, slot, stack_shortage());
		return;
	}
	if (are_stacks_measured(worker))
		stack_clean(fiber->stack);

	// From here on it stays with this thread, whose thread-locals its frames may hold addresses
	// of, unless its author says that they do not.
	if (!slot->type->limits.migrates)
		slot_set_home(slot, (int16_t)worker->index);
	context_init(&fiber->context, fiber->stack->low, fiber->stack->size, run_fiber, fiber);
	resume(worker, slot);
}

static void free_all(struct envelope **list)
{
	struct envelope *envelope;
	while ((envelope = *list)) {
		*list = envelope->next;
		envelope_release(envelope);
		envelope_free(envelope);
	}
}

void fiber_give_back_joined(struct fiber *fiber)
{
	free_all(&fiber->joined);
}

void fiber_give_back_lent(struct fiber *fiber)
{
	struct envelope *hand = fiber->hand;

	if (hand) {
		if (__builtin_expect(hand->ask != 0, 0) && post_kind(hand) == POST_MESSAGE)
			post_answer_error(hand->sender, hand->ask, -ENODATA,
					  "received without an answer");
		fiber->hand = NULL;
	}
	free_all(&fiber->lent);
	free_all(&fiber->joined);
	fiber->lent_count = 0;
	if (fiber->scratch.used)
		scratch_clear(&fiber->scratch);
}

// Called while the life ends: who asked hears why.
static void answer_that_it_ended(struct envelope *request)
{
	const char *reason = worker_here()->ending.reason;

	if (post_kind(request) != POST_MESSAGE || !request->ask)
		return;
	post_answer_error(request->sender, request->ask, -ECONNRESET,
			  reason ? reason : "ended before it answered");
	request->ask = 0;
}

static bool is_this(const struct envelope *envelope, const void *wanted)
{
	return envelope == wanted;
}

static void drop_examined(struct fiber *fiber)
{
	// A message whose predicate failed is lost, as one whose handler fails.
	struct envelope *envelope = saved_take_wanted(fiber->slot, is_this, fiber->examined);
	fiber->examined = NULL;
	if (envelope->type & POST_COUNTED)
		bound_taken(fiber->slot, envelope);
	marks_clear(envelope);
	answer_that_it_ended(envelope);
	envelope_release(envelope);
	envelope_free(envelope);
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
		if (are_stacks_measured(worker))
			log_stack(fiber);
		stack_caches_give(&worker->stacks, fiber->stack);
	}
	if (fiber->hand)
		answer_that_it_ended(fiber->hand);
	fiber_give_back_lent(fiber);
	if (fiber->examined)
		drop_examined(fiber);
	scratch_finish(&fiber->scratch);
	free(fiber->first_failure); // it waited in what it had deferred
	free(fiber->looked);
	free(fiber);
	slot->extras->fiber = NULL;
	slot->flags &= (uint16_t)~SLOT_LOOKS;
}

void fiber_stop_asked(struct worker *worker, struct slot *slot)
{
	if (slot_state(slot) == SLOT_ALIVE)
		life_end(worker, slot, NOH_WHY_NORMAL, 0, NULL);
}

// ---- what has come

bool fiber_admits(struct fiber *fiber, struct envelope *envelope)
{
	if (envelope->type & POST_MARKS &&
	    !marks_take(slot_runtime(fiber->slot), fiber->slot, envelope))
		return false;
	if (envelope->type & POST_TIMED)
		return !request_is_late(worker_here(), envelope);
	if (post_kind(envelope) == POST_DOWN) {
		results_drop(fiber->slot, envelope->ask);
		return watches_take(fiber->slot, envelope->ask);
	}
	if (post_kind(envelope) == POST_SHARED)
		return shared_is_wanted(envelope);
	if (post_kind(envelope) == POST_RESULT)
		return result_take(fiber->slot, envelope);
	if (post_kind(envelope) == POST_EXIT)
		return exit_take(fiber->slot, envelope);
	if (post_kind(envelope) != POST_GATED || !envelope->ask)
		return true;
	struct gate *gate = (struct gate *)(uintptr_t)envelope->ask;
	return gate->ops->admit(gate, envelope->body);
}

void fiber_keep_lent(struct fiber *fiber, struct envelope *envelope)
{
	envelope->next = fiber->lent;
	fiber->lent = envelope;
	if (++fiber->lent_count <= LENT_MOST || fiber->has_pinned)
		return;
	fiber->has_pinned = true;
	noh_log(NOH_WARN,
		"has been lent more than %d messages, which live until its next noh_receive()",
		LENT_MOST);
}

void fiber_save_unwanted(struct fiber *fiber, struct envelope *envelope)
{
	saved_keep(fiber->slot, envelope);
	if (fiber->looking && fiber->state == FIBER_RECEIVES)
		fiber->looking->upto = fiber->slot->saved;
}

static inline bool is_wanted(const struct fiber *fiber, const struct envelope *envelope)
{
	return fiber->state == FIBER_RECEIVES &&
	       (post_type(envelope) == fiber->wanted_id ||
		(fiber->is_wanted && fiber->is_wanted(envelope, fiber->argument)));
}

static void unwanted(struct worker *worker, struct fiber *fiber, struct envelope *envelope)
{
	bool may_close_circle = envelope->type & POST_WAITED;

	fiber_save_unwanted(fiber, envelope);
	if (may_close_circle)
		deadlock_look(worker, fiber->slot);
	if (fiber->state != FIBER_RECEIVES || !fiber->examines)
		return;
	fiber->got = NULL;
	resume(worker, fiber->slot);
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
	fiber_keep_lent(fiber, envelope);
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
	if (!is_wanted(fiber, envelope)) {
		unwanted(worker, fiber, envelope);
	} else if (fiber_admits(fiber, envelope)) {
		fiber->got = saved_detach(slot, envelope);
		resume(worker, slot);
	} else {
		envelope_release(envelope);
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

void fiber_offer_message(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	struct fiber *fiber = slot->extras->fiber;

	worker->statistics.messages++;
	if (!is_wanted(fiber, envelope)) {
		unwanted(worker, fiber, envelope);
		return;
	}
	fiber->got = fiber_take(fiber, envelope);
	go_on_with(worker, slot);
}

void fiber_saw_nothing(struct worker *worker, struct slot *slot)
{
	slot->extras->fiber->got = NULL;
	resume(worker, slot);
}

void fiber_yielded(struct worker *worker, struct slot *slot)
{
	struct fiber *fiber = slot->extras ? slot->extras->fiber : NULL;
	if (fiber && slot_state(slot) == SLOT_ALIVE &&
	    (fiber->state == FIBER_YIELDS || fiber->state == FIBER_SETTLES))
		resume(worker, slot);
}

bool fiber_only_looks(const struct slot *slot)
{
	const struct fiber *fiber = slot->extras ? slot->extras->fiber : NULL;
	return fiber && slot_state(slot) == SLOT_ALIVE &&
	       (fiber->state == FIBER_YIELDS || slot->flags & SLOT_LOOKS);
}

uint64_t fiber_deadline(const struct slot *slot)
{
	return slot->extras && slot->extras->fiber ? slot->extras->fiber->deadline_ns : UINT64_MAX;
}

void fiber_time_over(struct worker *worker, struct slot *slot)
{
	struct fiber *fiber = slot->extras->fiber;
	fiber->got = NULL;
	if (fiber->state == FIBER_RECEIVES || fiber->state == FIBER_SLEEPS ||
	    fiber->state == FIBER_NEEDS_ROOM)
		resume(worker, slot);
}

void fiber_note_joined(struct slot *slot)
{
	if (slot->extras && slot->extras->fiber)
		slot->extras->fiber->is_joined = true;
}

void fiber_join_in_circle(struct worker *worker, struct slot *slot)
{
	slot->extras->fiber->got = NULL;
	slot->extras->fiber->in_circle = true;
	resume(worker, slot);
}

void fiber_has_room(struct worker *worker, struct slot *slot)
{
	struct fiber *fiber = slot->extras ? slot->extras->fiber : NULL;
	if (fiber && slot_state(slot) == SLOT_ALIVE && fiber->state == FIBER_NEEDS_ROOM)
		resume(worker, slot);
}

void fiber_ask_over(struct worker *worker, struct slot *slot, const struct noh_outcome *outcome)
{
	if (gather_take(slot, slot->extras->fiber->gather, outcome->tag, outcome->err,
			outcome->text, NULL))
		resume(worker, slot);
}

// ---- what a fiber calls

void noh_sleep(int64_t ms)
{
	struct fiber *fiber = running_fiber("noh_sleep");
	fiber_wait_until(fiber, FIBER_SLEEPS,
			 clock_after_ms(deadline_now_ns(worker_here()), ms > 0 ? ms : 0));
}

size_t noh_stack_used(void)
{
	return stack_deepest_use(running_fiber("noh_stack_used")->stack);
}

void noh_yield(void)
{
	fiber_let_others_run(running_fiber("noh_yield"));
}

void fiber_wait_for_wake(void)
{
	fiber_wait(running_fiber("noh_test_settle"), FIBER_SETTLES);
}

void fiber_gather(struct worker *worker, struct gather *gather)
{
	struct fiber *fiber = worker->fiber;

	fiber->gather = gather;
	fiber_wait(fiber, FIBER_ASKS);
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
	worker->afterwards |= AFTER_MESSAGE;
	return &worker->scratch;
}
