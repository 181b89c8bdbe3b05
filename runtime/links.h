/* Links, from both ends, and the exit signals that go over them or come without one. */
#ifndef NOH_RUNTIME_LINKS_H
#define NOH_RUNTIME_LINKS_H

#include "runtime/post.h"

/* All: whoever runs the slot. */

/* True if this actor is linked to `peer`. */
bool links_include(const struct slot *slot, uint64_t peer);

/* `peer` has linked this actor to itself, or ended a link. */
void links_add(struct slot *slot, uint64_t peer, uint64_t id);
void links_remove(struct slot *slot, uint64_t peer, const struct link_named *link);

/* The life has ended: signals it over all links, which are gone then. */
void links_signal(struct extras *extras, uint64_t self, const struct ending *ending);

/* An exit signal has come. True: it is a message for an actor that traps exits. False: it has been
 * dealt with, and the actor may have ended. */
bool exit_comes(struct worker *worker, struct slot *slot, const struct envelope *envelope);

/* The message is about to be handled: forgets the link. False: the link was ended before, and the
 * message must be dropped. */
bool exit_take(struct slot *slot, const struct envelope *envelope);

#endif
