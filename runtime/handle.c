/*
 * One message: to which handler, fiber or part of the runtime an envelope in hand goes, and what
 * becomes of it then. Knows nothing of budgets, nor where envelopes come from.
 */
#include "runtime/handle.h"

#include <errno.h>

#include <noh/noh.h>

#include "runtime/asks.h"
#include "runtime/become.h"
#include "runtime/control.h"
#include "runtime/crash.h"
#include "runtime/dead.h"
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
#include "runtime/turn.h"
#include "runtime/watches.h"

void noh_not_understood(void)
{
	struct worker *worker = worker_of_call("noh_not_understood");
	if (worker->fiber)
		noh_fail("noh_not_understood is for handlers: a fiber receives what it names");
	note_handled(worker, NOH_NOT_UNDERSTOOD);
}

static void not_understood(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	if (post_kind(envelope) == POST_MESSAGE && envelope->ask) {
		post_answer_error(envelope->sender, envelope->ask, -ENOTSUP, slot->type->name);
		envelope->ask = 0;
	}
	dead_count(worker->runtime, worker->self, envelope->sender, message_info(post_id(envelope)),
		   envelope->body, "not understood");
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

void handle_failed(struct worker *worker)
{
	struct slot *slot = worker->running;
	struct envelope *hand = worker->hand;

	worker->within_ns = 0;
	worker->postponed = worker->replay = false;
	worker->handled = NOH_HANDLED;
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

void handle_done(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	enum noh_handled handled = take_handled(worker);
	worker->afterwards &= (uint8_t)~AFTER_MESSAGE;
	// Most often it has only ended its life.
	if (handled == NOH_HANDLED && worker->end_asked && !worker->scratch.used &&
	    !worker->postponed && !worker->hand_detached && !worker->replay &&
	    envelope->type < POST_MARKED) {
		worker->hand = NULL;
		turn_end_as_asked(worker, slot);
		return;
	}
	if (handled == NOH_FAILED) {
		handle_failed(worker);
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
	take_handled(worker);          // or say what counts no more
	put_away(worker, slot, envelope);
	if (worker->end_asked)
		turn_end_as_asked(worker, slot);
}

// A handler has returned, and there is something to do at once.
static inline bool is_more_to_do(const struct worker *worker)
{
	return worker->afterwards & AFTER_MESSAGE;
}

void handle_catch_up(struct slot *slot, struct envelope *hand)
{
	// What has been detached is in hand, too, but in no queue.
	if (mailbox_is_at_stub(&slot->in, &slot->out) && mailbox_peek_at_stub(&slot->in) == hand)
		mailbox_take_at_stub(&slot->out, hand);
}

void handle_left(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	handle_catch_up(slot, envelope);
	if (is_more_to_do(worker))
		handle_done(worker, slot, envelope);
	else
		worker->hand = NULL;
}

static inline void to_handler(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	uint32_t id = post_id(envelope);
	const struct message_info *info = message_info(id);

	worker->hand = envelope;
	worker->statistics.messages++;
	slot->type->receive(slot->state, id, envelope->body, NULL);
	if (is_more_to_do(worker) || envelope->ask || info->holds)
		handle_done(worker, slot, envelope);
	else
		worker->hand = NULL;
}

static void answer_to_handler(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	struct noh_outcome outcome;
	struct noh_delivery answer;
	if (!asks_take_answer(worker, slot, envelope, &outcome, &answer)) {
		asks_count_late(worker);
		drop(worker, envelope);
		return;
	}
	worker->hand = envelope;
	worker->statistics.messages++;
	slot->type->receive(slot->state, 0, answer.body, &answer);
	worker->within_ns = 0;
	handle_done(worker, slot, envelope);
}

static __attribute__((noinline)) void alarm_rings(struct worker *worker, struct slot *slot,
						  struct envelope *envelope)
{
	drop(worker, envelope);
	if (!guardian_alarm(worker, slot) && !grace_alarm(worker, slot))
		asks_alarm(worker, slot);
}

// An event, if its gate admits it; or a message that holds something and asks for no answer.
static __attribute__((noinline)) void simple_to_handler(struct worker *worker, struct slot *slot,
							struct envelope *envelope)
{
	struct gate *gate = (struct gate *)(uintptr_t)envelope->ask;
	uint32_t id = post_id(envelope);
	const struct message_info *info = message_info(id);

	if (gate && !gate->ops->admit(gate, envelope->body)) {
		drop(worker, envelope);
		return;
	}
	if (__builtin_expect(id == noh_message_id(&noh_alarm_message), 0)) {
		alarm_rings(worker, slot, envelope);
		return;
	}
	worker->hand = envelope;
	worker->statistics.messages++;
	slot->type->receive(slot->state, id, envelope->body, NULL);
	if (__builtin_expect(is_more_to_do(worker), 0)) {
		handle_done(worker, slot, envelope);
		return;
	}
	worker->hand = NULL;
	if (gate)
		gate->ops->retired(gate, envelope->body);
	message_release(info, envelope->body);
}

// Of a slot with SLOT_STAMPED: a quiet spell has not been as long as that.
static bool is_idle_too_soon(struct worker *worker, struct slot *slot,
			     const struct envelope *envelope)
{
	return post_id(envelope) == noh_message_id(&noh_idle_message) &&
	       !idle_is_over_limit(worker, slot);
}

// There is no life to handle it: the next one will, if there may be one and the old one has not
// caused it.
static void between_lives(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	enum post_kind kind = post_kind(envelope);

	if (slot->type == &guardian_actor_type && kind == POST_GATED)
		simple_to_handler(worker, slot, envelope); // its deadline, while it ends
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
	else if (kind == POST_GATED && slot->flags & SLOT_STAMPED &&
		 is_idle_too_soon(worker, slot, envelope))
		drop(worker, envelope);
	else if (kind == POST_GATED)
		simple_to_handler(worker, slot, envelope);
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
	if (lives && is_for_tenant(slot, envelope)) {
		struct being_handled now = begins_to_handle(worker, slot, envelope);
		worker->hand_detached = true;
		worker->afterwards |= AFTER_MESSAGE;
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
static __attribute__((noinline)) void handle_rare(struct worker *worker, struct slot *slot,
						  struct envelope *envelope)
{
	enum post_kind kind = post_kind(envelope);

	// The most frequent of what parts of the runtime tell each other.
	if (envelope->type == ((uint32_t)POST_CONTROL << POST_SHIFT | CONTROL_ENDED) &&
	    is_for_tenant(slot, envelope)) {
		life_child_ended(worker, slot, envelope);
		return;
	}
	if (kind == POST_CONTROL && is_token(envelope)) { // whoever lives here now
		from_lane(worker, slot);
		return;
	}
	if (!is_for_tenant(slot, envelope)) {
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
		handle_other(worker, slot, envelope); // for the next life, or nobody
		return;
	}
	to_living(worker, slot, envelope);
}

// Of what handle_other() is given the most frequent: simple, for a living actor with handlers, and
// nothing else is to be looked at before.
static inline bool is_simple(const struct slot *slot, const struct envelope *envelope)
{
	const int how = SLOT_STATE_MASK | SLOT_FIBER | SLOT_STAMPED;
	uint32_t kind = post_type(envelope) & ~(uint32_t)(POST_ID_MASK | POST_HELD);
	uint32_t usual = envelope->ask ? (uint32_t)POST_GATED << POST_SHIFT : 0;

	return kind == usual && (slot->flags & how) == SLOT_ALIVE && is_for_tenant(slot, envelope);
}

void handle_other(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	if (is_simple(slot, envelope))
		simple_to_handler(worker, slot, envelope);
	else
		handle_rare(worker, slot, envelope);
}

// In a simulation and for supervised actors: what is handled goes the same ways.
void handle_noted(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	bool usual = is_usual(slot, envelope);
	int how = slot->flags & (SLOT_STATE_MASK | SLOT_FIBER | SLOT_STAMPED);

	struct being_handled now = begins_to_handle(worker, slot, envelope);

	if (worker->runtime->simulation)
		simulation_note(worker, slot, envelope);
	if (usual && how == SLOT_ALIVE)
		handle_plain(worker, slot, envelope);
	else if (usual && how == (SLOT_ALIVE | SLOT_FIBER))
		fiber_offer_message(worker, slot, envelope);
	else
		handle_other(worker, slot, envelope);
	has_handled(worker, slot, &now);
}
