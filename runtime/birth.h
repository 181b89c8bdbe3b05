/* Births: how a life begins, and the parent of a supervised actor hears that it has started. */
#ifndef NOH_RUNTIME_BIRTH_H
#define NOH_RUNTIME_BIRTH_H

#include "runtime/post.h"

/* All of these: whoever runs the slot. A life begins: by the first envelope of a tenant. */
void birth_by_envelope(struct worker *worker, struct slot *slot, struct envelope *envelope);

/* Without one: its spawner has found the mailbox idle, has put the state where it belongs, and made
 * `saved` point to this. */
extern struct envelope not_begun;
void birth_plain(struct worker *worker, struct slot *slot);

/* In a place that was kept. */
void birth_again(struct worker *worker, struct slot *slot);

/* Its type is another one: finds out what that takes of the messages that the library sends most
 * often, the SLOT_HEARS_ flags. */
void birth_hear(struct slot *slot);

/* Whoever runs the slot. on_start has returned, or the fiber waits: tells the parent, unless the
 * actor has ended or asked for more time. */
void birth_over(struct worker *worker, struct slot *slot);

/* Whoever runs the slot. Tells the parent, once a life. */
void birth_tell(struct worker *worker, struct slot *slot);

/* The parent's turn. */
void birth_heard(struct worker *worker, struct slot *slot, uint64_t child);

#endif
