/*
 * Lives: how an actor fails, ends, and leaves its slot.
 *
 * An end has three steps. First the actor itself: noh_stopping, its fiber's stack. Then its
 * children: they are shut down, and the actor stays until the last has ended (state ENDING), so
 * that a tree goes leaves first. Then what it owned is released, who watches is told, the handle
 * ends, and the parent is sent CONTROL_ENDED: it unlinks the child and gives the slot free. From
 * that message on the slot may have a new tenant, so nothing of it may be touched but through the
 * mailbox, whose next envelopes are stale ones or the new tenant's first.
 *
 * An actor that keeps its place skips the last step: it tells its parent and waits in LIMBO, its
 * mail saved, to be restarted or let go.
 */
#include "runtime/life.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

#include "runtime/asks.h"
#include "runtime/become.h"
#include "runtime/birth.h"
#include "runtime/bound.h"
#include "runtime/crash.h"
#include "runtime/dead.h"
#include "runtime/extend.h"
#include "runtime/family.h"
#include "runtime/fibers.h"
#include "runtime/grace.h"
#include "runtime/guardian.h"
#include "runtime/idle.h"
#include "runtime/links.h"
#include "runtime/memory.h"
#include "runtime/results.h"
#include "runtime/saved.h"
#include "runtime/state.h"
#include "runtime/trace.h"
#include "runtime/turn.h"
#include "runtime/watches.h"

// ---- leaving

static void release_owned(struct worker *worker, struct slot *slot, const struct ending *ending)
{
	struct extras *extras = slot->extras;

	asks_drop(worker, slot, ending);
	idle_drop(slot);
	if (extras->relations)
		watches_drop(slot);
	while (extras->owned) {
		struct owned *owned = extras->owned;
		disown(owned);
		owned->release(owned);
	}
	if (extras->rare)
		extras->rare->owned_bytes = 0;
	kept_drop_all(extras);
}

static inline void tell_parent(const struct extras *extras, uint64_t parent, uint64_t self,
			       const struct ending *ending, char *crash, bool in_limbo)
{
	const struct rare *rare = extras ? extras->rare : NULL;
	if (rare && rare->result && ending->why == NOH_WHY_NORMAL)
		result_tell_parent(extras, parent, self, in_limbo);
	struct child_ended ended = {.why = ending->why,
				    .code = ending->code,
				    .reason = ending->reason ? strdup(ending->reason) : NULL,
				    .crash = crash,
				    .in_limbo = in_limbo,
				    .restarts_heard = rare ? rare->restarts_heard : 0};
	post_control(parent, CONTROL_ENDED, self, &ended, sizeof(ended));
}

// A normal end. Written where it is read: to build it elsewhere and copy it in wider words than it
// was written in makes the copy wait.
static inline void tell_parent_of_plain_end(struct worker *worker, uint64_t parent, uint64_t self)
{
	struct slot *slot = &slot_table[handle_index(parent)];
	struct envelope *envelope = control_envelope(CONTROL_ENDED, parent, self, NULL, 0);
	memset(envelope->body, 0, sizeof(envelope->body)); // NOH_WHY_NORMAL
	if (mailbox_push(&slot->in, envelope) && !runs_next(worker, slot))
		schedule(slot);
}

void slot_free_elsewhere(struct slot *slot)
{
	if (slot_is_retired(slot))
		return; // its generations are used up: retired

	struct noh_runtime *runtime = slot_runtime(slot);
	struct slot_cache cache = {.depot = &runtime->slots};
	slot_give(&cache, slot);
	slot_flush(&cache);
}

void child_slot_free(uint64_t handle)
{
	struct worker *worker = this_worker;
	if (worker)
		slot_free(worker, handle);
	else
		slot_free_elsewhere(&slot_table[handle_index(handle)]);
}

// The state is freed.
static inline void leave_slot(struct worker *worker, struct slot *slot)
{
	slot->state = NULL;
	slot_set_home(slot, ANY_WORKER);
	ck_pr_store_16(&slot->marks, 0);
	slot->throttle_step = 0;
	slot->flags = SLOT_FREE;
	ck_pr_store_ptr(&slot->type, NULL);
	slot_advance(slot);
	worker->self = 0;
	worker->statistics.ended++;
}

// The last step: from here on the slot is nobody's.
static void leave(struct worker *worker, struct slot *slot, const struct ending *ended)
{
	uint64_t self = slot_handle(slot), parent = slot->parent;
	struct ending ending = *ended;

	if (rare_if_any(slot))
		state_free(slot->type, slot->extras->rare->next_state, slot->supervised);
	state_free(slot->type, slot->state, slot->supervised);
	leave_slot(worker, slot);
	if (slot->extras)
		postponed_replay(worker, slot);
	saved_dead(worker->runtime, slot, self, "ended before it was handled");
	if (slot->bound)
		bound_end(slot, self);
	struct extras *extras = slot->extras;
	slot->extras = NULL;
	if (extras && extras->attached)
		attached_tell(extras);

	// The parent first: that it monitors the child is how it shows that it handles the end.
	if (parent)
		tell_parent(extras, parent, self, &ending, extras ? crash_take(extras) : NULL,
			    false);
	else
		child_slot_free(self); // the guardian
	if (extras) {
		if (extras->relations) {
			links_signal(extras, self, &ending);
			watchers_tell(extras, self, &ending, false, true);
		}
		if (extras->rare)
			extras->rare->ending.reason = NULL;
		extras_free(extras);
	}
	if (ending.reason)
		free(ending.reason);
}

static void start_again(struct worker *worker, struct slot *slot, void *state)
{
	struct rare *rare = rare_of(slot);

	watchers_tell(slot->extras, worker->self, &rare->ending, true, false);
	rare->restarts++;
	free(rare->last_failure);
	rare->last_failure = rare->ending.reason;
	if (rare->result)
		result_destroy(rare->result);
	rare->result = NULL;
	rare->ending = (struct ending){0};
	free(crash_take(slot->extras)); // of a life that was restarted before its end: not told
	slot->state = state;
	if (rare->born_as)
		ck_pr_store_ptr(&slot->type, (void *)rare->born_as);
	birth_again(worker, slot);
}

bool life_keeps_mail(const struct slot *slot)
{
	if (slot->flags & SLOT_DROPS_MAIL)
		return false;
	return slot_state(slot) == SLOT_LIMBO ||
	       (slot_state(slot) == SLOT_ENDING && slot->flags & SLOT_KEEPS_PLACE);
}

static void go_into_limbo(struct worker *worker, struct slot *slot)
{
	struct extras *extras = slot->extras;
	struct rare *rare = rare_of(slot);
	void *next_state = rare->next_state;

	state_free(slot->type, slot->state, slot->supervised);
	slot->state = NULL;
	postponed_replay(worker, slot);
	saved_drop_caused(slot);
	slot_set_state(slot, SLOT_LIMBO);
	if (!life_keeps_mail(slot))
		saved_dead(worker->runtime, slot, worker->self, "ended before it was handled");
	if (!next_state) // before the links, as in leave()
		tell_parent(extras, slot->parent, worker->self, &rare->ending, crash_take(extras),
			    true);
	links_signal(extras, worker->self, &rare->ending);
	if (next_state) {
		rare->next_state = NULL;
		start_again(worker, slot, next_state);
	}
}

// The children are gone.
static void finish(struct worker *worker, struct slot *slot, const struct ending *ending)
{
	if (slot->timers)
		worker->runtime->seams->time->drop(slot);
	if (slot->extras)
		release_owned(worker, slot, ending);
	if (slot->type == &guardian_actor_type)
		guardian_gone(worker->runtime);
	if (slot->flags & SLOT_KEEPS_PLACE) {
		struct rare *rare = rare_of(slot);
		if (ending != &rare->ending)
			rare->ending = *ending;
		go_into_limbo(worker, slot);
	} else {
		leave(worker, slot, ending);
	}
}

void life_end_rest(struct worker *worker, struct slot *slot)
{
	if (slot->flags & SLOT_FIBER)
		fiber_destroy(worker, slot); // what it deferred may fail
	struct ending ending = worker->ending;
	worker->ending = (struct ending){0};
	worker->stopping = worker->ends_later = false;
	worker->end_asked = false;
	if (worker->end_reason)
		free(worker->end_reason); // of a noh_end() that came to nothing
	worker->end_reason = NULL;
	slot->flags &= (uint16_t) ~(SLOT_STARTING | SLOT_STARTS_LATER | SLOT_ENDS_LATER);

	if (slot->extras && child_count(slot->extras)) {
		rare_of(slot)->ending = ending;
		family_end(slot->extras, ENDING_SHUTDOWN);
		return;
	}
	finish(worker, slot, &ending);
}

// What a supervised actor still owes its parent.
static __attribute__((noinline)) void birth_and_crash(struct worker *worker, struct slot *slot,
						      int why)
{
	// A fiber that has returned needs no first wait to have started.
	if (why == NOH_WHY_NORMAL && slot->flags & SLOT_FIBER && !worker->end_asked)
		birth_tell(worker, slot);
	if (why == NOH_WHY_FAILED || why == NOH_WHY_KILLED)
		crash_tell(worker, slot);
	worker->failed_in = 0;
}

// noh_end_later(): how it will end is known, but not yet when.
static __attribute__((noinline)) void live_on(struct worker *worker, struct slot *slot)
{
	rare_of(slot)->ending = worker->ending;
	worker->ending = (struct ending){0};
	worker->stopping = worker->ends_later = false;
	slot_set_state(slot, SLOT_ALIVE);
	slot->flags |= SLOT_ENDS_LATER;
	if (slot->extras->rare->ending.why == NOH_WHY_SHUTDOWN)
		grace_begin(worker, slot);
}

void life_end_now(struct worker *worker, struct slot *slot)
{
	slot_set_state(slot, SLOT_ENDING);
	worker->ending = slot->extras->rare->ending;
	worker->stopping = true;
	life_end_rest(worker, slot);
}

void noh_end_later(void)
{
	struct worker *worker = worker_of_call("noh_end_later");
	if (worker->stopping && !worker->fiber) {
		worker->ends_later = true;
		worker->afterwards |= AFTER_MESSAGE;
	}
}

// Not in order: killed.
static void end_life(struct worker *worker, struct slot *slot, int why, int64_t code,
		     const char *reason, bool in_order)
{
	if (slot_state(slot) != SLOT_ALIVE)
		return;
	if (__builtin_expect(slot->flags & SLOT_ENDS_LATER, 0)) {
		if (why == NOH_WHY_SHUTDOWN)
			grace_begin(worker, slot);
		if (why == NOH_WHY_NORMAL || why == NOH_WHY_SHUTDOWN)
			return; // it is at it
		free(slot->extras->rare->ending.reason);
		slot->extras->rare->ending.reason = NULL;
	}

	slot_set_state(slot, SLOT_ENDING);
	worker->ending = (struct ending){
		.why = why, .code = code, .reason = reason && *reason ? strdup(reason) : NULL};
	if (trace_on)
		trace_end(worker->self, slot->type, why, reason);

	if (worker->self == worker->runtime->root)
		guardian_root_ends(worker->runtime);

	// Should it fail from here on, handle_failed() goes on with the rest.
	worker->stopping = true;
	if (__builtin_expect(slot->supervised, 0))
		birth_and_crash(worker, slot, why);
	worker->end_asked = false; // it is being fulfilled
	if (in_order && slot->flags & SLOT_HEARS_STOPPING && !(slot->flags & SLOT_ENDS_LATER)) {
		struct noh_stopping stopping = {
			.why = why,
			.code = code,
			.reason = worker->ending.reason ? worker->ending.reason : ""};
		turn_give(worker, slot, &noh_stopping_message, &stopping);
		if (__builtin_expect(worker->ends_later, 0) && !worker->end_asked) {
			live_on(worker, slot);
			return;
		}
	}
	life_end_rest(worker, slot);
}

// Has had children, and nothing else.
static inline bool is_bare(const struct extras *extras)
{
	return !((uintptr_t)extras->owned | (uintptr_t)extras->kept | (uintptr_t)extras->attached |
		 (uintptr_t)extras->fiber | (uintptr_t)extras->asks | (uintptr_t)extras->relations |
		 (uintptr_t)extras->rare);
}

// In this state: whether it has nothing to be released but its state and what it knows its children
// by, wants to hear nothing, and leaves nobody to be told of a normal end but its parent.
static inline bool is_plain(const struct slot *slot, enum slot_state state)
{
	const uint16_t others = SLOT_STATE_MASK | SLOT_KEEPS_PLACE | SLOT_FIBER | SLOT_ENDS_LATER |
				SLOT_HEARS_STOPPING;
	uintptr_t owned = (uintptr_t)slot->saved | (uintptr_t)slot->bound | slot->timers;
	return (slot->flags & others) == state && !owned && !slot->supervised && slot->parent &&
	       (!slot->extras || is_bare(slot->extras));
}

// All steps of a normal end at once, for who is plain.
static inline void leave_plainly(struct worker *worker, struct slot *slot)
{
	uint64_t self = slot_handle(slot), parent = slot->parent;

	state_free_plainly(slot->type, slot->state);
	leave_slot(worker, slot);
	tell_parent_of_plain_end(worker, parent, self);
}

// The same for one that has had children.
static __attribute__((noinline)) void end_parent_plainly(struct worker *worker, struct slot *slot)
{
	struct extras *extras = slot->extras;

	if (child_count(extras)) {
		slot_set_state(slot, SLOT_ENDING);
		family_end(extras, ENDING_SHUTDOWN);
		return;
	}
	slot->extras = NULL;
	leave_plainly(worker, slot);
	extras_free(extras);
}

void life_end(struct worker *worker, struct slot *slot, int why, int64_t code, const char *reason)
{
	bool plain = why == NOH_WHY_NORMAL && !reason && is_plain(slot, SLOT_ALIVE) && !trace_on;
	if (__builtin_expect(!plain, 0)) {
		end_life(worker, slot, why, code, reason, true);
		return;
	}
	worker->end_asked = false;
	if (slot->extras)
		end_parent_plainly(worker, slot);
	else
		leave_plainly(worker, slot);
}

void life_ending_asked(struct worker *worker, struct slot *slot)
{
	uint32_t word = ck_pr_load_32(&slot->ending), how = word & ENDING_TREE;

	// A restart is under way, and the wish may be meant for the life that it begins.
	if (slot_state(slot) == SLOT_LIMBO && how == ENDING_SHUTDOWN &&
	    ck_pr_load_8(&slot->keeps_place) == KEEPS_ALWAYS &&
	    ck_pr_load_8(&slot->restarts_asked) != rare_of(slot)->restarts_heard)
		return;

	// Taken; what is added from now on is another wish.
	if (!swap_if_32(&slot->ending, word, 0)) // pairs with post_ending()
		return;

	switch (slot_state(slot)) {
	case SLOT_ALIVE:
		if (how & ENDING_SHUTDOWN && ck_pr_load_8(&slot->keeps_place) != KEEPS_ALWAYS)
			slot->flags &= (uint16_t)~SLOT_KEEPS_PLACE;
		if (how & ENDING_KILL)
			end_life(worker, slot, NOH_WHY_KILLED, 0, "killed", false);
		else
			life_end(worker, slot, NOH_WHY_SHUTDOWN, 0, "shutdown");
		if (how != ENDING_TREE || slot_state(slot) != SLOT_ENDING)
			break;
		family_end(slot->extras, ENDING_TREE);
		break;
	case SLOT_ENDING:
		if (how & ENDING_KILL)
			family_end(slot->extras, ENDING_TREE);
		break;
	case SLOT_LIMBO:
		// There is no life that could be killed; the place is the parent's.
		if (how & ENDING_SHUTDOWN && ck_pr_load_8(&slot->keeps_place) != KEEPS_ALWAYS)
			life_let_go(worker, slot);
		break;
	case SLOT_FREE:
		break;
	}
}

void life_child_ended(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	family_hear(worker, slot, envelope);
	if (__builtin_expect(slot_state(slot) != SLOT_ENDING, 1) || child_count(slot->extras))
		return;
	// Who ends plainly has nothing to remember of it.
	static const struct ending normally;
	const struct rare *rare = slot->extras->rare;
	if (is_plain(slot, SLOT_ENDING))
		end_parent_plainly(worker, slot);
	else
		finish(worker, slot, rare ? &rare->ending : &normally);
}

// ---- a place that is kept

void life_restart(struct worker *worker, struct slot *slot, void *state)
{
	if (!(slot->flags & SLOT_KEEPS_PLACE)) {
		state_free(slot->type, state, slot->supervised);
		return;
	}
	struct rare *rare = rare_of(slot);
	rare->restarts_heard++;
	if (slot_state(slot) == SLOT_LIMBO) {
		start_again(worker, slot, state);
		return;
	}

	// It lives, or still waits for its children: it starts again as soon as it has ended.
	state_free(slot->type, rare->next_state, slot->supervised);
	rare->next_state = state;
	life_end(worker, slot, NOH_WHY_FAILED, 0, "restarted by its parent");
}

void life_let_go(struct worker *worker, struct slot *slot)
{
	if (slot_state(slot) != SLOT_LIMBO) {
		slot->flags &= (uint16_t)~SLOT_KEEPS_PLACE;
		return;
	}
	leave(worker, slot, &rare_of(slot)->ending);
}
