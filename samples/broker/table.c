/* A hash table of entries that live inside of what they index, keyed by a secret. Knows no keys;
 * its users compare them. */
#include "broker/table.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEWEST_BUCKETS = 8, ENTRIES_A_BUCKET = 2 };

/* SipHash-1-3: the cheapest function for which nobody who lacks the key is known to find
 * collisions. */
struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotated(uint64_t word, int bits)
{
	return word << bits | word >> (64 - bits);
}

static inline void sip_round(struct sip *sip)
{
	sip->v0 += sip->v1;
	sip->v2 += sip->v3;
	sip->v1 = rotated(sip->v1, 13) ^ sip->v0;
	sip->v3 = rotated(sip->v3, 16) ^ sip->v2;
	sip->v0 = rotated(sip->v0, 32);
	sip->v2 += sip->v1;
	sip->v0 += sip->v3;
	sip->v1 = rotated(sip->v1, 17) ^ sip->v2;
	sip->v3 = rotated(sip->v3, 21) ^ sip->v0;
	sip->v2 = rotated(sip->v2, 32);
}

static inline void sip_take(struct sip *sip, uint64_t word)
{
	sip->v3 ^= word;
	sip_round(sip);
	sip->v0 ^= word;
}

static inline struct sip sip_start(const struct hash_key *key)
{
	return (struct sip){
		.v0 = key->half[0] ^ 0x736f6d6570736575u,
		.v1 = key->half[1] ^ 0x646f72616e646f6du,
		.v2 = key->half[0] ^ 0x6c7967656e657261u,
		.v3 = key->half[1] ^ 0x7465646279746573u,
	};
}

static inline uint64_t sip_end(struct sip *sip)
{
	sip->v2 ^= 0xff;
	sip_round(sip);
	sip_round(sip);
	sip_round(sip);
	return sip->v0 ^ sip->v1 ^ sip->v2 ^ sip->v3;
}

uint64_t hash_text(const struct hash_key *key, struct span text)
{
	struct sip sip = sip_start(key);
	uint64_t last = (uint64_t)text.size << 56;
	size_t at = 0;

	for (; at + 8 <= text.size; at += 8) {
		uint64_t word;
		memcpy(&word, text.at + at, sizeof(word));
		sip_take(&sip, word);
	}
	for (int shift = 0; at < text.size; at++, shift += 8)
		last |= (uint64_t)text.at[at] << shift;
	sip_take(&sip, last);
	return sip_end(&sip);
}

uint64_t hash_number(const struct hash_key *key, uint64_t number)
{
	struct sip sip = sip_start(key);

	sip_take(&sip, number);
	return sip_end(&sip);
}

static struct table_entry **bucket_of(const struct table *table, uint64_t hash)
{
	return &table->buckets[hash & (table->bucket_count - 1)];
}

static struct table_entry *first_of(struct table_entry *entry, uint64_t hash)
{
	while (entry && entry->hash != hash)
		entry = entry->next;
	return entry;
}

struct table_entry *table_first(const struct table *table, uint64_t hash)
{
	return table->count ? first_of(*bucket_of(table, hash), hash) : NULL;
}

struct table_entry *table_next(const struct table_entry *entry)
{
	return first_of(entry->next, entry->hash);
}

static void resize(struct table *table, size_t bucket_count)
{
	struct table old = *table;

	table->buckets = resized(NULL, bucket_count, sizeof(*table->buckets));
	table->bucket_count = bucket_count;
	memset(table->buckets, 0, bucket_count * sizeof(*table->buckets));

	for (size_t i = 0; i < old.bucket_count; i++) {
		while (old.buckets[i]) {
			struct table_entry *entry = old.buckets[i];
			struct table_entry **bucket = bucket_of(table, entry->hash);
			old.buckets[i] = entry->next;
			entry->next = *bucket;
			*bucket = entry;
		}
	}
	free(old.buckets);
}

void table_add(struct table *table, struct table_entry *entry, uint64_t hash)
{
	struct table_entry **bucket;

	if (table->count >= table->bucket_count * ENTRIES_A_BUCKET)
		resize(table, table->count ? table->bucket_count * 2 : FEWEST_BUCKETS);
	bucket = bucket_of(table, hash);
	entry->hash = hash;
	entry->next = *bucket;
	*bucket = entry;
	table->count++;
}

void table_remove(struct table *table, struct table_entry *entry)
{
	struct table_entry **link = bucket_of(table, entry->hash);

	while (*link != entry) {
		assert(*link);
		link = &(*link)->next;
	}
	*link = entry->next;

	if (!--table->count) {
		free(table->buckets);
		*table = (struct table){0};
	} else if (table->bucket_count > FEWEST_BUCKETS && table->count < table->bucket_count / 8) {
		resize(table, table->bucket_count / 4);
	}
}

void table_clear(struct table *table, table_drop_fn drop)
{
	for (size_t i = 0; drop && i < table->bucket_count; i++) {
		while (table->buckets[i]) {
			struct table_entry *entry = table->buckets[i];
			table->buckets[i] = entry->next;
			drop(entry);
		}
	}
	free(table->buckets);
	*table = (struct table){0};
}

void *resized(void *at, size_t count, size_t size)
{
	void *moved = reallocarray(at, count, size);

	if (!moved) {
		fprintf(stderr, "broker: out of memory\n");
		abort();
	}
	return moved;
}
