/* Specs: checks them with words that say which is wrong, fills in defaults, and copies them with
 * all they point to. Knows nothing of running actors. */
#include "actors/supervisor_spec.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

#include "actors/backoff.h"

enum { NAME_MOST = 255 }; // of noh_register()
enum { MAX_RESTARTS = 3, WITHIN_MS = 5000, SHUTDOWN_MS = 5000 };

// ---- as users of any version wrote it

struct noh_supervisor plan_whole_options(const struct noh_supervisor *options)
{
	struct noh_supervisor whole = {0};
	memcpy(&whole, options, options->size < sizeof(whole) ? options->size : sizeof(whole));
	return whole;
}

struct noh_child child_whole(const struct noh_child *child)
{
	struct noh_child whole = {0};
	memcpy(&whole, child, child->size < sizeof(whole) ? child->size : sizeof(whole));
	return whole;
}

// Structs of programs that were compiled against an older header are shorter: so are their strides.
const struct noh_child *child_next(const struct noh_child *child)
{
	return (const struct noh_child *)(const void *)((const char *)child + child->size);
}

static size_t count_of(const struct noh_child *children)
{
	size_t count = 0;
	for (; children->size; children = child_next(children))
		count++;
	return count;
}

static const char *id_of(const struct noh_child *child)
{
	if (child->id)
		return child->id;
	if (child->supervisor) {
		const char *name = plan_whole_options(child->supervisor).name;
		return name ? name : "supervisor";
	}
	return child->type && child->type->name ? child->type->name : "";
}

// ---- checking

static bool refuse(char problem[PROBLEM_BYTES], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool refuse(char problem[PROBLEM_BYTES], const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(problem, PROBLEM_BYTES, format, arguments);
	va_end(arguments);
	return false;
}

bool plan_check_options(const struct noh_supervisor *options, char problem[PROBLEM_BYTES])
{
	struct noh_supervisor whole = plan_whole_options(options);

	if (whole.strategy > NOH_DYNAMIC)
		return refuse(problem, "there is no strategy %d", (int)whole.strategy);
	if (whole.max_restarts < 0 && whole.max_restarts != NOH_NO_RESTARTS)
		return refuse(problem, "max_restarts is %lld", (long long)whole.max_restarts);
	if (whole.within_ms < 0)
		return refuse(problem, "within_ms is %lld", (long long)whole.within_ms);
	if (whole.auto_shutdown > NOH_AUTO_SHUTDOWN_ALL)
		return refuse(problem, "there is no auto_shutdown %d", (int)whole.auto_shutdown);
	return true;
}

static const char *problem_of(const struct noh_supervisor *options, const struct noh_child *child)
{
	const struct noh_actor_type *type = child->type;

	if (!*id_of(child))
		return "it has no id";
	if (!type && !child->supervisor)
		return "it has no actor type";
	if (type && child->supervisor)
		return "it has an actor type and is a supervisor";
	if (type && (type->abi != NOH_ABI || (!type->receive && !type->run)))
		return "its actor type is none of this version, or cannot receive";
	if (type && type->run &&
	    (type->limits.on_full == NOH_FULL_DROP_OLD || type->limits.on_full == NOH_FULL_LATEST))
		return "it is a fiber, whose mailbox cannot drop old messages";
	if (type && type->state_size && !child->state)
		return "it has no state";
	if (child->supervisor && !child->children)
		return "it is a supervisor without a list of children";
	if (child->restart > NOH_TEMPORARY)
		return "there is no such kind of restart";
	if (child->shutdown_ms < 0 && child->shutdown_ms != NOH_SHUTDOWN_KILL)
		return "its shutdown_ms is negative";
	if (child->significant && options->auto_shutdown == NOH_AUTO_SHUTDOWN_NEVER)
		return "it is significant, but its supervisor has no auto_shutdown";
	if (child->significant && child->restart == NOH_PERMANENT)
		return "it is significant, but permanent";
	if (child->supervisor && options->strategy == NOH_DYNAMIC)
		return "a dynamic supervisor's children are no supervisors";
	if (child->registered && options->strategy == NOH_DYNAMIC)
		return "a dynamic supervisor's children cannot all have one name";
	if (child->registered && (!*child->registered || strlen(child->registered) > NAME_MOST))
		return "the name it is to be registered under is empty or too long";
	return backoff_problem(&child->backoff);
}

bool child_check(const struct noh_supervisor *options, const struct noh_child *child,
		 char problem[PROBLEM_BYTES])
{
	struct noh_supervisor whole = plan_whole_options(options);
	struct noh_child it = child_whole(child);
	char inner[PROBLEM_BYTES];

	const char *wrong = problem_of(&whole, &it);
	if (!wrong && it.supervisor && !plan_check(it.supervisor, it.children, inner))
		wrong = inner;
	return !wrong || refuse(problem, "child '%.64s': %.384s", id_of(&it), wrong);
}

static bool ids_check(const struct noh_child *children, char problem[PROBLEM_BYTES])
{
	for (const struct noh_child *child = children; child->size; child = child_next(child)) {
		struct noh_child it = child_whole(child);
		for (const struct noh_child *other = children; other != child;
		     other = child_next(other)) {
			struct noh_child former = child_whole(other);
			if (!strcmp(id_of(&it), id_of(&former)))
				return refuse(problem, "two children have the id '%.64s'",
					      id_of(&it));
		}
	}
	return true;
}

bool plan_check(const struct noh_supervisor *options, const struct noh_child *children,
		char problem[PROBLEM_BYTES])
{
	if (!plan_check_options(options, problem))
		return false;
	if (options->strategy == NOH_DYNAMIC && count_of(children) != 1)
		return refuse(problem, "a dynamic supervisor has one child, its template");
	for (const struct noh_child *child = children; child->size; child = child_next(child))
		if (!child_check(options, child, problem))
			return false;
	return ids_check(children, problem);
}

// ---- completing

void plan_complete_options(struct noh_supervisor *options)
{
	options->size = sizeof(*options);
	if (!options->name)
		options->name = "supervisor";
	if (!options->max_restarts)
		options->max_restarts = MAX_RESTARTS;
	if (!options->within_ms)
		options->within_ms = WITHIN_MS;
}

void child_complete(struct noh_child *child)
{
	child->size = sizeof(*child);
	child->id = id_of(child);
	if (!child->shutdown_ms)
		child->shutdown_ms = child->supervisor ? NOH_SHUTDOWN_FOREVER : SHUTDOWN_MS;
	backoff_complete(&child->backoff);
}

const struct noh_actor_type *supervisor_type(const struct noh_supervisor *options)
{
	return options->strategy == NOH_DYNAMIC ? &noh_dynamic_supervision_type
						: &noh_supervision_type;
}

const struct noh_actor_type *child_type(const struct noh_child *child)
{
	return child->supervisor ? supervisor_type(child->supervisor) : child->type;
}

const char *child_log_name(const struct noh_child *child)
{
	return strcmp(child->id, child_type(child)->name) ? child->id : NULL;
}

// ---- copying

static void *allocate(size_t size)
{
	void *at = calloc(1, size ? size : 1);
	if (!at)
		abort();
	return at;
}

static char *copied_string(const char *text)
{
	size_t size = strlen(text) + 1;
	return (char *)memcpy(allocate(size), text, size);
}

// Also of a child that cannot be: whoever gets the copy says so.
static void copy_child(struct noh_child *copy, const struct noh_child *child)
{
	*copy = child_whole(child);
	child_complete(copy);
	copy->id = copied_string(copy->id);
	if (copy->registered)
		copy->registered = copied_string(copy->registered);
	copy->ret_handle = NULL; // only the caller's
	if (copy->supervisor) {
		static const struct noh_child none = {.size = 0};
		struct plan *plan =
			plan_create(copy->supervisor, copy->children ? copy->children : &none);
		struct supervisor_state state = {.plan = plan};
		copy->supervisor = &plan->options;
		copy->children = copy->children ? plan->children : NULL;
		copy->state = memcpy(allocate(child_type(copy)->state_size), &state, sizeof(state));
	} else if (copy->state && copy->type) {
		void *state = allocate(copy->type->state_size);
		copy->state = memcpy(state, copy->state, copy->type->state_size);
	} else {
		copy->state = NULL;
	}
}

static void free_child(const struct noh_child *child)
{
	if (child->supervisor)
		plan_destroy(
			(void *)(uintptr_t)((const struct supervisor_state *)child->state)->plan);
	free((void *)(uintptr_t)child->state);
	free((void *)(uintptr_t)child->id);
	free((void *)(uintptr_t)child->registered);
}

struct noh_child *child_copy(const struct noh_child *child)
{
	struct noh_child *copy = (struct noh_child *)allocate(sizeof(*copy));
	copy_child(copy, child);
	return copy;
}

void child_destroy(void *child)
{
	free_child((const struct noh_child *)child);
	free(child);
}

struct plan *plan_create(const struct noh_supervisor *options, const struct noh_child *children)
{
	size_t count = count_of(children);
	struct plan *plan =
		(struct plan *)allocate(sizeof(*plan) + (count + 1) * sizeof(plan->children[0]));

	plan->options = plan_whole_options(options);
	plan_complete_options(&plan->options);
	plan->options.name = copied_string(plan->options.name);
	for (; plan->count < count; children = child_next(children))
		copy_child(&plan->children[plan->count++], children);
	return plan;
}

void plan_destroy(void *argument)
{
	struct plan *plan = (struct plan *)argument;
	for (size_t i = 0; i < plan->count; i++)
		free_child(&plan->children[i]);
	free((void *)(uintptr_t)plan->options.name);
	free(plan);
}
