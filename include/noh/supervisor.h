/* Supervisors: actors that start others, in order, watch them, and start again each that fails,
 * within a limit. */
#ifndef NOH_SUPERVISOR_H
#define NOH_SUPERVISOR_H

#include <noh/actor.h>
#include <noh/ask.h>

NOH_BEGIN

// ---- what is supervised

/* Whom the end of one child touches, if that child is to start again. */
enum noh_strategy {
	NOH_ONE_FOR_ONE,  // none but itself
	NOH_ONE_FOR_ALL,  // all: the others are stopped, last first, then all start again in order
	NOH_REST_FOR_ONE, // itself and, likewise, those that stand after it
	NOH_DYNAMIC       // none but itself: children, many and alike, come and go at run time
};

/* When a child that has ended by itself is started again. */
enum noh_restart_kind {
	NOH_PERMANENT, // always
	NOH_TRANSIENT, // after a failure or a kill, not after a normal end or a shutdown
	NOH_TEMPORARY  // never, and it is forgotten
};

/* Whether the end of significant children ends their supervisor, as shut down. What counts is an
 * end by itself that is not followed by a restart. */
enum noh_auto_shutdown {
	NOH_AUTO_SHUTDOWN_NEVER, // none may be significant
	NOH_AUTO_SHUTDOWN_ANY,   // the first of them
	NOH_AUTO_SHUTDOWN_ALL    // the last of them
};

#define NOH_SHUTDOWN_KILL INT64_C(-1)    // of shutdown_ms: no grace
#define NOH_SHUTDOWN_FOREVER INT64_MAX   // of shutdown_ms: as long as it takes
#define NOH_NO_RESTARTS INT64_C(-1)      // of max_restarts: the first would be one too many
#define NOH_UNLIMITED_RESTARTS INT64_MAX // of max_restarts
#define NOH_NO_JITTER (-1.0)             // of jitter

/* How long a child waits before it starts again; its mail waits in its mailbox. Zero means the
 * default, but a `min_ms` of zero: it starts at once, the other fields mean nothing. */
struct noh_backoff {
	int64_t min_ms;    // before the first restart
	int64_t max_ms;    // 30 s, or min_ms if that is longer
	double factor;     // of each wait to the one before: 2
	double jitter;     // the share, up to 1, that chance may take off each wait: 0.25
	int64_t stable_ms; // who has run so long begins with min_ms again: max_ms
};

struct noh_supervisor;

/* One child: what it is made of, and how it is started, stopped and started again. Zero means the
 * default. Write it with NOH_CHILD() or NOH_SUPERVISOR(). */
struct noh_child {
	size_t size;                       // 0 ends a list
	const struct noh_actor_type *type; // of a child that is a supervisor NULL
	const void *state;                 // each of its lives starts with these bytes
	const char *id; // the type's name; no two children of a supervisor may have the same
	enum noh_restart_kind restart;
	int64_t shutdown_ms; // what it has to stop in until it is killed: 5 s; supervisors for ever
	bool significant;    // see enum noh_auto_shutdown; not for permanent ones
	struct noh_backoff backoff;
	noh_describe_fn describe; // puts its state in words for the report of a crash
	// Its name (registry.h), which it has before it starts, and so before the next child does:
	// siblings find each other. Of whom another has the name is killed: its start fails.
	const char *registered;
	bool drop_mail; // who starts again does so with an empty mailbox: see noh_spawn_options
	noh_actor *ret_handle;                   // written before noh_supervise() returns
	const struct noh_supervisor *supervisor; // of a child that is a supervisor: its options,
	const struct noh_child *children;        // and its children
};

/* What a supervisor is like. Zero means the default. More than `max_restarts` (3) of all its
 * children together within `within_ms` (5000): it ends as failed, and its children with it. */
struct noh_supervisor {
	size_t size;
	enum noh_strategy strategy;
	const char *name; // for logs: "supervisor"
	int64_t max_restarts;
	int64_t within_ms;
	enum noh_auto_shutdown auto_shutdown;
};

#define NOH_CHILD(type_, fields, ...)                                                 \
	NOH_INIT(noh_child, .size = sizeof(struct noh_child), .type = &type_##_actor, \
		 .state = NOH_VALUE(type_, NOH_STRIP fields), __VA_ARGS__)

/* A child that is a supervisor: fields of its noh_child, its options, its own children. */
#define NOH_SUPERVISOR(fields, options, ...)                                                    \
	NOH_INIT(noh_child, .size = sizeof(struct noh_child), NOH_STRIP fields,                 \
		 .supervisor = NOH_VALUE(noh_supervisor, .size = sizeof(struct noh_supervisor), \
					 NOH_STRIP options),                                    \
		 .children = NOH_ARRAY(const struct noh_child,                                  \
				       __VA_ARGS__ __VA_OPT__(, ) NOH_INIT(noh_child, .size = 0)))

// ---- starting one

/* Starts actors under a supervisor, in this order, each when the on_start of the one before has
 * returned:
 *
 *	noh_actor bank;
 *	noh_supervise((.strategy = NOH_REST_FOR_ONE),
 *		      NOH_CHILD(journal, (.path = "journal")),
 *		      NOH_CHILD(bank, (.cents = 100), .ret_handle = &bank),
 *		      NOH_SUPERVISOR((.id = "tellers"), (.strategy = NOH_ONE_FOR_ONE),
 *				     NOH_CHILD(teller, (.desk = 1), .id = "first"),
 *				     NOH_CHILD(teller, (.desk = 2), .id = "second")));
 *
 * Fibers. The supervisor is a child of the caller, the children are its own; a restarted one keeps
 * its handle and what waits in its mailbox, and begins with the state given here. When a child that
 * is a supervisor starts again, its own children are new ones, with other handles: a name, given in
 * on_start (registry.h), finds them then too. A child that ends itself by noh_end(0, ...) in
 * on_start has declined: it is left out, which is no error. Copies all it is given. Returns the
 * supervisor when all have started. If one does not, those before it are stopped, last first, and
 * the caller fails with a reason that names it; so it does for a wrong option. NOH_NOBODY, also in
 * each `ret_handle`, when the runtime is shutting down.
 *
 * The supervisor stops its children, last first and one after the other, when it is stopped or shut
 * down itself; those of a dynamic one all at once. A dynamic one is given one child, which it does
 * not start: the template of those that noh_supervisor_start_child() starts. */
#define noh_supervise(options, ...)                                                         \
	noh_supervise_list(NOH_VALUE(noh_supervisor, .size = sizeof(struct noh_supervisor), \
				     NOH_STRIP options),                                    \
			   NOH_ARRAY(const struct noh_child,                                \
				     __VA_ARGS__ __VA_OPT__(, ) NOH_INIT(noh_child, .size = 0)))
noh_actor noh_supervise_list(const struct noh_supervisor *options,
			     const struct noh_child *children);

/* The same for who wants to go on if it fails. Returns 0; -EINVAL for a wrong option or child;
 * -ECANCELED if a child does not start; both are logged in words; -ESRCH when the runtime is
 * shutting down. */
#define noh_supervisor_start(ret_supervisor, options, ...)                                         \
	noh_supervisor_start_list(ret_supervisor,                                                  \
				  NOH_VALUE(noh_supervisor, .size = sizeof(struct noh_supervisor), \
					    NOH_STRIP options),                                    \
				  NOH_ARRAY(const struct noh_child,                                \
					    __VA_ARGS__ __VA_OPT__(, )                             \
						    NOH_INIT(noh_child, .size = 0)))
int noh_supervisor_start_list(noh_actor *ret_supervisor, const struct noh_supervisor *options,
			      const struct noh_child *children);

// ---- what a supervisor can be asked while it runs

/* Where a child is. */
enum noh_child_state {
	NOH_CHILD_ABSENT, // never started, declined, ended or terminated; it has no handle
	NOH_CHILD_STARTING,
	NOH_CHILD_RUNNING,
	NOH_CHILD_RESTARTING, // has ended, and waits to be started again
	NOH_CHILD_STOPPING
};

NOH_LIBRARY_MESSAGE(noh_child_started, (actor, child)); // NOH_NOBODY: it has declined
NOH_LIBRARY_MESSAGE(noh_child_done);
NOH_LIBRARY_MESSAGE(noh_child_info, (str, id), (actor, child), (i64, state), (flag, is_supervisor));
NOH_LIBRARY_MESSAGE(noh_children, (many, noh_child_info, children));
NOH_LIBRARY_MESSAGE(noh_child_counts, (u64, specs), (u64, active), (u64, supervisors),
		    (u64, workers));
NOH_LIBRARY_MESSAGE(noh_child_spec, (owned, spec)); // a struct noh_child

/* Requests of any actor; handlers ask them by noh_ask_later(), with noh_child_copy() as the spec,
 * fibers and plain threads by the functions below. A child is named by its `id`, or, in a dynamic
 * supervisor always, by its handle. A request that comes while children are being started or
 * stopped waits for the end of that. */
NOH_LIBRARY_REQUEST(noh_start_child, noh_child_started, (owned, spec));
NOH_LIBRARY_REQUEST(noh_restart_child, noh_child_started, (str, id));
NOH_LIBRARY_REQUEST(noh_terminate_child, noh_child_done, (str, id), (actor, child));
NOH_LIBRARY_REQUEST(noh_delete_child, noh_child_done, (str, id));
NOH_LIBRARY_REQUEST(noh_which_children, noh_children);
NOH_LIBRARY_REQUEST(noh_count_children, noh_child_counts);
NOH_LIBRARY_REQUEST(noh_get_child_spec, noh_child_spec, (str, id), (actor, child));
NOH_LIBRARY_REQUEST(noh_change_supervisor, noh_child_done, (owned, options));

/* A deep copy of a child's spec, for a noh_start_child: `.spec = noh_child_copy(NOH_CHILD(...))`.
 * Any thread. */
#define noh_child_copy(child) noh_child_copy_of(NOH_ARRAY(const struct noh_child, child))
noh_owned noh_child_copy_of(const struct noh_child *child);

/* Adds a child behind the others and starts it: `err = noh_supervisor_start_child(supervisor,
 * NOH_CHILD(teller, (.desk = 3), .id = "third"), &teller);` Of a dynamic supervisor's only the
 * state counts. Returns 0; -EINVAL a wrong spec; -EEXIST the id is taken; -ECANCELED it did not
 * start: nothing is left of it. The supervisor logs the last three in words. */
#define noh_supervisor_start_child(supervisor, child, ret_child)                            \
	noh_supervisor_start_child_of(supervisor, NOH_ARRAY(const struct noh_child, child), \
				      ret_child)
int noh_supervisor_start_child_of(noh_actor supervisor, const struct noh_child *child,
				  noh_actor *ret_child);

/* Stops a child, in its time, and keeps its spec; it does not start again until it is told to, and
 * then with a new handle. Temporary ones, and those of a dynamic supervisor, are forgotten. Returns
 * 0, also if it was stopped already; -ENOENT no such child; -EINVAL an id in a dynamic one. */
int noh_supervisor_terminate_child(noh_actor supervisor, const char *id);
int noh_supervisor_terminate(noh_actor supervisor, noh_actor child);

/* Starts a child that is stopped. Returns 0; -EBUSY it runs or will be restarted; -ENOENT;
 * -ECANCELED it did not start, and stays stopped. */
int noh_supervisor_restart_child(noh_actor supervisor, const char *id, noh_actor *ret_child);

/* Forgets a child that is stopped. Returns 0; -EBUSY; -ENOENT. */
int noh_supervisor_delete_child(noh_actor supervisor, const char *id);

/* All children, in the order in which they are started; of a dynamic one in none. The answer lives
 * as long as a message; plain threads drop it by noh_drop(). */
int noh_supervisor_children(noh_actor supervisor, const struct noh_children **ret_children);

/* How many children it has, how many of them have an actor, and how many are what; of a dynamic one
 * `specs` is 1, its template. */
int noh_supervisor_count(noh_actor supervisor, struct noh_child_counts *ret_counts);

/* All fields of a child's spec, defaults filled in. Fibers; plain threads, which could not give it
 * back (-ENOTSUP), ask by noh_get_child_spec. Returns 0; -ENOENT. The answer lives as long as a
 * message. */
int noh_supervisor_child_spec(noh_actor supervisor, const char *id,
			      const struct noh_child **ret_child);

/* Gives a running supervisor other options (not another name, nor dynamic for another strategy):
 * `noh_supervisor_change(supervisor, (.max_restarts = 10));` Returns 0; -EINVAL, and all is as it
 * was. */
#define noh_supervisor_change(supervisor, options)                                                \
	noh_supervisor_change_to(supervisor,                                                      \
				 NOH_VALUE(noh_supervisor, .size = sizeof(struct noh_supervisor), \
					   NOH_STRIP options))
int noh_supervisor_change_to(noh_actor supervisor, const struct noh_supervisor *options);

NOH_END
#endif
