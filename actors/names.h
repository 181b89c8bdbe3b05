/*
 * A table from names to numbers that is read without a lock. Knows neither actors nor what the
 * numbers mean.
 *
 * It is cut into shards, each with a lock for those who write and a sequence number for those who
 * read: odd while somebody writes. A reader that finds the number changed reads again, and after
 * some such rounds takes the lock. Entries that are taken out are used again and are only freed
 * with the table, so a reader that is behind reads a stale entry, never freed memory. All that
 * readers look at is written and read atomically: each load acquires and each store releases, so
 * that none of it overtakes the look at the sequence number.
 */
#ifndef NOH_ACTORS_NAMES_H
#define NOH_ACTORS_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NAME_BYTES_MOST = 255, NAME_WORDS_MOST = (NAME_BYTES_MOST + 1) / 8 };

// A name as the table compares it: whole words, filled up with zeros.
struct name_key {
	uint64_t hash;
	uint32_t words;
	uint64_t text[NAME_WORDS_MOST];
};

/* Returns 0; -EINVAL for NULL and "", -ENAMETOOLONG for more than 255 bytes. */
int name_key_init(struct name_key *key, const char *name);

struct names {
	struct name_shard *shards;
};

void names_init(struct names *names);
void names_finish(struct names *names);

/* Any thread. The number under a name, 0 if there is none. */
uint64_t names_find(const struct names *names, const struct name_key *key);

/* The shard of a hash is the caller's until names_unlock(). */
void names_lock(struct names *names, uint64_t hash);
void names_unlock(struct names *names, uint64_t hash);

// With the shard locked.

/* Gives a name a number, not 0, and something that is only seen under the lock; replaces both. */
void names_set(struct names *names, const struct name_key *key, uint64_t value, void *record);

/* What was set, or NULL. */
void *names_record(struct names *names, const struct name_key *key);

/* Takes out the entry with this record. False if there is none. */
bool names_remove(struct names *names, uint64_t hash, const void *record);

/* Nobody else uses the table any more: calls it for each record. */
void names_each(struct names *names, void (*visit)(void *record));

#endif
