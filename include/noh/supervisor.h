/* A supervisor that restarts each child by itself (one for one) within a limit of restarts. */
#ifndef NOH_SUPERVISOR_H
#define NOH_SUPERVISOR_H

#include <noh/actor.h>

NOH_BEGIN

enum noh_strategy { NOH_ONE_FOR_ONE };
enum noh_restart_kind { NOH_PERMANENT, NOH_TRANSIENT, NOH_TEMPORARY };

/* One child: what it is made of and when it is restarted. Zero means the default; fields are only
 * appended. */
struct noh_child {
	size_t size;
	const struct noh_actor_type *type;
	const void *state; // copied when the supervisor starts
	const char *name;
	enum noh_restart_kind restart;
};

/* More than `max_restarts` (3) within `within_ms` (5000) end the supervisor as failed, and its
 * children. */
struct noh_supervisor {
	size_t size;
	enum noh_strategy strategy;
	const char *name;
	uint32_t max_restarts;
	int64_t within_ms;
};

#define NOH_CHILD(type_, fields, ...)                                                 \
	NOH_INIT(noh_child, .size = sizeof(struct noh_child), .type = &type_##_actor, \
		 .state = NOH_VALUE(type_, NOH_STRIP fields), __VA_ARGS__)

/* Starts children under a supervisor, in order: `noh_supervise((.max_restarts = 3), NOH_CHILD(bank,
 * ()));` Handlers, fibers. Copies all it is given. Returns the supervisor; the handle of child n is
 * noh_supervised(n). */
#define noh_supervise(options, ...)                                                         \
	noh_supervise_list(NOH_VALUE(noh_supervisor, .size = sizeof(struct noh_supervisor), \
				     NOH_STRIP options),                                    \
			   NOH_ARRAY(const struct noh_child, __VA_ARGS__, NOH_INIT(noh_child, 0)))
noh_actor noh_supervise_list(const struct noh_supervisor *options,
			     const struct noh_child *children);

/* Starts a supervisor with these children and writes their handles, in order, to `ret_children`,
 * which are valid across restarts. */
noh_actor noh_supervise_children(const struct noh_supervisor *options,
				 const struct noh_child *children, noh_actor *ret_children);

NOH_END
#endif
