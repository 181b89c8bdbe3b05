/* Cells that hold the latest value of something: a configuration, a level, a state. They are read
 * without a message. */
#ifndef NOH_WATCH_H
#define NOH_WATCH_H

#include <noh/shared.h>

NOH_BEGIN

struct noh_watch;

/* The cell of this name, made on first use: `struct noh_watch *limits = noh_watch("limits");` It
 * lives as long as the runtime, so that the pointer may lie in states; its name is for a kind of
 * thing, not for each of a million. Handlers, fibers; plain threads name their runtime. NULL for a
 * name of no or more than 255 bytes. */
struct noh_watch *noh_watch(const char *name);
struct noh_watch *noh_watch_in(struct noh_runtime *runtime, const char *name);

/* Replaces what the cell holds: `noh_watch_set(limits, limit, .messages = 10);` Any thread. Copies,
 * as sending does. Returns 0; -EINVAL if the message has an `owned`. */
#define noh_watch_set(cell, message, ...) \
	noh_watch_set_type(cell, &message##_message, NOH_VALUE(message, __VA_ARGS__))
int noh_watch_set_type(struct noh_watch *cell, const struct noh_message_type *type,
		       const void *body);

/* What it holds now: `const struct limit *limit = noh_watch_get(limits, limit);` Never changes
 * under the reader, and lives as long as a message. NULL when nothing was set, or another type.
 * Takes no lock. Handlers, fibers. */
#define noh_watch_get(cell, message) \
	((const struct message *)noh_watch_get_type(cell, &message##_message))
const void *noh_watch_get_type(struct noh_watch *cell, const struct noh_message_type *type);

/* The same for any thread, whatever its type is; the caller's to give back by noh_shared_drop().
 * NULL when nothing was set. */
const struct noh_shared *noh_watch_hold(struct noh_watch *cell);

/* How often the cell was set. Costs nothing but the look: who remembers it need not get what has
 * not changed. Any thread. */
uint64_t noh_watch_version(const struct noh_watch *cell);

/* A cell was set since the subscriber handled the last noh_changed of it, once or often. */
NOH_LIBRARY_MESSAGE(noh_changed, (str, cell));

/* Sends an actor a noh_changed when the cell is set; there is never more than one of a cell waiting
 * for it. Any thread. What the cell holds already is no change. It stays subscribed over restarts,
 * until it is gone for good. Returns 0; -ESRCH if it is gone. */
int noh_watch_subscribe(struct noh_watch *cell, noh_actor who);

/* Any thread. A subscriber that calls it itself gets no noh_changed after the call. Returns 0;
 * -ENOENT if it is not subscribed. */
int noh_watch_unsubscribe(struct noh_watch *cell, noh_actor who);

NOH_END
#endif
