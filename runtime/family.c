/*
 * Children: what an actor does for them when it ends, and makes of their ends while it lives.
 */
#include "runtime/family.h"

#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

#include "runtime/birth.h"
#include "runtime/crash.h"
#include "runtime/guardian.h"
#include "runtime/life.h"
#include "runtime/links.h"
#include "runtime/turn.h"
#include "runtime/watches.h"

enum { LEAST_BYTES = 32 }; // of a pool's block: four children

static size_t bytes_for(uint32_t room)
{
	return sizeof(struct family) + room * sizeof(uint32_t);
}

// All that is used finds room.
static struct family *resized(struct family *family, size_t bytes)
{
	enum pool_class class = pool_class_of(bytes);
	struct family *now;

	if (!family) {
		now = pool_take(class, bytes);
		*now = (struct family){.count = 0};
	} else if (class == POOL_LARGE && pool_class_of(bytes_for(family->room)) == POOL_LARGE) {
		now = must_reallocate(family, bytes); // large ones move without being copied
	} else {
		now = pool_take(class, bytes);
		memcpy(now, family, bytes_for(family->used));
		family_free(family);
	}
	now->room = (uint32_t)((bytes - sizeof(*now)) / sizeof(now->at[0]));
	return now;
}

void family_free(struct family *family)
{
	pool_give(pool_class_of(bytes_for(family->room)), family);
}

struct family *family_with_room(struct slot *parent)
{
	struct extras *extras = extras_of(parent);
	size_t bytes = extras->family ? 2 * bytes_for(extras->family->room) : LEAST_BYTES;
	return extras->family = resized(extras->family, bytes);
}

void family_end(struct extras *extras, uint32_t how)
{
	const struct family *family = extras->family;

	// A child may have left already, and this actor has yet to hear of it: the generation of
	// its slot is the next tenant's by then, who may be anybody's child.
	for (uint32_t place = family ? family->used : 0; place-- > 0;) {
		uint32_t index = family->at[place];
		if (index & FAMILY_EMPTY)
			continue;
		struct slot *child = &slot_table[index];
		if (ck_pr_load_8(&child->keeps_place) == KEEPS_ALWAYS)
			ck_pr_store_8(&child->keeps_place, KEEPS_AFTER_FAILURE);
		post_ending(handle_of(index, child->child_generation), how);
	}
}

static void take_out(struct extras *extras, const struct slot *child)
{
	struct family *family = extras->family;

	family->at[child->place] = family->empty ? family->empty : FAMILY_END;
	family->empty = child->place | FAMILY_EMPTY;
	if (!--family->count)
		family->used = family->empty = 0;
}

// What the parent makes of it, if it still lives.
static void hear_of_child(struct worker *worker, struct slot *slot, uint64_t child,
			  struct child_ended *ended)
{
	if (slot->type == &guardian_actor_type) {
		guardian_child_ended(worker, slot, child, ended);
		return;
	}
	if (slot->extras->relations && watches_include(slot, child)) {
		// Its monitor tells it; but whether it comes back is for this parent to say.
		if (ended->in_limbo)
			watches_tell(slot, child, ended);
		return;
	}

	if (ended->crash) {
		crash_heard(worker, slot, child, ended);
		if (slot_state(slot) != SLOT_ALIVE)
			return;
	}
	if (slot->flags & SLOT_HEARS_ENDS) {
		const char *reason = "";
		if (ended->reason) {
			// The handler may fail and not come back here: what it reads is scratch.
			reason = strcpy(scratch_alloc(&worker->scratch, strlen(ended->reason) + 1),
					ended->reason);
			free(ended->reason);
			ended->reason = NULL;
		}
		struct noh_down down = {.who = {child},
					.why = ended->why,
					.code = ended->code,
					.reason = reason,
					.restarting = ended->in_limbo};
		turn_give(worker, slot, &noh_down_message, &down);
	} else if (links_include(slot, child)) {
		// The link says what is to be done with this actor. One that hears of it as a
		// message also decides whether the child comes back.
		if (ended->in_limbo && !(slot->flags & SLOT_TRAPS_EXITS))
			post_control(child, CONTROL_LET_GO, worker->self, NULL, 0);
	} else if (ended->why == NOH_WHY_FAILED) {
		const char *reason = ended->reason ? ended->reason : "a child failed";
		noh_log(NOH_ERROR, "failed: %s", reason);
		life_end(worker, slot, NOH_WHY_FAILED, ended->code, reason);
	} else if (ended->in_limbo) {
		post_control(child, CONTROL_LET_GO, worker->self, NULL, 0);
	}
}

// This actor has restarted the child before it knew; there is nothing left to decide.
static bool is_restart_under_way(uint64_t child, const struct child_ended *ended)
{
	return ended->in_limbo &&
	       slot_table[handle_index(child)].restarts_asked != ended->restarts_heard;
}

static bool is_plain(const struct child_ended *ended)
{
	return ended->why == NOH_WHY_NORMAL && !ended->reason && !ended->crash;
}

// To the normal end of a child.
static bool is_indifferent(const struct slot *slot)
{
	return !(slot->flags & SLOT_HEARS_ENDS) && !slot->extras->relations &&
	       slot->type != &guardian_actor_type;
}

static __attribute__((noinline)) void hear(struct worker *worker, struct slot *slot,
					   struct envelope *envelope)
{
	struct child_ended *ended = (struct child_ended *)envelope->body;
	uint64_t child = envelope->sender;

	if (slot_state(slot) == SLOT_ALIVE && !is_restart_under_way(child, ended))
		hear_of_child(worker, slot, child, ended);
	else if (ended->in_limbo && slot_state(slot) != SLOT_ALIVE)
		post_control(child, CONTROL_LET_GO, 0, NULL, 0);
	if (ended->reason) // mostly there is none, and each life comes by here
		free(ended->reason);
	if (ended->crash)
		free(ended->crash);
}

void family_hear(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	struct child_ended *ended = (struct child_ended *)envelope->body;
	uint64_t child = envelope->sender;

	if (!ended->in_limbo) {
		take_out(slot->extras, &slot_table[handle_index(child)]);
		slot_free(worker, child);
		if (is_plain(ended) && is_indifferent(slot))
			return;
	}
	hear(worker, slot, envelope);
}
