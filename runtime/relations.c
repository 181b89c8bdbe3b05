/* Relations: entries that keep their places, chained by the actor they are with. The lower bits of
 * an id that this actor gave are the place of its entry. */
#include "runtime/relations.h"

#include <stdlib.h>
#include <string.h>

#include "mailbox/pool.h"

enum { PLACE_BITS = 26, FIRST_ROOM = 4 };

static uint32_t *chain_of(const struct relations *relations, uint64_t peer)
{
	// Handles that lie side by side differ in bits that the mask would cut off.
	uint64_t mixed = peer * 0x9e3779b97f4a7c15u;
	return &relations->chains[(mixed >> 32) & (relations->room - 1)];
}

static void enter_chain(struct relations *relations, uint32_t place)
{
	uint32_t *chain = chain_of(relations, relations->at[place].peer);
	relations->at[place].next = *chain;
	*chain = place + 1;
}

static void grow(struct relations *relations)
{
	uint32_t room = relations->room ? 2 * relations->room : FIRST_ROOM;

	relations->at = must_reallocate(relations->at, room * sizeof(*relations->at));
	free(relations->chains);
	relations->chains = must_allocate_zeroed(room * sizeof(*relations->chains));
	relations->room = room;
	for (uint32_t place = 0; place < relations->used; place++) // none of them is free
		enter_chain(relations, place);
}

static uint32_t take_place(struct relations *relations)
{
	relations->count++;
	if (relations->free) {
		uint32_t place = relations->free - 1;
		relations->free = relations->at[place].next;
		return place;
	}
	if (relations->used == relations->room)
		grow(relations);
	return relations->used++;
}

static uint32_t add(struct relations *relations, struct relation relation)
{
	uint32_t place = take_place(relations);
	relations->at[place] = relation;
	enter_chain(relations, place);
	return place;
}

uint64_t relations_ask(struct relations *relations, enum relation_kind kind, uint64_t peer,
		       bool until_gone)
{
	uint32_t place = add(
		relations, (struct relation){.peer = peer, .kind = kind, .until_gone = until_gone});
	return relations->at[place].id = ++relations->sequence << PLACE_BITS | place;
}

void relations_add(struct relations *relations, enum relation_kind kind, uint64_t peer, uint64_t id,
		   bool until_gone)
{
	add(relations,
	    (struct relation){.peer = peer, .id = id, .kind = kind, .until_gone = until_gone});
}

struct relation *relations_with(const struct relations *relations, enum relation_kind kind,
				uint64_t peer, const struct relation *after)
{
	if (!relations->count)
		return NULL;
	uint32_t next = after ? after->next : *chain_of(relations, peer);
	for (; next; next = relations->at[next - 1].next) {
		struct relation *relation = &relations->at[next - 1];
		if (relation->peer == peer && relation->kind == kind)
			return relation;
	}
	return NULL;
}

struct relation *relations_find(const struct relations *relations, enum relation_kind kind,
				uint64_t peer, uint64_t id)
{
	struct relation *relation = NULL;
	while ((relation = relations_with(relations, kind, peer, relation)))
		if (relation->id == id)
			return relation;
	return NULL;
}

struct relation *relations_asked(const struct relations *relations, uint64_t id)
{
	uint64_t place = id & ((1 << PLACE_BITS) - 1);
	struct relation *relation = place < relations->used ? &relations->at[place] : NULL;
	bool is_asked = relation && relation->id == id &&
			(relation->kind == RELATION_WATCH || relation->kind == RELATION_LINK);
	return is_asked ? relation : NULL;
}

struct relation *relations_each(const struct relations *relations, enum relation_kind kind,
				uint32_t *place)
{
	while (*place < relations->used) {
		struct relation *relation = &relations->at[(*place)++];
		if (relation->kind == kind)
			return relation;
	}
	return NULL;
}

void relations_remove(struct relations *relations, struct relation *relation)
{
	uint32_t place = (uint32_t)(relation - relations->at);
	uint32_t *link = chain_of(relations, relation->peer);
	while (*link != place + 1)
		link = &relations->at[*link - 1].next;
	*link = relation->next;

	*relation = (struct relation){.kind = RELATION_NONE, .next = relations->free};
	relations->free = place + 1;
	relations->count--;
}

void relations_finish(struct relations *relations)
{
	free(relations->at);
	free(relations->chains);
}
