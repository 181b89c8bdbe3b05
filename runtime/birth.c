/* Births: the word from a supervised actor to its parent that it has started. Knows nothing of what
 * comes before or after. */
#include "runtime/birth.h"

#include <noh/noh.h>

#include "runtime/life.h"
#include "runtime/turn.h"

void birth_tell(struct worker *worker, struct slot *slot)
{
	if (!(slot->flags & SLOT_STARTING))
		return;
	slot->flags &= (uint16_t) ~(SLOT_STARTING | SLOT_STARTS_LATER);
	post_control(slot->parent, CONTROL_STARTED, worker->self, NULL, 0);
}

// Whose end is asked for by then, as by noh_kill(noh_self()), does not start any more.
static bool comes_to_life(const struct slot *slot)
{
	return slot_state(slot) == SLOT_ALIVE && !is_ending_asked(slot);
}

void birth_over(struct worker *worker, struct slot *slot)
{
	if (comes_to_life(slot) && !(slot->flags & SLOT_STARTS_LATER))
		birth_tell(worker, slot);
}

void birth_heard(struct worker *worker, struct slot *slot, uint64_t child)
{
	struct noh_started started = {.who = {child}};
	if (slot_state(slot) == SLOT_ALIVE && slot->type->accepts &&
	    accepts(slot->type, &noh_started_message))
		turn_give(worker, slot, &noh_started_message, &started);
}

void noh_start_later(void)
{
	struct slot *slot = worker_of_call("noh_start_later")->running;
	if (slot->flags & SLOT_STARTING)
		slot->flags |= SLOT_STARTS_LATER;
}

void noh_start_done(void)
{
	struct worker *worker = worker_of_call("noh_start_done");
	if (comes_to_life(worker->running))
		birth_tell(worker, worker->running);
}
