/*
 * A turn: one visit of a worker to an actor. It takes envelopes until the mailbox is empty or the
 * budget is used up, and hands each to the handler, the fiber, or the part of the runtime that it
 * is for.
 *
 * A failing handler jumps to the worker's loop (worker.c), so nothing that must be undone may be
 * kept in a local variable while a handler runs: it is in the worker, in the slot, or in scratch
 * memory.
 */
#include "runtime/turn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

#include "runtime/asks.h"
#include "runtime/become.h"
#include "runtime/control.h"
#include "runtime/crash.h"
#include "runtime/dead.h"
#include "runtime/fibers.h"
#include "runtime/grace.h"
#include "runtime/guardian.h"
#include "runtime/idle.h"
#include "runtime/lane.h"
#include "runtime/life.h"
#include "runtime/links.h"
#include "runtime/marks.h"
#include "runtime/own_messages.h"
#include "runtime/results.h"
#include "runtime/saved.h"
#include "runtime/shared.h"
#include "runtime/simulation.h"
#include "runtime/state.h"
#include "runtime/watches.h"

enum {
	TURN_NS = 200 * 1000,      // a turn that takes longer ends, whatever is left of its budget
	LOOK_EVERY_NS = 25 * 1000, // the clock is looked at about this often
	QUANTUM_MOST = 128,        // messages, while they take less than 0.2 us
	LONGER = 4,                // times the budget, for an actor that has fallen behind
};

// ---- the budget

void look_at_clock(struct worker *worker)
{
	uint64_t now_ns = runtime_now_ns(worker->runtime);
	uint64_t passed = now_ns - worker->now_ns;
	uint64_t turns = worker->statistics.turns - worker->turns_before;

	// Slow messages shorten the quantum at once; fast ones lengthen it step by step.
	uint64_t quantum =
		passed ? (uint64_t)worker->quantum * LOOK_EVERY_NS / passed : QUANTUM_MOST;
	if (quantum > (uint64_t)worker->quantum * 2)
		quantum = (uint64_t)worker->quantum * 2;
	worker->quantum = quantum < 1              ? 1
			  : quantum > QUANTUM_MOST ? QUANTUM_MOST
						   : (int32_t)quantum;
	worker->turn_until += worker->quantum - worker->credit; // moves with the scale
	worker->credit = worker->quantum;
	worker->messages_are_short = worker->quantum == QUANTUM_MOST;
	if (worker->messages_are_short)
		ck_pr_store_64(&worker->busy_since_ns, 0);
	if (worker->runtime->worker_count > 1)
		worker->wakes_blindly = worker->messages_are_short ? worker->runs_at_once : NULL;

	// Most turns begin with a wake, and each has one at most.
	uint64_t messages = worker->statistics.messages - worker->messages_before;
	worker->wakes_vary = turns * 8 > messages && turns * 8 < messages * 7;
	worker->messages_before = worker->statistics.messages;

	// Of turns, not of looks: one long turn among many short ones makes no long mean.
	worker->recent_ns += passed - worker->recent_ns / 8;
	worker->recent_turns += turns * 8 - worker->recent_turns / 8; // in eighths
	ck_pr_store_64(&worker->turn_ns, worker->recent_ns * 8 / (worker->recent_turns | 1));
	ck_pr_store_64(&worker->now_ns, now_ns);
	worker->turns_before = worker->statistics.turns;
	worker->poll_soon = true;
	if (worker->wakes_blindly && ring_count(&worker->ring))
		maybe_wake_one(worker);
}

// Until the budget is used up, or the clock must be looked at.
static inline void grant(struct worker *worker, int32_t budget)
{
	worker->turn_until = worker->credit - budget;
	worker->floor = worker->turn_until > 0 ? worker->turn_until : 0;
}

// What was granted is used up. True: the turn may go on.
static bool grant_more(struct worker *worker, const struct slot *slot)
{
	if (worker->floor == TURN_ENDS)
		return false;
	if (worker->credit <= worker->turn_until) {
		if (!ck_pr_load_8(&slot->overloaded) ||
		    worker->longer_turn == worker->statistics.turns)
			return false;
		worker->longer_turn = worker->statistics.turns;
		worker->turn_until -= (LONGER - 1) * worker->budget;
	}
	if (worker->credit <= 0) {
		// It began since the last look, or was there at that look already.
		if (worker->statistics.turns != worker->turns_before)
			worker->turn_began_ns = worker->now_ns;
		look_at_clock(worker);
		if (worker->now_ns - worker->turn_began_ns > TURN_NS) {
			worker->turn_until = worker->credit;
			return false;
		}
	}
	worker->floor = worker->turn_until > 0 ? worker->turn_until : 0;
	return true;
}

// ---- one message

static void not_understood(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	if (post_kind(envelope) == POST_MESSAGE && envelope->ask) {
		post_answer_error(envelope->sender, envelope->ask, -ENOTSUP, slot->type->name);
		envelope->ask = 0;
	}
	dead_count(worker->runtime, worker->self, envelope->sender, message_info(post_id(envelope)),
		   envelope->body, "not understood");
}

void turn_end_as_asked(struct worker *worker, struct slot *slot)
{
	const char *reason = worker->end_reason; // freed by life_end_rest()
	if (worker->end_code)
		noh_log(NOH_WARN, "ends with code %lld: %s", (long long)worker->end_code,
			reason ? reason : "");
	if (slot->flags & SLOT_ENDS_LATER)
		life_end_now(worker, slot);
	else
		life_end(worker, slot, worker->end_code ? NOH_WHY_FAILED : NOH_WHY_NORMAL,
			 worker->end_code, reason);
}

static void drop(struct worker *worker, struct envelope *envelope)
{
	envelope_release(envelope);
	if (worker->hand_detached) {
		worker->hand_detached = false;
		envelope_free(envelope);
	}
}

// The message in hand is done with, for now or for good.
static void put_away(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	worker->hand = NULL;
	if (worker->postponed) {
		postponed_add(slot,
			      worker->hand_detached ? envelope : saved_detach(slot, envelope));
		worker->hand_detached = worker->postponed = false;
	} else {
		drop(worker, envelope);
	}
	if (worker->replay)
		postponed_replay(worker, slot);
}

static __attribute__((noinline)) void done_otherwise(struct worker *worker, struct slot *slot,
						     struct envelope *envelope,
						     enum noh_handled handled)
{
	worker->unusual = false;
	if (handled == NOH_FAILED) {
		turn_failed(worker);
		return;
	}
	if (handled == NOH_NOT_UNDERSTOOD)
		not_understood(worker, slot, envelope);
	if (post_kind(envelope) == POST_MESSAGE && envelope->ask && !worker->postponed) {
		post_answer_error(envelope->sender, envelope->ask, -ENODATA,
				  "returned without an answer");
		envelope->ask = 0;
	}
	scratch_end(&worker->scratch); // what was deferred may fail, with the message still in hand
	put_away(worker, slot, envelope);
	if (worker->end_asked)
		turn_end_as_asked(worker, slot);
}

// After a handler has returned: mostly there is nothing left to do.
static inline void done_with(struct worker *worker, struct slot *slot, struct envelope *envelope,
			     const struct message_info *info, enum noh_handled handled)
{
	if (__builtin_expect(
		    handled != NOH_HANDLED || worker->unusual || envelope->ask || info->holds, 0))
		done_otherwise(worker, slot, envelope, handled);
	else
		worker->hand = NULL;
}

static inline void to_handler(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	uint32_t id = post_id(envelope);
	const struct message_info *info = message_info(id);
	struct noh_delivery in = {.id = id, .type = &info->type, .body = envelope->body};

	worker->hand = envelope;
	worker->statistics.messages++;
	done_with(worker, slot, envelope, info, slot->type->receive(slot->state, &in));
}

static void answer_to_handler(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	struct noh_outcome outcome;
	struct noh_delivery in;
	if (!asks_take_answer(worker, slot, envelope, &outcome, &in)) {
		asks_count_late(worker);
		drop(worker, envelope);
		return;
	}
	worker->hand = envelope;
	worker->statistics.messages++;
	enum noh_handled handled = slot->type->receive(slot->state, &in);
	worker->within_ns = 0;
	done_otherwise(worker, slot, envelope, handled);
}

static void gated_to_handler(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	struct gate *gate = (struct gate *)(uintptr_t)envelope->ask;
	if (gate && !gate->ops->admit(gate, envelope->body)) {
		drop(worker, envelope);
		return;
	}
	if (__builtin_expect(post_id(envelope) == noh_message_id(&noh_alarm_message), 0)) {
		drop(worker, envelope);
		if (!guardian_alarm(worker, slot) && !grace_alarm(worker, slot))
			asks_alarm(worker, slot);
		return;
	}
	if (slot->flags & SLOT_STAMPED && post_id(envelope) == noh_message_id(&noh_idle_message) &&
	    !idle_is_over_limit(worker, slot)) {
		drop(worker, envelope);
		return;
	}
	to_handler(worker, slot, envelope);
}

// There is no life to handle it: the next one will, if there may be one and the old one has not
// caused it.
static void between_lives(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	enum post_kind kind = post_kind(envelope);

	if (slot->type == &guardian_actor_type && kind == POST_GATED)
		gated_to_handler(worker, slot, envelope); // its deadline, while it ends
	else if (is_from_user(envelope) && life_keeps_mail(slot))
		saved_keep(slot, envelope);
	else
		dead_letter(worker->runtime, envelope, worker->self, "is ending");
}

static void to_living(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	enum post_kind kind = post_kind(envelope);

	if (slot->flags & SLOT_STAMPED)
		idle_stamp(worker, slot, envelope);
	if ((kind == POST_EXIT || kind == POST_RESULT) && !(envelope->type & POST_TAKEN) &&
	    !(kind == POST_EXIT ? exit_comes(worker, slot, envelope)
				: result_comes(slot, envelope)))
		drop(worker, envelope);
	else if (slot->flags & SLOT_FIBER)
		fiber_offer(worker, slot, envelope);
	else if (kind == POST_DOWN && !(envelope->type & POST_TAKEN) &&
		 !watches_take(slot, envelope->ask))
		drop(worker, envelope); // its monitor was ended
	else if (envelope->type & POST_MARKS && !marks_take(worker->runtime, slot, envelope))
		drop(worker, envelope); // it has expired
	else if (envelope->type & POST_TIMED && request_is_late(worker, envelope))
		drop(worker, envelope);
	else if (kind == POST_SHARED && !shared_is_wanted(envelope))
		drop(worker, envelope);
	else if (kind == POST_ANSWER)
		answer_to_handler(worker, slot, envelope);
	else if (kind == POST_GATED)
		gated_to_handler(worker, slot, envelope);
	else
		to_handler(worker, slot, envelope);
}

// A supervised actor's messages are remembered by type, for the report of a crash. What it fails at
// never gets to the second step: the report says so by itself. (Fibers: receive.c.)
struct being_handled {
	void *state; // NULL: not to be remembered
	uint64_t messages_before;
	uint32_t id;
};

static struct being_handled begins_to_handle(const struct worker *worker, const struct slot *slot,
					     const struct envelope *envelope)
{
	bool remembers = slot->flags & SLOT_NOTED && !(slot->flags & SLOT_FIBER) &&
			 slot->supervised && post_kind(envelope) != POST_CONTROL;
	return (struct being_handled){.state = remembers ? slot->state : NULL,
				      .messages_before = worker->statistics.messages,
				      .id = post_id(envelope)};
}

static void has_handled(const struct worker *worker, const struct slot *slot,
			const struct being_handled *now)
{
	// Or it was not for it, or the life is over.
	if (now->state && now->state == slot->state &&
	    now->messages_before != worker->statistics.messages)
		handled_add(state_handled(slot->type, slot->state), now->id);
}

// A token: the lane's next message is in nobody's queue.
static void from_lane(struct worker *worker, struct slot *slot)
{
	bool lives = slot_state(slot) == SLOT_ALIVE;
	if (!lives && life_keeps_mail(slot)) {
		lane_put_off(slot);
		return;
	}

	struct envelope *envelope = lane_take(slot);
	if (!envelope)
		return;
	if (worker->runtime->simulation)
		simulation_note(worker, slot, envelope);
	if (lives && envelope_generation(envelope) == ck_pr_load_32(&slot->generation)) {
		struct being_handled now = begins_to_handle(worker, slot, envelope);
		worker->hand_detached = worker->unusual = true;
		to_living(worker, slot, envelope);
		has_handled(worker, slot, &now);
		return;
	}
	dead_letter(worker->runtime, envelope,
		    handle_of(slot_index(slot), envelope_generation(envelope)), "came too late");
	envelope_free(envelope);
}

static bool is_token(const struct envelope *envelope)
{
	return envelope->type == ((uint32_t)POST_CONTROL << POST_SHIFT | CONTROL_LANE);
}

// The rare ones: whatever is not a message for a living actor with handlers.
static void other(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	enum post_kind kind = post_kind(envelope);

	if (kind == POST_CONTROL && is_token(envelope)) { // whoever lives here now
		from_lane(worker, slot);
		return;
	}
	if (envelope_generation(envelope) != ck_pr_load_32(&slot->generation)) {
		dead_letter(worker->runtime, envelope,
			    handle_of(slot_index(slot), envelope_generation(envelope)),
			    "came too late");
		return;
	}
	if (kind == POST_CONTROL) {
		control_handle(worker, slot, envelope);
		return;
	}
	if (slot_state(slot) != SLOT_ALIVE) {
		between_lives(worker, slot, envelope);
		return;
	}
	if (envelope->type & POST_COUNTED && !worker->hand_detached &&
	    control_fail_if_over(worker, slot)) {
		other(worker, slot, envelope); // for the next life, or nobody
		return;
	}
	to_living(worker, slot, envelope);
}

// What it holds, and whom it must answer, is nothing: a plain message is done with when its handler
// has returned.
static inline void plain_to_handler(struct worker *worker, struct slot *slot,
				    struct envelope *envelope)
{
	struct noh_delivery *in = &worker->delivery;
	in->id = envelope->type;
	in->type = &message_info(envelope->type)->type;
	in->body = envelope->body;

	worker->hand = envelope;
	worker->statistics.messages++;
	enum noh_handled handled = slot->type->receive(slot->state, in);
	if (__builtin_expect(handled != NOH_HANDLED || worker->unusual, 0))
		done_otherwise(worker, slot, envelope, handled);
	else
		worker->hand = NULL;
}

// A user's message, for the tenant that lives here.
static inline bool is_usual(const struct slot *slot, const struct envelope *envelope)
{
	return envelope->type < POST_MARKED &&
	       is_32(&slot->generation, envelope_generation(envelope));
}

// In a simulation and for supervised actors: what is handled goes the same ways.
static __attribute__((noinline)) void noted(struct worker *worker, struct slot *slot,
					    struct envelope *envelope)
{
	bool usual = is_usual(slot, envelope);
	int how = slot->flags & (SLOT_STATE_MASK | SLOT_FIBER | SLOT_STAMPED);

	struct being_handled now = begins_to_handle(worker, slot, envelope);

	if (worker->runtime->simulation)
		simulation_note(worker, slot, envelope);
	if (usual && how == SLOT_ALIVE)
		plain_to_handler(worker, slot, envelope);
	else if (usual && how == (SLOT_ALIVE | SLOT_FIBER))
		fiber_offer_message(worker, slot, envelope);
	else
		other(worker, slot, envelope);
	has_handled(worker, slot, &now);
}

static inline void one(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	bool usual = __builtin_expect(is_usual(slot, envelope), 1);
	int how = slot->flags & (SLOT_STATE_MASK | SLOT_FIBER | SLOT_STAMPED | SLOT_NOTED);
	if (__builtin_expect(usual, 1) && __builtin_expect(how == SLOT_ALIVE, 1))
		plain_to_handler(worker, slot, envelope);
	else if (usual && how == (SLOT_ALIVE | SLOT_FIBER))
		fiber_offer_message(worker, slot, envelope);
	else if (__builtin_expect(how & SLOT_NOTED, 0))
		noted(worker, slot, envelope);
	else
		other(worker, slot, envelope);
}

// ---- the turn

// Saved mail comes first, if it is for a life that takes it.
static __attribute__((noinline)) struct envelope *saved_or_queued(struct worker *worker,
								  struct slot *slot)
{
	// Saved mail must not be in hand when a life ends.
	if (is_ending_asked(slot) && slot_state(slot) != SLOT_FREE) {
		life_ending_asked(worker, slot);
		worker->throttle = false;
	}
	if (slot->saved && (slot->flags & (SLOT_STATE_MASK | SLOT_FIBER)) == SLOT_ALIVE) {
		worker->hand_detached = worker->unusual = true;
		return saved_take(slot);
	}
	return mailbox_take(&slot->in, &slot->out);
}

static struct turn_end nothing_more; // ends the lists, so that the last one has a next one, too

void at_turn_end(struct turn_end *hook)
{
	struct worker *worker = worker_of_call("at_turn_end");
	if (is_at_turn_end(hook))
		return;
	hook->next = worker->turn_ends ? worker->turn_ends : &nothing_more;
	worker->turn_ends = hook;
}

static inline void run_turn_ends(struct worker *worker)
{
	while (__builtin_expect(worker->turn_ends != NULL, 0)) {
		struct turn_end *hook = worker->turn_ends;
		worker->turn_ends = hook->next == &nothing_more ? NULL : hook->next;
		hook->next = NULL;
		hook->run(hook);
	}
}

// The turn is over, and another does not follow at once.
static inline void end_turn(struct worker *worker)
{
	ck_pr_store_ptr(&worker->running, NULL);
	worker->self = 0;
}

// Mail is left, or may be: back into the queue.
static void leave_with_mail(struct worker *worker, struct slot *slot)
{
	// What ended the turn may have been its last message. (A fiber that only looks must be told
	// that there is nothing, in its next turn.)
	if (mailbox_seems_empty(&slot->out) && !slot->saved && !(slot->flags & SLOT_LOOKS)) {
		if (ck_pr_load_8(&slot->overloaded))
			ck_pr_store_8(&slot->overloaded, 0);
		if (mailbox_go_idle(&slot->in, &slot->out)) {
			worker->throttle = false;
			return;
		}
	}

	// Senders that meet the mark hold back; a half-linked sender alone is no overload.
	if (!ck_pr_load_8(&slot->overloaded) && !mailbox_seems_empty(&slot->out) &&
	    worker->credit <= worker->turn_until && !worker->throttle)
		ck_pr_store_8(&slot->overloaded, 1);
	reschedule(worker, slot);
	worker->throttle = false;
}

// The message came too late for this life. (Not so saved mail: the wish came after it was taken.)
static __attribute__((noinline)) void end_before(struct worker *worker, struct slot *slot,
						 struct envelope *envelope)
{
	if (!worker->hand_detached && slot_state(slot) != SLOT_FREE) {
		worker->taken = envelope; // should noh_stopping fail
		life_ending_asked(worker, slot);
		worker->taken = NULL;
	}
	one(worker, slot, envelope);
}

static inline struct envelope *take(struct worker *worker, struct slot *slot, bool first)
{
	if (__builtin_expect(slot->saved != NULL, 0))
		return saved_or_queued(worker, slot);
	return first ? mailbox_take_first(&slot->in, &slot->out)
		     : mailbox_take(&slot->in, &slot->out);
}

static inline void to_tenant(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	if (__builtin_expect(is_ending_asked(slot), 0))
		end_before(worker, slot, envelope);
	else
		one(worker, slot, envelope);
}

// All mail that can be seen has been taken. True: the turn is over, and so is what there was.
static inline bool is_idle_now(struct worker *worker, struct slot *slot)
{
	run_turn_ends(worker);
	// Only what the saved list holds may be left, and who does not want it now is idle.
	if (__builtin_expect(!is_8(&slot->overloaded, 0), 0))
		ck_pr_store_8(&slot->overloaded, 0);
	return mailbox_go_idle(&slot->in, &slot->out);
}

static bool is_more_linked(const struct slot *slot)
{
	for (int i = 0; i < 64 && mailbox_seems_empty(&slot->out); i++)
		ck_pr_stall();
	return !mailbox_seems_empty(&slot->out);
}

static inline __attribute__((always_inline)) void go_on(struct worker *worker, struct slot *slot)
{
	struct envelope *envelope = take(worker, slot, true);
	for (;;) {
		if (__builtin_expect(envelope != NULL, 1)) {
			to_tenant(worker, slot, envelope);
		} else if (__builtin_expect(slot->flags & SLOT_LOOKS, 0)) {
			fiber_saw_nothing(worker, slot);
		} else {
			if (is_idle_now(worker, slot))
				return;
			// Else a sender was stopped between its two steps: it gets the time it
			// needs.
			if (!is_more_linked(slot))
				break;
			envelope = take(worker, slot, false);
			continue;
		}
		if (--worker->credit <= worker->floor && !grant_more(worker, slot))
			break;
		envelope = take(worker, slot, false);
	}
	run_turn_ends(worker);
	leave_with_mail(worker, slot);
}

void turn(struct worker *worker, struct slot *slot)
{
	// Those that talk take turns here, without the worker's loop in between, until it is time
	// to look elsewhere.
	do {
		ck_pr_store_ptr(&worker->running, slot);
		worker->self = slot_handle(slot);
		worker->statistics.turns++;
		grant(worker, worker->budget);
		go_on(worker, slot);
	} while (worker->credit > 0 && !worker->poll_soon && (slot = take_soon(worker)));
	end_turn(worker);
}

static void give(struct worker *worker, struct slot *slot, const struct noh_delivery *in)
{
	enum noh_handled handled = slot->type->receive(slot->state, in);
	scratch_end(&worker->scratch);
	if (worker->replay)
		postponed_replay(worker, slot);
	if (slot_state(slot) != SLOT_ALIVE)
		return;
	if (handled == NOH_FAILED)
		turn_fail(worker, slot, worker->failure);
	else if (worker->end_asked)
		turn_end_as_asked(worker, slot);
}

void turn_give(struct worker *worker, struct slot *slot, const struct noh_message_type *type,
	       const void *body)
{
	struct noh_delivery in = {.id = noh_message_id(type), .type = type, .body = body};
	if (slot->type->receive)
		give(worker, slot, &in);
}

void turn_give_outcome(struct worker *worker, struct slot *slot, uint32_t asked_id,
		       const struct noh_outcome *outcome)
{
	struct noh_delivery in = {.asked_id = asked_id, .outcome = outcome};
	give(worker, slot, &in);
}

void turn_fail(struct worker *worker, struct slot *slot, const char *reason)
{
	crash_note(worker, slot, reason);
	life_end(worker, slot, NOH_WHY_FAILED, 0, reason);
}

void turn_failed(struct worker *worker)
{
	struct slot *slot = worker->running;
	struct envelope *hand = worker->hand;

	worker->within_ns = 0;
	worker->postponed = worker->replay = false;
	failure_undo(&worker->scratch, &worker->first_failure);
	scratch_end(&worker->scratch);
	if (worker->stopping) {
		noh_log(NOH_ERROR, "failed while ending: %s", worker->failure);
		worker->hand = NULL;
		life_end_rest(worker, slot);
		return;
	}

	// The message in hand is lost; who asked hears of it at once.
	crash_note(worker, slot, worker->failure);
	worker->hand = NULL;
	if (hand) {
		if (post_kind(hand) == POST_MESSAGE && hand->ask)
			post_answer_error(hand->sender, hand->ask, -ECONNRESET, worker->failure);
		drop(worker, hand);
	}
	life_end(worker, slot, NOH_WHY_FAILED, 0, worker->failure);
}

void turn_resume_after_failure(struct worker *worker)
{
	struct slot *slot = worker->running;
	struct envelope *taken = worker->taken;

	worker->taken = NULL;
	turn_failed(worker);
	if (taken)
		one(worker, slot, taken);
	if (--worker->credit > worker->floor || grant_more(worker, slot)) {
		go_on(worker, slot);
	} else {
		run_turn_ends(worker);
		leave_with_mail(worker, slot);
	}
	end_turn(worker);
}
