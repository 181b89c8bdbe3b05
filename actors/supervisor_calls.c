/* What users call of supervisors: each call is one request, and a wait for its answer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actors/supervisor.h"

// ---- starting

static void forget_handles(const struct noh_child *children)
{
	for (; children && children->size; children = child_next(children)) {
		struct noh_child child = child_whole(children);
		if (child.ret_handle)
			*child.ret_handle = NOH_NOBODY;
		if (child.supervisor)
			forget_handles(child.children);
	}
}

static bool wants_handles(const struct noh_child *children)
{
	for (; children->size; children = child_next(children)) {
		struct noh_child child = child_whole(children);
		if (child.ret_handle || (child.supervisor && wants_handles(child.children)))
			return true;
	}
	return false;
}

// Those deeper in the tree are their own supervisor's to tell.
static void fetch_handles(const struct noh_child *children, noh_actor supervisor);

static void give_handle(const struct noh_child *child, noh_actor handle)
{
	if (child->ret_handle)
		*child->ret_handle = handle;
	if (child->supervisor && child->supervisor->strategy != NOH_DYNAMIC &&
	    wants_handles(child->children))
		fetch_handles(child->children, handle);
}

static void fetch_handles(const struct noh_child *children, noh_actor supervisor)
{
	const struct noh_children *list;
	if (noh_supervisor_children(supervisor, &list)) {
		forget_handles(children);
		return;
	}
	size_t i = 0;
	for (; children->size && i < list->children.count; children = child_next(children)) {
		struct noh_child child = child_whole(children);
		give_handle(&child, list->children.at[i++].child);
	}
}

static int start(noh_actor *ret_supervisor, const struct noh_supervisor *options,
		 const struct noh_child *children, char problem[PROBLEM_BYTES])
{
	struct noh_supervisor whole = plan_whole_options(options);
	struct supervisor_state *state;
	struct noh_spawn_options how = {.size = sizeof(how),
					.name = whole.name ? whole.name : "supervisor"};

	*ret_supervisor = NOH_NOBODY;
	*problem = '\0';
	forget_handles(children);
	if (!plan_check(options, children, problem))
		return -EINVAL;

	const struct noh_actor_type *type = supervisor_type(&whole);
	state = (struct supervisor_state *)noh_alloc(type->state_size);
	noh_actor supervisor = noh_spawn_type(type, state, &how);
	noh_drop(state);
	if (!supervisor.id)
		return -ESRCH;

	struct plan *plan = plan_create(options, children);
	const struct noh_supervised *answer;
	if (noh_ask(supervisor, noh_supervise_these, INT64_MAX, &answer,
		    .plan = {plan, plan_destroy}))
		return -ESRCH;
	if (*answer->problem) {
		strncat(problem, answer->problem, PROBLEM_BYTES - 1);
		return -ECANCELED;
	}
	for (size_t i = 0; children->size && i < answer->children.count;
	     children = child_next(children)) {
		struct noh_child child = child_whole(children);
		give_handle(&child, answer->children.at[i++]);
	}
	*ret_supervisor = supervisor;
	return 0;
}

static const char *name_of(const struct noh_supervisor *options)
{
	const char *name = plan_whole_options(options).name;
	return name ? name : "supervisor";
}

int noh_supervisor_start_list(noh_actor *ret_supervisor, const struct noh_supervisor *options,
			      const struct noh_child *children)
{
	char problem[PROBLEM_BYTES];
	int err = start(ret_supervisor, options, children, problem);
	if (err && *problem)
		noh_log(NOH_ERROR, "%s: %s", name_of(options), problem);
	return err;
}

noh_actor noh_supervise_list(const struct noh_supervisor *options, const struct noh_child *children)
{
	char problem[PROBLEM_BYTES];
	noh_actor supervisor;
	if (start(&supervisor, options, children, problem) && *problem)
		noh_fail("%s: %s", name_of(options), problem);
	return supervisor;
}

// ---- asking

// What a plain thread is answered is its own; a fiber was lent it.
static void done_with(const void *answer)
{
	if (noh_same(noh_self(), NOH_NOBODY))
		noh_drop((void *)(uintptr_t)answer);
}

noh_owned noh_child_copy_of(const struct noh_child *child)
{
	return (noh_owned){child_copy(child), child_destroy};
}

int noh_supervisor_start_child_of(noh_actor supervisor, const struct noh_child *child,
				  noh_actor *ret_child)
{
	const struct noh_child_started *answer;
	int err = noh_ask(supervisor, noh_start_child, INT64_MAX, &answer,
			  .spec = noh_child_copy_of(child));
	if (ret_child)
		*ret_child = err ? NOH_NOBODY : answer->child;
	if (!err)
		done_with(answer);
	return err;
}

int noh_supervisor_restart_child(noh_actor supervisor, const char *id, noh_actor *ret_child)
{
	const struct noh_child_started *answer;
	int err = noh_ask(supervisor, noh_restart_child, INT64_MAX, &answer, .id = id);
	if (ret_child)
		*ret_child = err ? NOH_NOBODY : answer->child;
	if (!err)
		done_with(answer);
	return err;
}

int noh_supervisor_terminate_child(noh_actor supervisor, const char *id)
{
	const struct noh_child_done *answer;
	int err = noh_ask(supervisor, noh_terminate_child, INT64_MAX, &answer, .id = id);
	if (!err)
		done_with(answer);
	return err;
}

int noh_supervisor_terminate(noh_actor supervisor, noh_actor child)
{
	const struct noh_child_done *answer;
	if (!child.id)
		return -ENOENT;
	int err = noh_ask(supervisor, noh_terminate_child, INT64_MAX, &answer, .child = child);
	if (!err)
		done_with(answer);
	return err;
}

int noh_supervisor_delete_child(noh_actor supervisor, const char *id)
{
	const struct noh_child_done *answer;
	int err = noh_ask(supervisor, noh_delete_child, INT64_MAX, &answer, .id = id);
	if (!err)
		done_with(answer);
	return err;
}

int noh_supervisor_children(noh_actor supervisor, const struct noh_children **ret_children)
{
	return noh_ask(supervisor, noh_which_children, INT64_MAX, ret_children);
}

int noh_supervisor_count(noh_actor supervisor, struct noh_child_counts *ret_counts)
{
	const struct noh_child_counts *answer;
	int err = noh_ask(supervisor, noh_count_children, INT64_MAX, &answer);
	if (err)
		return err;
	*ret_counts = *answer;
	done_with(answer);
	return 0;
}

int noh_supervisor_child_spec(noh_actor supervisor, const char *id,
			      const struct noh_child **ret_child)
{
	const struct noh_child_spec *answer;
	if (noh_same(noh_self(), NOH_NOBODY))
		return -ENOTSUP; // a thread could never give it back
	int err = noh_ask(supervisor, noh_get_child_spec, INT64_MAX, &answer, .id = id);
	if (!err)
		*ret_child = (const struct noh_child *)answer->spec.ptr;
	return err;
}

static void free_options(void *options)
{
	free(options);
}

int noh_supervisor_change_to(noh_actor supervisor, const struct noh_supervisor *options)
{
	const struct noh_child_done *answer;
	struct noh_supervisor *copy = (struct noh_supervisor *)malloc(sizeof(*copy));
	if (!copy)
		abort();
	*copy = plan_whole_options(options);
	copy->size = sizeof(*copy);
	copy->name = NULL;
	int err = noh_ask(supervisor, noh_change_supervisor, INT64_MAX, &answer,
			  .options = {copy, free_options});
	if (!err)
		done_with(answer);
	return err;
}
