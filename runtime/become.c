/* Behaviours: another set of handlers on the same state, and messages kept until then. Knows the
 * saved list, which is where they come back to. */
#include "runtime/become.h"

#include <errno.h>

#include <noh/noh.h>

#include "runtime/birth.h"
#include "runtime/recorder.h"

enum { POSTPONED_MOST = 1000 };

void postponed_add(struct slot *slot, struct envelope *envelope)
{
	struct rare *rare = rare_of(slot);

	enum post_kind kind = post_kind(envelope);
	if (kind == POST_DOWN || kind == POST_EXIT || kind == POST_RESULT)
		envelope->type |= POST_TAKEN;
	if (rare->postponed) {
		envelope->next = rare->postponed->next;
		rare->postponed->next = envelope;
	} else {
		envelope->next = envelope;
	}
	rare->postponed = envelope;
	rare->postponed_count++;
}

void postponed_replay(struct worker *worker, struct slot *slot)
{
	struct rare *rare = rare_if_any(slot);
	struct envelope *newest = rare ? rare->postponed : NULL;

	worker->replay = false;
	if (!newest)
		return;
	// What is saved was behind it, also if it was replayed itself.
	if (slot->saved) {
		struct envelope *oldest = newest->next;
		newest->next = slot->saved->next;
		slot->saved->next = oldest;
	} else {
		slot->saved = newest;
		slot->has_saved = true;
	}
	rare->postponed = NULL;
	rare->postponed_count = 0;
}

// NULL where noh_test_handle() runs a handler by itself.
static struct worker *handler_here(const char *call)
{
	if (recorder_here())
		return NULL;
	struct worker *worker = worker_of_call(call);
	if (worker->fiber)
		noh_fail("%s is for handlers: a fiber says in noh_receive() what it wants", call);
	return worker;
}

void noh_replay(void)
{
	struct worker *worker = handler_here("noh_replay");
	if (worker) {
		worker->replay = true;
		worker->afterwards |= AFTER_MESSAGE;
	}
}

void noh_become_type(const struct noh_actor_type *type)
{
	struct worker *worker = handler_here("noh_become");
	if (!worker || worker->running->type == type)
		return;

	struct slot *slot = worker->running;
	if (type->abi != NOH_ABI || !type->receive)
		noh_fail("cannot become %s, which has no handlers of this version",
			 type->name ? type->name : "?");
	if (type->state_size != slot->type->state_size)
		noh_fail("cannot become %s, whose state takes %zu bytes and not the %zu of %s",
			 type->name, type->state_size, slot->type->state_size, slot->type->name);
	struct rare *rare = rare_of(slot);
	if (!rare->born_as)
		rare->born_as = slot->type;
	ck_pr_store_ptr(&slot->type, (void *)type);
	birth_hear(slot);
	worker->replay = true;
	worker->afterwards |= AFTER_MESSAGE;
}

int noh_postpone(void)
{
	struct worker *worker = handler_here("noh_postpone");
	const struct envelope *hand = worker ? worker->hand : NULL;
	if (!hand || post_kind(hand) == POST_ANSWER || post_kind(hand) == POST_CONTROL)
		return -ENOMSG;

	struct slot *slot = worker->running;
	size_t most = limits_of(slot)->postponed;
	if (!most)
		most = POSTPONED_MOST;
	if (rare_of(slot)->postponed_count >= (most < POSTPONED_END ? most : POSTPONED_END))
		return -EAGAIN;
	worker->postponed = true;
	worker->afterwards |= AFTER_MESSAGE;
	return 0;
}
