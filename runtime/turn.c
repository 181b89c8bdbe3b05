/*
 * A turn: one visit of a worker to an actor. It takes envelopes until the mailbox is empty or the
 * budget is used up, and has each handled (handle.h).
 *
 * A failing handler jumps to the worker's loop (worker.c), so nothing that must be undone may be
 * kept in a local variable while a handler runs: it is in the worker, in the slot, or in scratch
 * memory.
 */
#include "runtime/turn.h"

#include <noh/noh.h>

#include "runtime/become.h"
#include "runtime/birth.h"
#include "runtime/crash.h"
#include "runtime/handle.h"
#include "runtime/life.h"
#include "runtime/saved.h"
#include "runtime/throttle.h"

static struct envelope *saved_or_queued(struct worker *worker, struct slot *slot);

// The tenant is to begin, before any mail. This counts as a message, as it does where a birth comes
// in an envelope.
static __attribute__((noinline)) struct envelope *begin(struct worker *worker, struct slot *slot)
{
	worker->credit--;
	birth_plain(worker, slot);
	return slot->saved ? saved_or_queued(worker, slot) : mailbox_take(&slot->in, &slot->out);
}

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
		worker->hand_detached = true;
		worker->afterwards |= AFTER_MESSAGE;
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
	worker->afterwards |= AFTER_TURN;
}

static inline void run_turn_ends(struct worker *worker)
{
	if (__builtin_expect(is_ptr(&worker->turn_ends, NULL), 1))
		return;
	while (worker->turn_ends) {
		struct turn_end *hook = worker->turn_ends;
		worker->turn_ends = hook->next == &nothing_more ? NULL : hook->next;
		hook->next = NULL;
		hook->run(hook);
	}
	worker->afterwards &= (uint8_t)~AFTER_TURN;
}

// The turn is over, and another does not follow at once.
static inline void end_turn(struct worker *worker)
{
	set_running(worker, NULL);
	worker->hand = NULL;
	worker->self = 0;
	worker->turn_until = worker->credit;
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

	// Senders that meet the mark hold back, and see where; a half-linked sender alone is no
	// overload.
	uint8_t mark = ck_pr_load_8(&slot->overloaded), here = throttle_mark(worker);
	if (mark ? mark != here
		 : !mailbox_seems_empty(&slot->out) && worker->credit <= turn_budget_end(worker) &&
			    !worker->throttle)
		ck_pr_store_8(&slot->overloaded, here);
	reschedule(worker, slot);
	worker->throttle = false;
}

// The budget is used up, or a sender is between its two steps: the actor goes on later.
static void end_turn_with_mail(struct worker *worker, struct slot *slot)
{
	worker->hand = NULL;
	run_turn_ends(worker);
	leave_with_mail(worker, slot);
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
	handle_one(worker, slot, envelope);
}

static inline struct envelope *take(struct worker *worker, struct slot *slot)
{
	if (__builtin_expect(slot->saved != NULL, 0))
		return slot->saved == &not_begun ? begin(worker, slot)
						 : saved_or_queued(worker, slot);
	return mailbox_take(&slot->in, &slot->out);
}

static inline void to_tenant(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	if (__builtin_expect(is_ending_asked(slot), 0))
		end_before(worker, slot, envelope);
	else
		handle_one(worker, slot, envelope);
}

// All mail that can be seen has been taken, and the turn is most likely over.
static inline void before_idle(struct slot *slot)
{
	// Only what the saved list holds may be left, and who does not want it now is idle.
	if (__builtin_expect(!is_8(&slot->overloaded, 0), 0))
		ck_pr_store_8(&slot->overloaded, 0);
}

static bool is_more_linked(const struct slot *slot)
{
	for (int i = 0; i < 64 && mailbox_seems_empty(&slot->out); i++)
		ck_pr_stall();
	return !mailbox_seems_empty(&slot->out);
}

// One more message has been handled. False: it was the last of this turn.
static inline bool may_go_on(struct worker *worker, const struct slot *slot)
{
	return --worker->credit >= worker->turn_until || grant_more(worker, slot);
}

// Whatever lives in the slot, or nobody, and whatever it is sent. `envelope` has been taken and is
// to be handled; NULL: nothing has. In line, as the next one is: who comes back from a fiber pays
// for each frame between, since no processor foresees where those return to.
static inline __attribute__((always_inline)) void
go_on_anyhow(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	worker->hand = NULL;
	if (!envelope)
		envelope = take(worker, slot);
	for (;;) {
		if (__builtin_expect(envelope != NULL, 1)) {
			to_tenant(worker, slot, envelope);
		} else if (__builtin_expect(slot->flags & SLOT_LOOKS, 0)) {
			fiber_saw_nothing(worker, slot);
		} else {
			run_turn_ends(worker);
			before_idle(slot);
			if (mailbox_go_idle(&slot->in, &slot->out))
				return;
			// Else a sender was stopped between its two steps: it gets the time it
			// needs.
			if (!is_more_linked(slot)) {
				worker->credit--; // or turns like this would never end
				break;
			}
			envelope = take(worker, slot);
			continue;
		}
		if (!may_go_on(worker, slot))
			break;
		envelope = take(worker, slot);
	}
	end_turn_with_mail(worker, slot);
}

// Lives, has handlers, and nothing is to be looked at but its mail: nobody wishes its end, nothing
// is saved or noted.
static inline bool is_plain(const struct slot *slot)
{
	const struct slot others = {.flags = SLOT_STATE_MASK | SLOT_FIBER | SLOT_STAMPED |
					     SLOT_NOTED,
				    .has_saved = UINT8_MAX,
				    .ending = UINT32_MAX};
	return __builtin_expect(has_none_64(&slot->condition, others.condition), 1);
}

enum step {
	STEP_DONE,  // and the turn goes on
	STEP_LAST,  // the turn is over
	STEP_OTHER, // the turn goes on, but not plainly
};

// A message of a plain actor. If it is none of one cache line for this tenant, nothing is done with
// it: then it is in `ret_envelope`, and has been taken.
static inline __attribute__((always_inline)) enum step
step_plainly(struct worker *worker, struct slot *slot, uint64_t tenant, struct envelope *envelope,
	     struct envelope **ret_envelope)
{
	if (!is_small_and_usual(tenant, envelope)) {
		handle_catch_up(slot, envelope);
		*ret_envelope = envelope;
		return STEP_OTHER;
	}
	bool as_usual = handle_and_hold(worker, slot, envelope, envelope->type);
	if (!may_go_on(worker, slot)) {
		if (as_usual)
			handle_catch_up(slot, envelope);
		end_turn_with_mail(worker, slot);
		return STEP_LAST;
	}
	return as_usual ? STEP_DONE : STEP_OTHER;
}

// Takes what comes after a message that has been handled, or that was `seen` before. That look is
// the one that counts: a load waits for the atomic operations before it, and the handler has most
// likely sent; so where nobody can guess whether there is more, the processor knows it sooner, and
// by a branch of its own. False: there is nothing.
static inline __attribute__((always_inline)) bool take_after(struct slot *slot,
							     struct envelope *handled,
							     struct envelope *seen,
							     struct envelope **ret_next)
{
	if (seen) {
		__asm__("" : "+r"(seen)); // or compilers make a copy before, on the stack
		mailbox_take_after(&slot->out, handled, seen);
		*ret_next = seen;
		return true;
	}
	struct envelope *next = mailbox_peek_after(handled);
	if (__builtin_expect(!next, 1))
		return false;
	mailbox_take_after(&slot->out, handled, next);
	*ret_next = next;
	return true;
}

// True: the turn is over. False: there is more mail.
static inline bool leave_plainly(struct slot *slot, struct envelope *last, bool is_at_stub)
{
	before_idle(slot);
	if (is_at_stub ? !mailbox_leave_at_stub(&slot->in, &slot->out, last)
		       : !mailbox_leave(&slot->in, &slot->out, last))
		return false;
	envelope_free_small(last);
	return true;
}

// What most turns are: plain messages to a plain actor, for as long as that is all. True: the turn
// is over. Else `ret_envelope` has been taken and is to be handled; NULL: nothing has. (Who wishes
// its end and then sends: the mail is seen first, the wish after it.)
//
// The first message and later ones are told apart by their places in the program: so both are well
// predicted, which together they are not. And the first stays behind the stub until more is to be
// done than to handle it: the tail of a mailbox is not written where a turn has one message
// (handle_catch_up()).
static inline __attribute__((always_inline)) bool go_on_plainly(struct worker *worker,
								struct slot *slot, uint64_t tenant,
								struct envelope **ret_envelope)
{
	struct envelope *envelope, *next;
	enum step step;

	*ret_envelope = NULL;
	if (__builtin_expect(mailbox_is_at_stub(&slot->in, &slot->out), 1)) {
		envelope = mailbox_peek_at_stub(&slot->in);
		if (!envelope || !is_plain(slot))
			return false;
		struct envelope *seen = mailbox_peek_after(envelope);
		step = step_plainly(worker, slot, tenant, envelope, ret_envelope);
		if (step != STEP_DONE)
			return step == STEP_LAST;
		if (!take_after(slot, envelope, seen, &next))
			return leave_plainly(slot, envelope, true);
	} else {
		if (!mailbox_peek(&slot->out) || !is_plain(slot))
			return false;
		next = mailbox_take(&slot->in, &slot->out);
	}
	for (;;) {
		envelope = next;
		if (__builtin_expect(!is_32(&slot->ending, 0), 0)) { // of whom, the others see
			*ret_envelope = envelope;
			return false;
		}
		struct envelope *seen = mailbox_peek_after(envelope);
		step = step_plainly(worker, slot, tenant, envelope, ret_envelope);
		if (step != STEP_DONE)
			return step == STEP_LAST;
		if (!take_after(slot, envelope, seen, &next))
			return leave_plainly(slot, envelope, false);
	}
}

static inline __attribute__((always_inline)) void go_on(struct worker *worker, struct slot *slot,
							uint64_t tenant)
{
	struct envelope *envelope;
	if (__builtin_expect(!go_on_plainly(worker, slot, tenant, &envelope), 0))
		go_on_anyhow(worker, slot, envelope);
}

void turn(struct worker *worker, struct slot *slot)
{
	// Those that talk take turns here, without the worker's loop in between, until it is time
	// to look elsewhere: after some LOOK_EVERY_NS, or QUANTUM_MOST messages and a turn more.
	do {
		uint64_t tenant = slot_handle(slot);
		set_running(worker, slot);
		worker->self = tenant;
		worker->statistics.turns++;
		worker->turn_until = worker->credit - worker->grant;
		go_on(worker, slot, tenant);
		set_running(worker, NULL);
	} while (worker->credit >= 0 && (slot = take_soon(worker)));
	end_turn(worker);
}

static inline void give(struct worker *worker, struct slot *slot, uint32_t id, const void *body,
			const struct noh_delivery *answer)
{
	slot->type->receive(slot->state, id, body, answer);
	enum noh_handled handled = take_handled(worker);
	scratch_end(&worker->scratch);
	take_handled(worker); // of what was deferred: nothing has been handled there
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
	if (slot->type->receive)
		give(worker, slot, noh_message_id(type), body, NULL);
}

void turn_give_outcome(struct worker *worker, struct slot *slot, uint32_t asked_id,
		       const struct noh_outcome *outcome)
{
	struct noh_delivery answer = {.asked_id = asked_id, .outcome = outcome};
	give(worker, slot, 0, NULL, &answer);
}

static __attribute__((noinline)) void end_unusually(struct worker *worker, struct slot *slot)
{
	const char *reason = worker->end_reason;
	if (worker->end_code)
		noh_log(NOH_WARN, "ends with code %lld: %s", (long long)worker->end_code,
			reason ? reason : "");
	if (slot->flags & SLOT_ENDS_LATER)
		life_end_now(worker, slot);
	else
		life_end(worker, slot, NOH_WHY_FAILED, worker->end_code, reason);
}

void turn_end_as_asked(struct worker *worker, struct slot *slot)
{
	if (__builtin_expect(slot->flags & SLOT_ENDS_LATER || worker->end_code, 0))
		end_unusually(worker, slot);
	else
		life_end(worker, slot, NOH_WHY_NORMAL, 0,
			 worker->end_reason); // freed by life_end_rest()
}

void turn_fail(struct worker *worker, struct slot *slot, const char *reason)
{
	crash_note(worker, slot, reason);
	life_end(worker, slot, NOH_WHY_FAILED, 0, reason);
}

void turn_resume_after_failure(struct worker *worker)
{
	struct slot *slot = worker->running;
	struct envelope *taken = worker->taken;

	worker->taken = NULL;
	if (worker->hand)
		handle_catch_up(slot, worker->hand);
	handle_failed(worker);
	if (taken)
		handle_one(worker, slot, taken);
	if (may_go_on(worker, slot))
		go_on_anyhow(worker, slot, NULL);
	else
		end_turn_with_mail(worker, slot);
	end_turn(worker);
}
