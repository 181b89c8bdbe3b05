/* A supervisor: an actor that starts others and restarts each that fails, within a limit. */
#ifndef NOH_SUPERVISOR_H
#define NOH_SUPERVISOR_H

#include <noh/actor.h>

NOH_BEGIN

/* Whom the failure of one child touches: none but itself. */
enum noh_strategy { NOH_ONE_FOR_ONE };

/* When a child that has ended is started again. */
enum noh_restart_kind {
	NOH_PERMANENT, // always
	NOH_TRANSIENT, // after a failure or a kill, not after a normal end
	NOH_TEMPORARY  // never
};

/* One child: what it is made of and when it is restarted. Zero means the default. */
struct noh_child {
	size_t size;
	const struct noh_actor_type *type; // NULL ends a list
	const void *state;                 // each of its lives starts with these bytes
	const char *name;                  // for logs
	enum noh_restart_kind restart;
	noh_actor *ret_handle; // written before noh_supervise() returns; good for all its lives
};

/* More than `max_restarts` (3) of all children together within `within_ms` (5000) end the
 * supervisor as failed, and its children with it. */
struct noh_supervisor {
	size_t size;
	enum noh_strategy strategy;
	const char *name; // for logs; static
	uint32_t max_restarts;
	int64_t within_ms;
};

#define NOH_NO_RESTARTS UINT32_MAX // of max_restarts: the first restart would be one too many

#define NOH_CHILD(type_, fields, ...)                                                 \
	NOH_INIT(noh_child, .size = sizeof(struct noh_child), .type = &type_##_actor, \
		 .state = NOH_VALUE(type_, NOH_STRIP fields), __VA_ARGS__)

/* Starts actors under a supervisor, in this order:
 *
 *	noh_actor bank;
 *	noh_supervise((.max_restarts = 3), NOH_CHILD(bank, (.cents = 100), .ret_handle = &bank));
 *
 * Fibers. The supervisor is a child of the caller, the children are its own; a restarted one keeps
 * its handle and what waits in its mailbox. Copies all it is given. Returns the supervisor when all
 * children have been spawned; what they do in on_start may still be under way. Ending the
 * supervisor ends them. NOH_NOBODY, also in each `ret_handle`, when the runtime is shutting down.
 */
#define noh_supervise(options, ...)                                                         \
	noh_supervise_list(NOH_VALUE(noh_supervisor, .size = sizeof(struct noh_supervisor), \
				     NOH_STRIP options),                                    \
			   NOH_ARRAY(const struct noh_child, __VA_ARGS__, NOH_INIT(noh_child, 0)))
noh_actor noh_supervise_list(const struct noh_supervisor *options,
			     const struct noh_child *children);

NOH_END
#endif
