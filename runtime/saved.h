/* Saved mail: envelopes taken out of the mailbox to be handled later, in order. Knows the slot's
 * one pointer to them. */
#ifndef NOH_RUNTIME_SAVED_H
#define NOH_RUNTIME_SAVED_H

#include "runtime/post.h"

/* Whoever runs the slot. Saves the envelope that mailbox_take() returned last. */
void saved_keep(struct slot *slot, struct envelope *envelope);

/* Whoever runs the slot. Takes the envelope that mailbox_take() returned last out of the mailbox;
 * the result is the caller's, and may be another one with the same content. */
struct envelope *saved_detach(struct slot *slot, struct envelope *envelope);

/* Adds an envelope that is in no mailbox. */
void saved_add(struct slot *slot, struct envelope *envelope);

/* The oldest, no longer saved, or NULL. The caller frees it. */
struct envelope *saved_take(struct slot *slot);

/* The oldest one that `is_wanted`, no longer saved, or NULL. */
struct envelope *saved_take_wanted(struct slot *slot,
				   bool (*is_wanted)(const struct envelope *, const void *),
				   const void *argument);

/* The one before the first that `is_wanted`, behind `after` (NULL: from the oldest on); or NULL. */
struct envelope *saved_find(const struct slot *slot, struct envelope *after,
			    bool (*is_wanted)(const struct envelope *, const void *),
			    const void *argument);

/* Takes out the one behind `before`; behind the newest is the oldest. */
struct envelope *saved_take_after(struct slot *slot, struct envelope *before);

/* Drops what the life that ends had caused: it is not for the next one. */
void saved_drop_caused(struct slot *slot);

/* All of it becomes dead letters. */
void saved_dead(struct noh_runtime *runtime, struct slot *slot, uint64_t to, const char *why);

#endif
