/* Structured scopes: actors that are started for the time of a block, and are gone at its end. */
#ifndef NOH_SCOPE_H
#define NOH_SCOPE_H

#include <noh/actor.h>

NOH_BEGIN

/* Actors that belong together; made by noh_scope_open(). All calls below: the fiber that opened it.
 */
struct noh_scope;

/* How a scope is. Zero means the default. */
struct noh_scope_options {
	size_t size;
	const char *name; // for logs: "scope"; static
	int64_t grace_ms; // what a cancelled member has to stop in until it is killed: 1000
};

/* How a member has ended. What it points to lives as long as a message. */
struct noh_ended {
	noh_actor who;
	enum noh_why why;
	int64_t code;
	const char *reason;
	const struct noh_message_type *type; // of the result, or NULL
	const void *result;                  // see noh_result()
};

/* Declares a scope that is closed at the end of the block, however the block is left:
 *
 *	NOH_SCOPE(search);
 *	for (int i = 0; i < 3; i++)
 *		noh_scope_spawn(search, searcher, .part = i);
 *	struct noh_ended first;
 *	if (!noh_scope_first(search, 1000, &first))
 *		found = noh_result(&first, place);
 *
 * Fibers. Should the fiber itself fail or be ended within the block, its members end with it. */
#define NOH_SCOPE(scope, ...)                                               \
	struct noh_scope *scope __attribute__((cleanup(noh_scope_leave))) = \
		noh_scope_open(__VA_ARGS__)

/* Opens a scope that noh_scope_close() ends: `noh_scope_open(.grace_ms = 100)`. */
#define noh_scope_open(...)                                                                       \
	noh_scope_open_with(NOH_VALUE(noh_scope_options, .size = sizeof(struct noh_scope_options) \
								 __VA_OPT__(, ) __VA_ARGS__))
struct noh_scope *noh_scope_open_with(const struct noh_scope_options *options);

/* Starts a member, as noh_spawn() and noh_spawn_with() do. With `.detached` it is none: it outlives
 * the scope, and nobody here waits for it. A member fails nobody but itself; its place cannot be
 * kept. Returns NOH_NOBODY when the runtime is shutting down. */
#define noh_scope_spawn(scope, type, ...) \
	noh_scope_spawn_type(scope, &type##_actor, NOH_VALUE(type, __VA_ARGS__), NULL)
#define noh_scope_spawn_with(scope, type, options, ...)                          \
	noh_scope_spawn_type(scope, &type##_actor, NOH_VALUE(type, __VA_ARGS__), \
			     NOH_VALUE(noh_spawn_options,                        \
				       .size = sizeof(struct noh_spawn_options), \
				       NOH_STRIP options))
noh_actor noh_scope_spawn_type(struct noh_scope *scope, const struct noh_actor_type *type,
			       const void *state, const struct noh_spawn_options *options);

/* In all of these `within_ms` is as in noh_ask(), and below 0 as long as it takes. Nobody has ended
 * before its own children have. */

/* Gives the members in the order in which they end, each once. Returns 0; -ENOENT each has been
 * given; -ETIMEDOUT. */
int noh_scope_next(struct noh_scope *scope, int64_t within_ms, struct noh_ended *ret_ended);

/* Waits until all members have ended. Returns 0 if all did normally, -ECHILD if not, -ETIMEDOUT;
 * those that still run go on. */
int noh_scope_all(struct noh_scope *scope, int64_t within_ms);

/* Waits for the first member that ends normally, cancels the others and waits until these are gone.
 * Returns 0; -ECHILD all have ended otherwise, or there are none; -ETIMEDOUT. */
int noh_scope_first(struct noh_scope *scope, int64_t within_ms, struct noh_ended *ret_first);

/* Waits until all members have ended normally; or for the first that ends otherwise: then cancels
 * the others and waits until these are gone. Returns 0, and gives nobody; -ECHILD, and gives who
 * that was; -ETIMEDOUT. */
int noh_scope_all_or_failure(struct noh_scope *scope, int64_t within_ms,
			     struct noh_ended *ret_failed);

/* Stops all members that still run, kills those that have not ended when their grace is over, and
 * returns when they are gone. They count as ended like any others. */
void noh_scope_cancel(struct noh_scope *scope);

/* The same, and ends the scope itself: nobody of it is left. NULL is fine. */
void noh_scope_close(struct noh_scope *scope);

/* What a member has ended with, by noh_finish(), if it is a message of this type, else NULL. (Who
 * did not has the last message that it sent to its parent. Of a message that owns something there
 * is nothing.) */
#define noh_result(ended, message) \
	((const struct message *)noh_result_as(ended, &message##_message))
const void *noh_result_as(const struct noh_ended *ended, const struct noh_message_type *type);

static inline void noh_scope_leave(struct noh_scope **scope)
{
	noh_scope_close(*scope);
}

NOH_END
#endif
