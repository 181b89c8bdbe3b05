/*
 * The supervisor: spawns its children to keep their places, and when one ends decides whether it
 * starts again in it. Knows nothing of how places are kept.
 *
 * Whoever supervises hands over a plan, and waits for the handles that come back. A child in its
 * place has ended for good only once the supervisor lets it go, by noh_stop().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

enum { MAX_RESTARTS = 3, WITHIN_MS = 5000 };

// ---- the plan: a copy of what the user gave

struct place {
	const struct noh_actor_type *type;
	void *state;
	char *name;
	enum noh_restart_kind restart;
	noh_actor child; // NOH_NOBODY once it is gone
};

struct plan {
	uint32_t max_restarts;
	int64_t within_ms;
	size_t count;
	struct place places[];
};

static void plan_destroy(void *argument)
{
	struct plan *plan = (struct plan *)argument;
	for (size_t i = 0; i < plan->count; i++) {
		free(plan->places[i].state);
		free(plan->places[i].name);
	}
	free(plan);
}

static void *copied(const void *from, size_t size)
{
	void *copy = calloc(1, size ? size : 1);
	if (!copy)
		abort();
	return from ? memcpy(copy, from, size) : copy;
}

// Structs of programs that were compiled against an older header are shorter: so are their strides.
static const struct noh_child *next_child(const struct noh_child *child)
{
	return (const struct noh_child *)(const void *)((const char *)child + child->size);
}

static bool is_end(const struct noh_child *child)
{
	return !child->size || !child->type;
}

static struct noh_child whole_child(const struct noh_child *child)
{
	struct noh_child whole = {0};
	memcpy(&whole, child, child->size < sizeof(whole) ? child->size : sizeof(whole));
	return whole;
}

static struct plan *plan_create(const struct noh_supervisor *options,
				const struct noh_child *children)
{
	size_t count = 0;
	for (const struct noh_child *child = children; !is_end(child); child = next_child(child))
		count++;

	struct plan *plan =
		(struct plan *)copied(NULL, sizeof(*plan) + count * sizeof(plan->places[0]));
	plan->max_restarts = options->max_restarts ? options->max_restarts : MAX_RESTARTS;
	if (options->max_restarts == NOH_NO_RESTARTS)
		plan->max_restarts = 0;
	plan->within_ms = options->within_ms > 0 ? options->within_ms : WITHIN_MS;
	for (; plan->count < count; children = next_child(children)) {
		struct noh_child child = whole_child(children);
		plan->places[plan->count++] = (struct place){
			.type = child.type,
			.state = copied(child.state, child.type->state_size),
			.name = child.name ? strdup(child.name) : NULL,
			.restart = child.restart,
		};
	}
	return plan;
}

// ---- the actor

NOH_MESSAGE(noh_supervised, (list, actor, children));
NOH_REQUEST(noh_supervise_these, noh_supervised, (owned, plan));

struct noh_supervision {
	struct plan *plan;
	int64_t *restarted_ms; // when it last did, as often as the limit allows; a ring
	uint64_t restarts;
};

static void spawn_child(struct place *place)
{
	struct noh_spawn_options options = {.size = sizeof(options),
					    .name = place->name,
					    .keeps_place = place->restart != NOH_TEMPORARY};
	place->child = noh_spawn_type(place->type, place->state, &options);
}

static void on_supervise_these(struct noh_supervision *self, const struct noh_supervise_these *msg)
{
	struct plan *plan = (struct plan *)noh_keep(noh_supervise_these, msg)->plan.ptr;
	noh_actor *children = (noh_actor *)noh_alloc(plan->count * sizeof(*children));

	self->plan = plan;
	self->restarted_ms = (int64_t *)noh_alloc(plan->max_restarts * sizeof(*self->restarted_ms));
	for (size_t i = 0; i < plan->count; i++) {
		spawn_child(&plan->places[i]);
		children[i] = plan->places[i].child;
	}
	noh_reply(noh_supervised, .children = {children, plan->count});
	noh_drop(children);
}

static struct place *place_of(struct noh_supervision *self, noh_actor child)
{
	for (size_t i = 0; self->plan && i < self->plan->count; i++)
		if (noh_same(self->plan->places[i].child, child))
			return &self->plan->places[i];
	return NULL;
}

static const char *place_name(const struct place *place)
{
	return place->name ? place->name : place->type->name;
}

static bool comes_back(const struct place *place, int64_t why)
{
	return place->restart == NOH_PERMANENT ||
	       (place->restart == NOH_TRANSIENT &&
		(why == NOH_WHY_FAILED || why == NOH_WHY_KILLED));
}

// One more restart: fails if that is one too many for the time.
static void count_restart(struct noh_supervision *self, const struct place *place,
			  const char *reason)
{
	const struct plan *plan = self->plan;
	int64_t now_ms = noh_now_ms();
	int64_t *oldest_ms = plan->max_restarts
				     ? &self->restarted_ms[self->restarts % plan->max_restarts]
				     : NULL;

	if (!oldest_ms ||
	    (self->restarts >= plan->max_restarts && now_ms - *oldest_ms <= plan->within_ms))
		noh_fail("more than %u restarts within %lld ms, the last for %s: %s",
			 plan->max_restarts, (long long)plan->within_ms, place_name(place), reason);
	*oldest_ms = now_ms;
	self->restarts++;
}

static void on_child_down(struct noh_supervision *self, const struct noh_down *msg)
{
	struct place *place = place_of(self, msg->who);
	if (!place)
		return;

	if (!msg->restarting) { // gone for good
		place->child = NOH_NOBODY;
		return;
	}
	if (!comes_back(place, msg->why)) {
		noh_stop(msg->who); // lets its place go
		return;
	}
	count_restart(self, place, msg->reason);
	noh_log(NOH_WARN, "restarts %s: %s", place_name(place),
		*msg->reason ? msg->reason : "it ended");
	noh_restart(msg->who, place->state);
}

NOH_ACTOR(noh_supervision, (noh_supervise_these, on_supervise_these), (noh_down, on_child_down));

// ---- starting one

noh_actor noh_supervise_list(const struct noh_supervisor *options, const struct noh_child *children)
{
	struct noh_supervisor whole = {0};
	memcpy(&whole, options, options->size < sizeof(whole) ? options->size : sizeof(whole));
	noh_actor supervisor =
		noh_spawn_with(noh_supervision, (.name = whole.name ? whole.name : "supervisor"));
	struct plan *plan = plan_create(&whole, children);
	const struct noh_supervised *answer;

	int err = noh_ask(supervisor, noh_supervise_these, INT64_MAX, &answer,
			  .plan = {plan, plan_destroy});
	for (size_t i = 0; !is_end(children); children = next_child(children), i++) {
		noh_actor *ret_handle = whole_child(children).ret_handle;
		if (ret_handle)
			*ret_handle = err ? NOH_NOBODY : answer->children.at[i];
	}
	return err ? NOH_NOBODY : supervisor;
}
