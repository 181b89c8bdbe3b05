/*
 * Receiving: what a fiber calls to get the next message that it wants. Saved mail is looked at
 * first, then what the mailbox holds; only then does the fiber wait.
 *
 * A fiber remembers for the types that it looked for lately how far through its saved mail it has
 * looked in vain, so that waiting again costs nothing however much is saved. (What a predicate says
 * may change from call to call, so nothing is remembered of those.)
 */
#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

#include "runtime/fiber.h"
#include "runtime/saved.h"
#include "runtime/simulation.h"
#include "runtime/state.h"

// ---- how far it has looked

static bool is_for(const struct looked *looked, const struct noh_message_type *const *types)
{
	uint32_t i = 0;

	for (; i < looked->count; i++)
		if (!types[i] || noh_message_id(types[i]) != looked->ids[i])
			return false;
	return i && !types[i];
}

static struct looked *looked_for(struct fiber *fiber, const struct noh_message_type *const *types)
{
	for (int i = 0; i < LOOKED_MOST; i++)
		if (is_for(&fiber->looked[i], types))
			return &fiber->looked[i];
	return NULL;
}

// All that is saved has been looked at in vain.
static struct looked *remember(struct fiber *fiber, const struct noh_message_type *const *types)
{
	uint32_t count = 0;

	while (types[count])
		if (++count > LOOKED_IDS)
			return NULL;
	if (!fiber->looked)
		fiber->looked = must_allocate_zeroed(LOOKED_MOST * sizeof(*fiber->looked));
	struct looked *looked = &fiber->looked[fiber->forgets++ % LOOKED_MOST];
	looked->count = count;
	for (uint32_t i = 0; i < count; i++)
		looked->ids[i] = noh_message_id(types[i]);
	return looked;
}

void fiber_loses_saved(struct slot *slot, const struct envelope *taken, struct envelope *before)
{
	struct fiber *fiber = slot->extras ? slot->extras->fiber : NULL;

	for (int i = 0; fiber && fiber->looked && i < LOOKED_MOST; i++)
		if (fiber->looked[i].upto == taken)
			fiber->looked[i].upto = before;
}

// ---- what is saved, and what is in the mailbox

static bool is_of_types(const struct envelope *envelope, const void *argument)
{
	const struct noh_message_type *const *type =
		(const struct noh_message_type *const *)argument;
	uint32_t id = post_id(envelope);

	if (!*type)
		return true;
	for (; *type; type++)
		if (noh_message_id(*type) == id)
			return true;
	return false;
}

// Of the saved ones behind `after` the first that is wanted, and still there for it.
static struct envelope *look_behind(struct fiber *fiber, struct envelope *after)
{
	struct envelope *before;

	while ((before = saved_find(fiber->slot, after, fiber->is_wanted, fiber->argument))) {
		after = before == fiber->slot->saved ? NULL : before;
		struct envelope *envelope = saved_take_after(fiber->slot, before);
		worker_here()->credit--;
		if (fiber_admits(fiber, envelope))
			return envelope;
		envelope_release(envelope);
		envelope_free(envelope);
	}
	return NULL;
}

static struct envelope *look_for_types(struct fiber *fiber,
				       const struct noh_message_type *const *types)
{
	struct looked *looked = fiber->looked ? looked_for(fiber, types) : NULL;
	struct envelope *envelope = look_behind(fiber, looked ? looked->upto : NULL);

	if (envelope)
		return envelope;
	if (!looked && types[0])
		looked = remember(fiber, types);
	if (looked)
		looked->upto = fiber->slot->saved;
	fiber->looking = looked;
	return NULL;
}

// The next envelope of the mailbox, if it is one that the turn need not see: a plain message, while
// nothing else is to be done.
static struct envelope *take_plain(struct worker *worker, struct slot *slot)
{
	struct envelope *next = mailbox_peek(&slot->out);

	if (!next || next->type >= POST_MARKED || is_grant_used_up(worker) ||
	    next->to != (uint32_t)worker->self || ck_pr_load_32(&slot->ending))
		return NULL;
	if (__builtin_expect(slot->flags & (SLOT_STAMPED | SLOT_NOTED), 0)) {
		if (slot->flags & SLOT_STAMPED)
			return NULL;
		if (worker->runtime->simulation)
			simulation_note(worker, slot, next);
	}
	worker->credit--;
	worker->statistics.messages++;
	return mailbox_take(&slot->in, &slot->out);
}

static struct envelope *take_from_mailbox(struct fiber *fiber)
{
	struct worker *worker = worker_here();
	struct envelope *envelope;

	while ((envelope = take_plain(worker, fiber->slot))) {
		if (post_type(envelope) == fiber->wanted_id ||
		    fiber->is_wanted(envelope, fiber->argument))
			return fiber_take(fiber, envelope);
		fiber_save_unwanted(fiber, envelope);
	}
	return NULL;
}

// ---- waiting

static uint64_t deadline_of(int64_t within_ms)
{
	if (within_ms <= 0)
		return UINT64_MAX;
	return clock_after_ms(deadline_now_ns(worker_here()), within_ms);
}

static void receive_waits(struct fiber *fiber, int64_t within_ms, uint64_t deadline_ns)
{
	if (within_ms == 0)
		fiber->slot->flags |= SLOT_LOOKS;
	fiber_wait_until(fiber, FIBER_RECEIVES, deadline_ns);
}

static __attribute__((noinline)) void remember_handled(struct slot *slot, uint32_t id)
{
	if (slot->supervised)
		handled_add(state_handled(slot->type, slot->state), id);
}

// What was lent is given back, and the message in hand is done with.
static struct fiber *receive_begins(const char *call)
{
	struct fiber *fiber = running_fiber(call);
	struct worker *worker = worker_here();

	if (__builtin_expect(worker->end_asked, 0))
		fiber_wait(fiber, FIBER_RECEIVES); // not resumed any more
	if (__builtin_expect(fiber->examined != NULL, 0))
		noh_fail("the predicate of a noh_receive_if() must not receive");
	if (__builtin_expect(fiber->slot->flags & SLOT_NOTED, 0) && fiber->hand)
		remember_handled(fiber->slot, post_id(fiber->hand));
	if (fiber->lent || fiber->scratch.used || (fiber->hand && fiber->hand->ask))
		fiber_give_back_lent(fiber);
	fiber->hand = worker->hand = NULL;
	if (__builtin_expect(is_grant_used_up(worker), 0) && fiber->slot->saved)
		fiber_let_others_run(fiber); // what is saved may be much
	fiber->looking = NULL;
	return fiber;
}

static const struct noh_delivery *receive_ends(struct fiber *fiber, struct envelope *envelope)
{
	if (!envelope)
		return NULL;

	uint32_t id = post_id(envelope);
	if (envelope != &fiber->copy)
		fiber_keep_lent(fiber, envelope);
	fiber->hand = worker_here()->hand = envelope;
	fiber->delivery = (struct noh_delivery){.id = id, .body = envelope->body};
	return &fiber->delivery;
}

const struct noh_delivery *noh_receive_types(int64_t within_ms,
					     const struct noh_message_type *const *types)
{
	struct fiber *fiber = receive_begins("noh_receive");
	struct envelope *envelope = NULL;

	fiber->wanted_id = types[0] && !types[1] ? noh_message_id(types[0]) : 0;
	fiber->is_wanted = is_of_types;
	fiber->argument = types;
	if (fiber->slot->saved)
		envelope = look_for_types(fiber, types);
	if (!envelope)
		envelope = take_from_mailbox(fiber);
	if (!envelope) {
		receive_waits(fiber, within_ms, deadline_of(within_ms));
		envelope = fiber->got;
	}
	return receive_ends(fiber, envelope);
}

struct envelope *fiber_await(int64_t within_ms, envelope_wanted_fn is_wanted, const void *argument)
{
	struct fiber *fiber = running_fiber("waiting");
	struct envelope *envelope;

	if (worker_here()->end_asked)
		fiber_wait(fiber, FIBER_RECEIVES); // not resumed any more
	fiber->looking = NULL;
	fiber->wanted_id = 0;
	fiber->is_wanted = is_wanted;
	fiber->argument = argument;
	envelope = look_behind(fiber, NULL);
	if (envelope)
		return envelope;
	fiber->takes_whole = true;
	receive_waits(fiber, within_ms, deadline_of(within_ms));
	fiber->takes_whole = false;
	return fiber->got;
}

void fiber_only(const char *call)
{
	running_fiber(call);
}

void fiber_lend(struct envelope *envelope)
{
	fiber_keep_lent(worker_here()->fiber, envelope);
}

void fiber_done_with(struct envelope *envelope)
{
	envelope_release(envelope);
	envelope_free(envelope);
}

// ---- by a predicate

// Asks about the saved ones behind `*after`, and moves that on.
static struct envelope *examine(struct fiber *fiber, struct envelope **after,
				noh_wanted_fn is_wanted, const void *argument)
{
	struct envelope *before = *after ? *after : fiber->slot->saved;

	if (!before || *after == fiber->slot->saved)
		return NULL;
	do {
		uint32_t id = post_id(before->next);
		struct noh_delivery in = {.id = id, .body = before->next->body};
		fiber->examined = before->next;
		bool wanted = is_wanted(&in, argument);
		fiber->examined = NULL;
		if (wanted) {
			*after = before == fiber->slot->saved ? NULL : before;
			worker_here()->credit--;
			return saved_take_after(fiber->slot, before);
		}
		before = before->next;
	} while (before != fiber->slot->saved);
	*after = before;
	return NULL;
}

const struct noh_delivery *noh_receive_if(int64_t within_ms, noh_wanted_fn is_wanted,
					  const void *argument)
{
	struct fiber *fiber = receive_begins("noh_receive_if");
	struct envelope *after = NULL, *envelope;
	uint64_t deadline_ns = UINT64_MAX;
	bool has_waited = false;

	fiber->wanted_id = 0;
	fiber->is_wanted = NULL;
	for (;;) {
		while ((envelope = examine(fiber, &after, is_wanted, argument))) {
			if (fiber_admits(fiber, envelope))
				return receive_ends(fiber, envelope);
			fiber_done_with(envelope);
		}
		if ((envelope = take_plain(worker_here(), fiber->slot))) {
			saved_keep(fiber->slot, envelope);
			continue;
		}

		if (!has_waited)
			deadline_ns = deadline_of(within_ms);
		has_waited = true;
		fiber->examines = true;
		struct envelope *newest = fiber->slot->saved;
		receive_waits(fiber, within_ms, deadline_ns);
		fiber->examines = false;
		if (fiber->slot->saved == newest)
			return NULL; // time is up
	}
}

const struct noh_message_type *noh_type_of(const struct noh_delivery *in)
{
	return in->id ? &message_info(in->id)->type : in->type;
}

const void *noh_as_type(const struct noh_delivery *in, const struct noh_message_type *type)
{
	return in && noh_matches(in, type) ? in->body : NULL;
}
