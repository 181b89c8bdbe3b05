/* Births: how a life begins in its slot, and the word from a supervised actor to its parent that it
 * has started. Knows nothing of what comes before or after. */
#include "runtime/birth.h"

#include <stdlib.h>

#include <noh/noh.h>

#include "runtime/bound.h"
#include "runtime/fibers.h"
#include "runtime/life.h"
#include "runtime/links.h"
#include "runtime/turn.h"

void birth_tell(struct worker *worker, struct slot *slot)
{
	if (!(slot->flags & SLOT_STARTING))
		return;
	slot->flags &= (uint16_t) ~(SLOT_STARTING | SLOT_STARTS_LATER);
	post_control(slot->parent, CONTROL_STARTED, worker->self, NULL, 0);
}

// Whose end is asked for by then, as by noh_kill(noh_self()), does not start any more.
static bool comes_to_life(struct slot *slot)
{
	return slot_state(slot) == SLOT_ALIVE && !is_ending_asked(slot);
}

void birth_over(struct worker *worker, struct slot *slot)
{
	if (comes_to_life(slot) && !(slot->flags & SLOT_STARTS_LATER))
		birth_tell(worker, slot);
}

void birth_heard(struct worker *worker, struct slot *slot, uint64_t child)
{
	struct noh_started started = {.who = {child}};
	if (slot_state(slot) == SLOT_ALIVE && slot->type->accepts &&
	    accepts(slot->type, &noh_started_message))
		turn_give(worker, slot, &noh_started_message, &started);
}

// ---- beginning

// What a type takes of the messages that the library sends most often.
static inline uint16_t heard_by(const struct noh_actor_type *type)
{
	uint32_t start = noh_message_known_id(&noh_start_message);
	uint32_t stopping = noh_message_known_id(&noh_stopping_message);
	uint32_t down = noh_message_known_id(&noh_down_message);
	uint16_t flags = 0;

	// Who lists nothing is asked, unless it is a fiber.
	if (!type->accepts)
		return type->receive ? SLOT_HEARS_START | SLOT_HEARS_STOPPING : 0;
	for (const struct noh_message_type *const *entry = type->accepts; *entry; entry++) {
		uint32_t id = noh_message_known_id(*entry);
		flags |= id == start      ? SLOT_HEARS_START
			 : id == stopping ? SLOT_HEARS_STOPPING
			 : id == down     ? SLOT_HEARS_ENDS
					  : 0;
	}
	return flags;
}

void birth_hear(struct slot *slot)
{
	slot->flags = (uint16_t)((slot->flags & ~SLOT_HEARS) | heard_by(slot->type));
}

static void start(struct worker *worker, struct slot *slot)
{
	const struct rare *rare = rare_if_any(slot);

	if (slot->flags & SLOT_FIBER) {
		fiber_create(worker, slot);
	} else if (slot->flags & SLOT_HEARS_START) {
		struct noh_start start = {
			.restarts = rare ? rare->restarts : 0,
			.last_failure = rare && rare->last_failure ? rare->last_failure : ""};
		turn_give(worker, slot, &noh_start_message, &start);
	}
}

static __attribute__((noinline)) void start_supervised(struct worker *worker, struct slot *slot)
{
	slot->flags |= SLOT_STARTING | SLOT_NOTED;
	start(worker, slot);
	birth_over(worker, slot);
}

static inline void begin(struct worker *worker, struct slot *slot, bool again)
{
	if (__builtin_expect(slot->bounded, 0))
		bound_begin(slot, again);
	if (__builtin_expect(slot->supervised, 0))
		start_supervised(worker, slot);
	else
		start(worker, slot);
}

// What every life begins with.
static inline uint16_t first_flags(const struct worker *worker, const struct noh_actor_type *type)
{
	const struct noh_limits *limits = &type->limits;
	bool quotas = limits->owned_bytes | limits->timers | limits->children;
	return SLOT_ALIVE | worker->born_with | heard_by(type) | (quotas ? SLOT_QUOTAS : 0);
}

struct envelope not_begun;

void birth_plain(struct worker *worker, struct slot *slot)
{
	static const struct noh_start first_start = {.last_failure = ""};

	slot->saved = NULL;
	slot->flags = first_flags(worker, slot->type);
	if (__builtin_expect(slot->bounded, 0))
		bound_begin(slot, false);
	if (slot->flags & SLOT_HEARS_START)
		turn_give(worker, slot, &noh_start_message, &first_start);
	worker->afterwards &=
		(uint8_t)~AFTER_MESSAGE; // no message was in hand, and its end has been seen to
}

void birth_by_envelope(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	struct spawn *spawn = (struct spawn *)envelope->body;
	const struct spawn_more *more = spawn->more;

	slot->state = spawn->state;
	slot->flags = first_flags(worker, slot->type) | (slot->type->run ? SLOT_FIBER : 0) |
		      (ck_pr_load_8(&slot->keeps_place) ? SLOT_KEEPS_PLACE : 0);
	worker->self = slot_handle(slot);
	if (more) {
		if (more->name)
			rare_of(slot)->name = more->name;
		if (more->describe)
			rare_of(slot)->describe = more->describe;
		if (more->drop_mail)
			slot->flags |= SLOT_DROPS_MAIL;
		if (more->watch)
			relations_add(relations_of(slot), RELATION_WATCHER, more->spawner,
				      more->watch, true);
		if (more->link)
			links_add(slot, more->spawner, more->link);
		free((void *)more);
	}
	begin(worker, slot, false);
}

void birth_again(struct worker *worker, struct slot *slot)
{
	slot->flags &= (uint16_t)~SLOT_TRAPS_EXITS;
	birth_hear(slot);
	slot_set_state(slot, SLOT_ALIVE);
	begin(worker, slot, true);
}

// ---- public

void noh_start_later(void)
{
	struct slot *slot = worker_of_call("noh_start_later")->running;
	if (slot->flags & SLOT_STARTING)
		slot->flags |= SLOT_STARTS_LATER;
}

void noh_start_done(void)
{
	struct worker *worker = worker_of_call("noh_start_done");
	if (comes_to_life(worker->running))
		birth_tell(worker, worker->running);
}
