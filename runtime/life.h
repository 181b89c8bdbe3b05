/* An actor's life: children, failing, ending, starting again. Called by the turn that runs it. */
#ifndef NOH_RUNTIME_LIFE_H
#define NOH_RUNTIME_LIFE_H

#include "runtime/post.h"
#include "runtime/worker.h"

/* child_slot_free() on a worker, and for slots that are not of its runtime or have no generation
 * left. */
void slot_free_elsewhere(struct slot *slot);
static inline void slot_free(struct worker *worker, uint64_t handle)
{
	struct slot *slot = &slot_table[handle_index(handle)];
	if (slot_runtime(slot) == worker->runtime && !slot_is_retired(slot))
		slot_give(&worker->slots, slot);
	else
		slot_free_elsewhere(slot);
}

/* What every function from here on has in common: the caller runs the slot. */

/* Ends the life that runs. `reason` may be NULL; it is copied. The actor may wait for its children
 * before it is gone. */
void life_end(struct worker *worker, struct slot *slot, int why, int64_t code, const char *reason);

/* The noh_end() of an actor that had called noh_end_later(). */
void life_end_now(struct worker *worker, struct slot *slot);

/* What comes after noh_stopping; again, should what a fiber deferred fail. */
void life_end_rest(struct worker *worker, struct slot *slot);

/* The `ending` word was advanced for this tenant. */
void life_ending_asked(struct worker *worker, struct slot *slot);

/* The child that sent the envelope has ended. */
void life_child_ended(struct worker *worker, struct slot *slot, struct envelope *envelope);

/* The life has ended, or waits for its children to, but its place may be kept for another one,
 * which is to have its mail. */
bool life_keeps_mail(const struct slot *slot);

/* A life that keeps its place and has ended begins again, or is let go. */
void life_restart(struct worker *worker, struct slot *slot, void *state);
void life_let_go(struct worker *worker, struct slot *slot);

/* Spawns for the library itself, from anywhere and with any parent, at the worker of index `home`
 * or at ANY_WORKER. */
noh_actor spawn_in(struct noh_runtime *runtime, const struct noh_actor_type *type,
		   const void *state, const struct noh_spawn_options *options, uint64_t parent,
		   int home);

/* True if the actor's type has this message in its list. */
bool accepts(const struct noh_actor_type *type, const struct noh_message_type *message);

#endif
