/*
 * Links: each side has an entry for each request to link, under the id that the asker gave it. Two
 * that link to each other at the same time have two such entries on each side, and one link.
 *
 * A signal names the request it belongs to, so one that was sent over a link that has been ended
 * since, or in a former life, finds no entry and is dropped. The first signal that finds one takes
 * all entries with its sender, so there is no second one.
 */
#include "runtime/links.h"

#include <noh/noh.h>

#include "runtime/life.h"

static const enum relation_kind kinds[] = {RELATION_LINK, RELATION_LINKED};

static enum relation_kind kind_of(const struct link_named *link)
{
	return link->asked_by_receiver ? RELATION_LINK : RELATION_LINKED;
}

// As the other side knows it.
static struct link_named name_of(const struct relation *relation)
{
	return (struct link_named){.id = relation->id,
				   .asked_by_receiver = relation->kind == RELATION_LINKED};
}

static struct relation *any_link(const struct relations *relations, uint64_t peer)
{
	struct relation *link = relations_with(relations, RELATION_LINK, peer, NULL);
	return link ? link : relations_with(relations, RELATION_LINKED, peer, NULL);
}

bool links_include(const struct slot *slot, uint64_t peer)
{
	const struct relations *relations = relations_if_any(slot);
	return relations && any_link(relations, peer);
}

void links_add(struct slot *slot, uint64_t peer, uint64_t id)
{
	relations_add(relations_of(slot), RELATION_LINKED, peer, id, false);
}

void links_remove(struct slot *slot, uint64_t peer, const struct link_named *link)
{
	struct relations *relations = relations_if_any(slot);
	struct relation *relation =
		relations ? relations_find(relations, kind_of(link), peer, link->id) : NULL;
	if (relation)
		relations_remove(relations, relation);
}

void links_signal(struct extras *extras, uint64_t self, const struct ending *ending)
{
	struct relations *relations = extras->relations;
	struct relation *link;

	for (int i = 0; relations && i < 2; i++) {
		for (uint32_t place = 0; (link = relations_each(relations, kinds[i], &place));) {
			struct link_named name = name_of(link);
			post_exit(link->peer, self, name, ending->why, ending->code,
				  ending->reason);
			relations_remove(relations, link);
		}
	}
}

// Ends all that is between the two, also what the other has yet to hear of.
static void unlink_all(uint64_t self, struct relations *relations, uint64_t peer)
{
	struct relation *link;
	while ((link = any_link(relations, peer))) {
		struct link_named name = name_of(link);
		relations_remove(relations, link);
		post_control(peer, CONTROL_UNLINK, self, &name, sizeof(name));
	}
}

// ---- exit signals

bool exit_take(struct slot *slot, const struct envelope *envelope)
{
	struct link_named link = link_named_from(envelope->ask);
	uint64_t peer = envelope->sender;
	if (!link.id)
		return true; // sent without a link

	struct relations *relations = relations_if_any(slot);
	if (!relations || !relations_find(relations, kind_of(&link), peer, link.id))
		return false;
	unlink_all(slot_handle(slot), relations, peer);
	return true;
}

bool exit_comes(struct worker *worker, struct slot *slot, const struct envelope *envelope)
{
	bool traps = slot->flags & SLOT_TRAPS_EXITS;

	// Of a fiber the link may still be ended while the message waits to be received.
	if (traps && slot->flags & SLOT_FIBER)
		return true;
	if (!exit_take(slot, envelope))
		return false;
	if (traps)
		return true;

	const struct noh_exit *exit = (const struct noh_exit *)envelope->body;
	uint32_t from = handle_index(exit->from.id);
	if (exit->why == NOH_WHY_NORMAL)
		return false;
	if (exit->why == NOH_WHY_NOBODY) {
		noh_log(NOH_ERROR, "failed: linked to @%u, which was gone", from);
		life_end(worker, slot, NOH_WHY_FAILED, 0, "linked to an actor that was gone");
	} else {
		noh_log(NOH_INFO, "ends with @%u: %s", from, exit->reason);
		life_end(worker, slot, (int)exit->why, exit->code, exit->reason);
	}
	return false;
}

// ---- what an actor calls

void noh_link(noh_actor who)
{
	struct worker *worker = worker_of_call("noh_link");
	struct relations *relations = relations_of(worker->running);
	if (who.id == worker->self || any_link(relations, who.id))
		return;

	uint64_t id = relations_ask(relations, RELATION_LINK, who.id, false);
	if (slot_of(who.id))
		post_control(who.id, CONTROL_LINK, worker->self, &id, sizeof(id));
	else
		post_exit(worker->self, who.id, (struct link_named){id, true}, NOH_WHY_NOBODY, 0,
			  "nobody");
}

void noh_unlink(noh_actor who)
{
	struct worker *worker = worker_of_call("noh_unlink");
	struct relations *relations = relations_if_any(worker->running);
	if (relations)
		unlink_all(worker->self, relations, who.id);
}

bool noh_trap_exits(bool trap)
{
	struct worker *worker = worker_of_call("noh_trap_exits");
	struct slot *slot = worker->running;
	bool former = slot->flags & SLOT_TRAPS_EXITS;

	if (trap && slot->type->receive && !accepts(slot->type, &noh_exit_message))
		noh_fail("traps exits, but has no entry (noh_exit, on_exit)");
	slot->flags =
		(uint16_t)(trap ? slot->flags | SLOT_TRAPS_EXITS : slot->flags & ~SLOT_TRAPS_EXITS);
	return former;
}

void noh_send_exit(noh_actor who, int code, const char *reason)
{
	struct worker *worker = this_worker;
	post_exit(who.id, worker ? worker->self : 0, (struct link_named){0},
		  code ? NOH_WHY_FAILED : NOH_WHY_NORMAL, code, reason);
}
