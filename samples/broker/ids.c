/* A set of packet ids, as a hash table with open addressing. Knows no packets.
 *
 * An id is its own hash. Peers choose the ids, but there are only 65,535 of them: in a table of
 * any size few can share a place. Those that lie together are in the order of their own places, so
 * that a search ends, and a hole is closed, at the first that is nearer to its own: clients number
 * their messages one by one, which fills long stretches. */
#include "broker/ids.h"

#include <stdlib.h>

#include "broker/table.h"

enum { SMALLEST_ROOM = 16 };

/* How far from its own place an id lies. */
static uint32_t distance(const struct ids *ids, uint32_t place)
{
	return (place - ids->places[place]) & (ids->room - 1);
}

/* Where the id is, or where it would go. */
static uint32_t place_of(const struct ids *ids, uint16_t id)
{
	uint32_t mask = ids->room - 1;
	uint32_t place = id & mask;

	for (uint32_t away = 0;
	     ids->places[place] && ids->places[place] != id && distance(ids, place) >= away; away++)
		place = (place + 1) & mask;
	return place;
}

/* Moves on those that come after it. */
static void insert(struct ids *ids, uint32_t place, uint16_t id)
{
	while (id) {
		uint16_t next = ids->places[place];
		ids->places[place] = id;
		place = (place + 1) & (ids->room - 1);
		id = next;
	}
}

static void grow(struct ids *ids)
{
	struct ids larger = {.room = ids->room ? ids->room * 2 : SMALLEST_ROOM,
			     .count = ids->count};

	larger.places = resized(NULL, larger.room, sizeof(*larger.places));
	for (uint32_t i = 0; i < larger.room; i++)
		larger.places[i] = 0;
	for (uint32_t i = 0; i < ids->room; i++) {
		if (ids->places[i])
			insert(&larger, place_of(&larger, ids->places[i]), ids->places[i]);
	}
	free(ids->places);
	*ids = larger;
}

bool ids_add(struct ids *ids, uint16_t id)
{
	uint32_t place;

	if (ids->count * 2 >= ids->room)
		grow(ids);
	place = place_of(ids, id);
	if (ids->places[place] == id)
		return false;
	insert(ids, place, id);
	ids->count++;
	return true;
}

/* Moves those behind the hole nearer to their own places. */
static void close_hole(struct ids *ids, uint32_t hole)
{
	uint32_t mask = ids->room - 1;

	for (uint32_t i = (hole + 1) & mask; ids->places[i] && distance(ids, i);
	     i = (i + 1) & mask) {
		ids->places[hole] = ids->places[i];
		ids->places[i] = 0;
		hole = i;
	}
}

bool ids_remove(struct ids *ids, uint16_t id)
{
	uint32_t place;

	if (!ids->count || !id)
		return false;
	place = place_of(ids, id);
	if (ids->places[place] != id)
		return false;
	ids->places[place] = 0;
	if (--ids->count)
		close_hole(ids, place);
	else if (ids->room > SMALLEST_ROOM)
		ids_finish(ids);
	return true;
}

uint64_t *ids_listed(const struct ids *ids)
{
	uint64_t *listed = resized(NULL, (size_t)ids->count + 1, sizeof(*listed));
	uint32_t count = 0;

	for (uint32_t i = 0; i < ids->room; i++) {
		if (ids->places[i])
			listed[count++] = ids->places[i];
	}
	return listed;
}

void ids_finish(struct ids *ids)
{
	free(ids->places);
	*ids = (struct ids){0};
}
