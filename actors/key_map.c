/* A map from numbers to pointers: open addressing in one array, at most three quarters full. */
#include "actors/key_map.h"

#include <noh/noh.h>

enum { ROOM = 8 };

static size_t home(const struct key_map *map, uint64_t key)
{
	if (map->number)
		key = map->number(key);
	key *= 0x9e3779b97f4a7c15u;
	return (size_t)(key ^ key >> 32) & (map->room - 1);
}

// The key's entry, or the free one where it would be.
static struct key_entry *place_of(const struct key_map *map, uint64_t key)
{
	size_t i = home(map, key);
	while (map->entries[i].key && map->entries[i].key != key)
		i = (i + 1) & (map->room - 1);
	return &map->entries[i];
}

static void grow(struct key_map *map)
{
	struct key_map larger = {.room = map->room ? 2 * map->room : ROOM,
				 .count = map->count,
				 .number = map->number};
	larger.entries = (struct key_entry *)noh_alloc(larger.room * sizeof(*larger.entries));
	for (size_t i = 0; i < map->room; i++)
		if (map->entries[i].key)
			*place_of(&larger, map->entries[i].key) = map->entries[i];
	noh_drop(map->entries);
	*map = larger;
}

struct key_entry *key_map_find(const struct key_map *map, uint64_t key)
{
	if (!map->count || !key)
		return NULL;
	struct key_entry *entry = place_of(map, key);
	return entry->key ? entry : NULL;
}

struct key_entry *key_map_add(struct key_map *map, uint64_t key)
{
	if ((map->count + 1) * 4 > map->room * 3)
		grow(map);
	struct key_entry *entry = place_of(map, key);
	*entry = (struct key_entry){.key = key};
	map->count++;
	return entry;
}

// Those behind it move up, so that every look-up still ends where it should.
void key_map_remove(struct key_map *map, struct key_entry *entry)
{
	size_t mask = map->room - 1, hole = (size_t)(entry - map->entries), i = hole;

	map->count--;
	for (;;) {
		i = (i + 1) & mask;
		if (!map->entries[i].key)
			break;
		if (((i - home(map, map->entries[i].key)) & mask) >= ((i - hole) & mask)) {
			map->entries[hole] = map->entries[i];
			hole = i;
		}
	}
	map->entries[hole] = (struct key_entry){0};
}
