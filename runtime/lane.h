/*
 * The lane of a mailbox that drops its oldest messages, or those for which a newer one has come:
 * since no queue of many senders can be entered in the middle, its messages lie in a ring under a
 * lock, and what is queued for each is a token, which says that the next one is to be taken.
 */
#ifndef NOH_RUNTIME_LANE_H
#define NOH_RUNTIME_LANE_H

#include "runtime/bound.h"

struct lane *lane_create(void);

/* Any thread. Adds a message, and drops what has no room beside it. */
void lane_post(struct slot *slot, struct bound *bound, struct envelope *envelope);

// ---- whoever runs the slot

/* A token has come. The message that is next, or NULL; it is the caller's. */
struct envelope *lane_take(struct slot *slot);

/* A token has come, but nobody can take a message now: it stays for the next life. */
void lane_put_off(struct slot *slot);

/* A life begins: the messages that were put off have tokens again. */
void lane_begin(struct slot *slot, struct bound *bound);

/* The tenant has gone: its messages are dead letters. */
void lane_end(struct slot *slot, struct lane *lane);

#endif
