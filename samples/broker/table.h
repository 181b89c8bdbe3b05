/* A hash table of entries that live inside of what they index, keyed by a secret: peers choose the
 * topics, and must not be able to choose the collisions. Knows no keys; its users compare them. */
#ifndef BROKER_TABLE_H
#define BROKER_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "broker/text.h"

/* Picks the hash function; random in a server, fixed where a run must repeat. */
struct hash_key {
	uint64_t half[2];
};

struct table_entry {
	struct table_entry *next;
	uint64_t hash;
};

/* Empty when all zero, and holds no memory then. */
struct table {
	struct table_entry **buckets;
	size_t bucket_count; // a power of two
	size_t count;
};

uint64_t hash_text(const struct hash_key *key, struct span text);
uint64_t hash_number(const struct hash_key *key, uint64_t number);

/* The first entry of this hash, and the next one after `entry`; NULL at the end. */
struct table_entry *table_first(const struct table *table, uint64_t hash);
struct table_entry *table_next(const struct table_entry *entry);

/* Takes the entry as it is: two of one key are the caller's mistake. */
void table_add(struct table *table, struct table_entry *entry, uint64_t hash);
void table_remove(struct table *table, struct table_entry *entry);

/* Empties the table, and gives each entry to `drop`; without one, entries are not looked at. */
typedef void (*table_drop_fn)(struct table_entry *entry);
void table_clear(struct table *table, table_drop_fn drop);

/* realloc() that ends the program when there is no memory. */
void *resized(void *at, size_t count, size_t size);

#endif
