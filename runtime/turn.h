/* The parts of a turn that a life's beginning and end are made of. */
#ifndef NOH_RUNTIME_TURN_H
#define NOH_RUNTIME_TURN_H

#include "runtime/post.h"

/* Whoever runs the slot. Calls the handler of one of the library's own messages directly, if the
 * type has one. Not for fibers. */
void turn_give(struct worker *worker, struct slot *slot, const struct noh_message_type *type,
	       const void *body);

/* The same for the outcome of an ask. */
void turn_give_outcome(struct worker *worker, struct slot *slot, uint32_t asked_id,
		       const struct noh_outcome *outcome);

/* Whoever runs the slot, between messages: logs a failure and ends the life with it. */
void turn_fail(struct worker *worker, struct slot *slot, const char *reason);

/* The same: noh_end() was called. */
void turn_end_as_asked(struct worker *worker, struct slot *slot);

#endif
