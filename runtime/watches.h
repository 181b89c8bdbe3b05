/* Monitors, from both ends: those an actor has set, and those set on it. */
#ifndef NOH_RUNTIME_WATCHES_H
#define NOH_RUNTIME_WATCHES_H

#include "runtime/post.h"

/* All: whoever runs the slot. */

/* The monitor of this number, or NULL. */
struct relation *watches_find(const struct slot *slot, uint64_t id);
/* True if this actor watches `target`. */
bool watches_include(const struct slot *slot, uint64_t target);
/* Tells this actor of a child in limbo, by the monitors that it has set on it. */
void watches_tell(struct slot *slot, uint64_t target, const struct child_ended *ended);
/* Its noh_down has come: forgets the monitor. False: it was ended before, the message must be
 * dropped. */
bool watches_take(struct slot *slot, uint64_t watch);
/* Ends all that this actor has set. */
void watches_drop(struct slot *slot);

/* Tells who watches this one. Over a restart only those who do not wait for it to be gone. */
void watchers_tell(struct extras *extras, uint64_t self, const struct ending *ending,
		   bool restarting, bool gone);
void watchers_add(struct slot *slot, uint64_t who, const struct watcher *watcher);
void watchers_remove(struct slot *slot, uint64_t who, const struct watcher *watcher);

#endif
