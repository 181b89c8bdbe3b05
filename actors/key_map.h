/* A map from numbers to pointers, for handles and hashes. Knows nothing of either. */
#ifndef NOH_ACTORS_KEY_MAP_H
#define NOH_ACTORS_KEY_MAP_H

#include <stddef.h>
#include <stdint.h>

struct key_entry {
	uint64_t key; // 0: free
	void *value;
};

// Of the running actor, with whom it goes. Zeroed: empty.
struct key_map {
	struct key_entry *entries;        // noh_alloc()
	size_t room, count;               // room: a power of two
	uint64_t (*number)(uint64_t key); // what decides the order of the entries; NULL: the key
};

/* NULL if it is not there. The entry moves with the next change of the map. */
struct key_entry *key_map_find(const struct key_map *map, uint64_t key);

/* The entry of a key that is not there yet, and not 0. */
struct key_entry *key_map_add(struct key_map *map, uint64_t key);

void key_map_remove(struct key_map *map, struct key_entry *entry);

#endif
