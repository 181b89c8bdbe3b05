/* Specs: what users say of supervisors and children, checked, completed and copied. */
#ifndef NOH_ACTORS_SUPERVISOR_SPEC_H
#define NOH_ACTORS_SUPERVISOR_SPEC_H

#include <noh/supervisor.h>

enum { PROBLEM_BYTES = 512 };

// A supervisor and its children, a copy that is whole and owns all it points to.
struct plan {
	struct noh_supervisor options;
	size_t count;
	struct noh_child children[]; // and one more, that ends the list
};

extern const struct noh_actor_type noh_supervision_type;
extern const struct noh_actor_type noh_dynamic_supervision_type;

// Begins the state of every supervisor.
struct supervisor_state {
	const struct plan *plan; // NULL: comes in its first message
};

const struct noh_actor_type *supervisor_type(const struct noh_supervisor *options);
const struct noh_actor_type *child_type(const struct noh_child *child);

/* What logs call it; NULL if its type's name says the same, which costs no memory. */
const char *child_log_name(const struct noh_child *child);

/* Any thread. Whether these can be supervised; if not, `problem` says which is wrong, and how. */
bool plan_check(const struct noh_supervisor *options, const struct noh_child *children,
		char problem[PROBLEM_BYTES]);

/* Any thread, of what has been checked. plan_destroy() fits `owned` fields. */
struct plan *plan_create(const struct noh_supervisor *options, const struct noh_child *children);
void plan_destroy(void *plan);

/* Any thread. A child of somebody with these options. */
bool child_check(const struct noh_supervisor *options, const struct noh_child *child,
		 char problem[PROBLEM_BYTES]);

/* Fills in the defaults. */
void child_complete(struct noh_child *child);

struct noh_child *child_copy(const struct noh_child *child);
void child_destroy(void *child);

/* What a user of an older header left out is zero. */
struct noh_supervisor plan_whole_options(const struct noh_supervisor *options);
struct noh_child child_whole(const struct noh_child *child);
const struct noh_child *child_next(const struct noh_child *child);

bool plan_check_options(const struct noh_supervisor *options, char problem[PROBLEM_BYTES]);
void plan_complete_options(struct noh_supervisor *options);

#endif
