/* Spawning: a slot, a copy of the state, and the first envelope that carries both. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

#include "runtime/birth.h"
#include "runtime/bound.h"
#include "runtime/family.h"
#include "runtime/guardian.h"
#include "runtime/life.h"
#include "runtime/state.h"
#include "runtime/trace.h"

bool accepts(const struct noh_actor_type *type, const struct noh_message_type *message)
{
	uint32_t id = noh_message_id(message);
	for (const struct noh_message_type *const *entry = type->accepts; entry && *entry; entry++)
		if (noh_message_id(*entry) == id)
			return true;
	return false;
}

// Its spawner, the running actor, sets up its own sides here; the new actor does so before it runs.
static const struct spawn_more *more_of(const struct noh_spawn_options *options,
					struct worker *worker, uint64_t child)
{
	if (!options || (!options->name && !options->describe && !options->monitored &&
			 !options->linked && !options->drop_mail))
		return NULL;

	struct spawn_more *more = must_allocate_zeroed(sizeof(*more));
	more->name = options->name;
	more->describe = options->describe;
	more->drop_mail = options->drop_mail;
	if (options->monitored || options->linked) {
		struct relations *relations = relations_of(worker->running);
		more->spawner = worker->self;
		if (options->monitored)
			more->watch = relations_ask(relations, RELATION_WATCH, child, true);
		if (options->linked)
			more->link = relations_ask(relations, RELATION_LINK, child, false);
	}
	return more;
}

static struct slot *slot_from_depot(struct noh_runtime *runtime)
{
	struct slot_cache cache = {.depot = &runtime->slots};
	struct slot *slot = slot_take(&cache);
	slot_flush(&cache);
	return slot;
}

// As one without options finds it. Nobody who still runs the slot looks at what is written here
// while it is nobody's.
static inline __attribute__((always_inline)) void move_in(struct slot *slot,
							  struct noh_runtime *runtime,
							  const struct noh_actor_type *type,
							  uint64_t parent)
{
	slot_set_runtime(slot, runtime);
	ck_pr_store_ptr(&slot->type, (void *)type);
	ck_pr_store_64(&slot->parent, parent);
	slot->supervised = slot->named = false;
	slot->restarts_asked = 0;
	ck_pr_store_8(&slot->keeps_place, KEEPS_NOT);

	const struct noh_limits *limits = &type->limits;
	bool bounded = limits->mailbox_messages | limits->mailbox_bytes |
		       (limits->on_full == NOH_FULL_LATEST);
	if (__builtin_expect(bounded, 0)) {
		bound_set(slot, limits);
		ck_pr_store_8(&slot->bounded, 1);
	}
}

// The slot may still be run by a worker that deals with what came too late for a former tenant: the
// birth waits in the mailbox.
static void send_birth(struct worker *worker, struct slot *slot, uint64_t handle,
		       const struct spawn *spawn)
{
	struct envelope *envelope = control_envelope(
		CONTROL_SPAWN, handle, worker ? worker->self : 0, spawn, sizeof(*spawn));
	if (mailbox_push(&slot->in, envelope) && (!worker || !runs_next(worker, slot)))
		schedule_newborn(slot);
}

noh_actor spawn_in(struct noh_runtime *runtime, const struct noh_actor_type *type,
		   const void *state, const struct noh_spawn_options *options, uint64_t parent,
		   int home)
{
	struct worker *worker = this_worker;
	if (ck_pr_load_32(&runtime->ended))
		return NOH_NOBODY;
	struct slot *slot = worker && worker->runtime == runtime ? slot_take(&worker->slots)
								 : slot_from_depot(runtime);
	if (!slot)
		return NOH_NOBODY;

	uint64_t handle = slot_handle(slot);
	move_in(slot, runtime, type, parent);
	if (options) {
		slot->supervised = options->supervised;
		slot->named = options->name;
		ck_pr_store_8(&slot->keeps_place, !options->keeps_place ? KEEPS_NOT
						  : slot->supervised    ? KEEPS_ALWAYS
									: KEEPS_AFTER_FAILURE);
	}
	if (home != ANY_WORKER)
		slot_set_home(slot, (int16_t)home);
	struct spawn spawn = {.state = state_copy(type, state, slot->supervised),
			      .more = more_of(options, worker, handle)};
	if (worker && parent == worker->self)
		family_add(worker->running, handle);
	else if (parent)
		post_control(parent, CONTROL_ADOPT, handle, NULL,
			     0); // before the child can report its end

	if (worker) {
		worker->statistics.spawned++;
		worker->credit--;
	}
	if (trace_on)
		trace_spawn(worker ? worker->self : 0, handle, type,
			    options ? options->name : NULL);
	send_birth(worker, slot, handle, &spawn);
	return (noh_actor){handle};
}

// The usual case: a child of an actor that runs here, without options.
static noh_actor spawn_plainly(struct worker *worker, const struct noh_actor_type *type,
			       const void *state)
{
	struct noh_runtime *runtime = worker->runtime;
	if (ck_pr_load_32(&runtime->ended))
		return NOH_NOBODY;
	struct slot *slot = slot_take(&worker->slots);
	if (!slot)
		return NOH_NOBODY;

	uint64_t handle = slot_handle(slot);
	move_in(slot, runtime, type, worker->self);
	void *copy = state_copy_plainly(type, state);
	family_add(worker->running, handle);
	worker->statistics.spawned++;
	worker->credit--;
	if (__builtin_expect(mailbox_claim(&slot->in), 1)) {
		slot->state = copy;
		slot->saved = &not_begun;
		if (!ring_put_next(&worker->ring, slot))
			schedule_child(worker, slot);
	} else {
		send_birth(worker, slot, handle, &(struct spawn){.state = copy});
	}
	return (noh_actor){handle};
}

static void check_quota(const struct slot *slot)
{
	size_t most = limits_of(slot)->children;
	if (most && slot->extras && child_count(slot->extras) >= most)
		noh_fail("over its quota of children: %zu", most);
}

// As a type must be; a fiber or one of handlers.
static void check_type(const struct worker *worker, const struct noh_actor_type *type)
{
	if (type->abi != NOH_ABI || (!type->receive && !type->run)) {
		runtime_log(worker ? worker->runtime : NULL, NOH_ERROR,
			    "noh_spawn: %s is not an actor type of this version",
			    type->name ? type->name : "?");
		abort();
	}
	if (type->run && (type->limits.on_full == NOH_FULL_DROP_OLD ||
			  type->limits.on_full == NOH_FULL_LATEST)) {
		runtime_log(worker ? worker->runtime : NULL, NOH_ERROR,
			    "noh_spawn: %s is a fiber, whose mailbox cannot drop old messages",
			    type->name);
		abort();
	}
}

static __attribute__((noinline)) noh_actor spawn_anyhow(struct worker *worker,
							const struct noh_actor_type *type,
							const void *state,
							const struct noh_spawn_options *options)
{
	struct noh_spawn_options whole = {0};

	// Programs compiled against an older header pass a shorter struct.
	if (options) {
		memcpy(&whole, options,
		       options->size < sizeof(whole) ? options->size : sizeof(whole));
		options = &whole;
	}
	check_type(worker, type);
	if (!worker || !worker->running) {
		if (!whole.in)
			outside("noh_spawn without .in = runtime");
		whole.monitored = whole.linked = false;
		return spawn_in(whole.in, type, state, options, whole.in->guardian, ANY_WORKER);
	}
	struct noh_runtime *runtime = whole.in ? whole.in : worker->runtime;
	bool own_child = !whole.detached && runtime == worker->runtime;
	if (own_child && worker->running->flags & SLOT_QUOTAS)
		check_quota(worker->running);
	return spawn_in(runtime, type, state, options, own_child ? worker->self : runtime->guardian,
			ANY_WORKER);
}

noh_actor noh_spawn_type(const struct noh_actor_type *type, const void *state,
			 const struct noh_spawn_options *options)
{
	struct worker *worker = this_sender;
	bool plain = !options && worker && worker->running && worker->runs_at_once &&
		     !(worker->running->flags & SLOT_QUOTAS) && type->abi == NOH_ABI &&
		     type->receive && !type->run;
	if (__builtin_expect(plain, 1))
		return spawn_plainly(worker, type, state);
	return spawn_anyhow(this_worker, type, state, options);
}

int noh_end_life(noh_actor who)
{
	struct worker *worker = worker_of_call("noh_end_life");
	struct slot *slot = slot_if_alive(who.id);

	if (!slot || (who.id != worker->self && ck_pr_load_64(&slot->parent) != worker->self))
		return -ESRCH;
	post_ending(who.id, ENDING_SHUTDOWN);
	return 0;
}

// A parent's wish that came too late for the life that it was meant for.
static void take_back_shutdown(struct slot *slot, uint64_t child)
{
	uint32_t word;
	do {
		word = ck_pr_load_32(&slot->ending);
		if (word >> ENDING_BITS != handle_generation(child) || !(word & ENDING_SHUTDOWN))
			return;
	} while (!swap_if_32(&slot->ending, word,
			     word & ENDING_KILL ? word & ~(uint32_t)ENDING_SHUTDOWN
						: 0)); // pairs with life_ending_asked()
}

int noh_restart(noh_actor child, const void *state)
{
	struct worker *worker = worker_of_call("noh_restart");
	struct slot *slot = slot_if_alive(child.id);

	// Of a child these may be read: they do not change until its parent gives its slot free.
	if (!slot || ck_pr_load_64(&slot->parent) != worker->self ||
	    !ck_pr_load_8(&slot->keeps_place))
		return -ESRCH;
	const struct noh_actor_type *type =
		(const struct noh_actor_type *)ck_pr_load_ptr(&slot->type);
	if (ck_pr_load_8(&slot->keeps_place) == KEEPS_ALWAYS)
		take_back_shutdown(slot, child.id);
	ck_pr_store_8(&slot->restarts_asked,
		      (uint8_t)(slot->restarts_asked + 1)); // read by the child
	struct restart restart = {.state = state_copy(type, state, slot->supervised),
				  .size = state_bytes(type, slot->supervised)};
	post_control(child.id, CONTROL_RESTART, worker->self, &restart, sizeof(restart));
	return 0;
}
