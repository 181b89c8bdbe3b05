/* The table of names: chains of entries, found by a reader that a writer may overtake. */
#include "actors/names.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "actors/must.h"

enum {
	SHARDS = 32,
	FIRST_CHAINS = 16,
	CLASSES = 6,          // entries for names of 1, 2, 4, ... 32 words
	ROUNDS_UNLOCKED = 64, // before a reader takes the lock
};

// Readers follow `next` and compare the rest; the record is the writers'.
struct name_entry {
	struct name_entry *next;
	uint64_t hash, value, words;
	void *record;
	uint64_t text[];
};

// Doubles as it fills. The ones before stay, for readers that are still in them.
struct name_chains {
	struct name_chains *before;
	size_t mask;
	struct name_entry *first[];
};

struct name_shard {
	_Alignas(64) uint32_t sequence;
	struct name_chains *chains;

	pthread_mutex_t lock;
	size_t count;
	struct name_entry *unused[CLASSES];
};

// Each pairs with the other, see names.h.
#define look(at) __atomic_load_n(at, __ATOMIC_ACQUIRE)
#define put(at, value) __atomic_store_n(at, value, __ATOMIC_RELEASE)

// ---- keys

static uint64_t mixed(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 32;
}

int name_key_init(struct name_key *key, const char *name)
{
	size_t size = name ? strnlen(name, NAME_BYTES_MOST + 1) : 0;
	if (!size)
		return -EINVAL;
	if (size > NAME_BYTES_MOST)
		return -ENAMETOOLONG;

	key->words = (uint32_t)(size + 7) / 8;
	key->text[key->words - 1] = 0;
	memcpy(key->text, name, size);
	key->hash = size;
	for (uint32_t i = 0; i < key->words; i++)
		key->hash = mixed(key->hash, key->text[i]);
	return 0;
}

// ---- shards

static struct name_shard *shard_of(const struct names *names, uint64_t hash)
{
	return &names->shards[hash >> 32 & (SHARDS - 1)];
}

static struct name_chains *chains_create(size_t count, struct name_chains *before)
{
	struct name_chains *chains = must_have(sizeof(*chains) + count * sizeof(chains->first[0]));
	chains->mask = count - 1;
	chains->before = before;
	return chains;
}

void names_init(struct names *names)
{
	if (posix_memalign((void **)&names->shards, 64, SHARDS * sizeof(names->shards[0])))
		abort();
	memset(names->shards, 0, SHARDS * sizeof(names->shards[0]));
	for (int i = 0; i < SHARDS; i++) {
		pthread_mutex_init(&names->shards[i].lock, NULL);
		names->shards[i].chains = chains_create(FIRST_CHAINS, NULL);
	}
}

static void free_chain(struct name_entry *entry)
{
	while (entry) {
		struct name_entry *next = entry->next;
		free(entry);
		entry = next;
	}
}

void names_finish(struct names *names)
{
	for (int i = 0; i < SHARDS; i++) {
		struct name_shard *shard = &names->shards[i];
		struct name_chains *chains = shard->chains;

		for (size_t j = 0; j <= chains->mask; j++)
			free_chain(chains->first[j]);
		for (int class = 0; class < CLASSES; class ++)
			free_chain(shard->unused[class]);
		while (chains) {
			struct name_chains *before = chains->before;
			free(chains);
			chains = before;
		}
		pthread_mutex_destroy(&shard->lock);
	}
	free(names->shards);
}

void names_each(struct names *names, void (*visit)(void *record))
{
	for (int i = 0; i < SHARDS; i++) {
		struct name_chains *chains = names->shards[i].chains;
		for (size_t j = 0; j <= chains->mask; j++)
			for (struct name_entry *entry = chains->first[j]; entry;
			     entry = entry->next)
				visit(entry->record);
	}
}

// ---- reading

static bool is_called(const struct name_entry *entry, const struct name_key *key)
{
	if (look(&entry->hash) != key->hash || look(&entry->words) != key->words)
		return false;
	for (uint32_t i = 0; i < key->words; i++)
		if (look(&entry->text[i]) != key->text[i])
			return false;
	return true;
}

// False: a writer came in between. Chains may lead anywhere then, but not out of the shard.
static bool find_at_once(const struct name_shard *shard, const struct name_key *key,
			 uint64_t *ret_value)
{
	uint32_t sequence = look(&shard->sequence); // pairs with end_writing()
	if (sequence & 1)
		return false;

	struct name_chains *chains = look(&shard->chains);
	struct name_entry *entry = look(&chains->first[key->hash & chains->mask]);
	while (entry && !is_called(entry, key)) {
		entry = look(&entry->next);
		if (look(&shard->sequence) != sequence)
			return false;
	}
	*ret_value = entry ? look(&entry->value) : 0;
	return look(&shard->sequence) == sequence;
}

static struct name_entry *find_locked(struct name_shard *shard, const struct name_key *key)
{
	struct name_entry *entry = shard->chains->first[key->hash & shard->chains->mask];
	while (entry && !is_called(entry, key))
		entry = entry->next;
	return entry;
}

uint64_t names_find(const struct names *names, const struct name_key *key)
{
	struct name_shard *shard = shard_of(names, key->hash);
	uint64_t value = 0;
	for (int i = 0; i < ROUNDS_UNLOCKED; i++)
		if (find_at_once(shard, key, &value))
			return value;

	pthread_mutex_lock(&shard->lock);
	struct name_entry *entry = find_locked(shard, key);
	value = entry ? entry->value : 0;
	pthread_mutex_unlock(&shard->lock);
	return value;
}

// ---- writing

void names_lock(struct names *names, uint64_t hash)
{
	pthread_mutex_lock(&shard_of(names, hash)->lock);
}

void names_unlock(struct names *names, uint64_t hash)
{
	pthread_mutex_unlock(&shard_of(names, hash)->lock);
}

// What is written from here on releases this store with it: who sees any of it sees an odd number.
static void begin_writing(struct name_shard *shard)
{
	put(&shard->sequence, shard->sequence + 1);
}

static void end_writing(struct name_shard *shard)
{
	put(&shard->sequence, shard->sequence + 1); // pairs with find_at_once()
}

static int class_of(uint64_t words)
{
	int class = 0;
	while (1u << class < words)
		class ++;
	return class;
}

static struct name_entry *entry_take(struct name_shard *shard, uint64_t words)
{
	int class = class_of(words);
	struct name_entry *entry = shard->unused[class];
	if (!entry)
		return must_have(sizeof(*entry) + (sizeof(uint64_t) << class));
	shard->unused[class] = entry->next;
	return entry;
}

static void double_chains(struct name_shard *shard)
{
	struct name_chains *before = shard->chains;
	struct name_chains *chains = chains_create(2 * (before->mask + 1), before);

	for (size_t i = 0; i <= before->mask; i++) {
		for (struct name_entry *entry = before->first[i], *next; entry; entry = next) {
			struct name_entry **first = &chains->first[entry->hash & chains->mask];
			next = entry->next;
			put(&entry->next, *first);
			*first = entry;
		}
	}
	put(&shard->chains, chains);
}

static void add(struct name_shard *shard, const struct name_key *key, uint64_t value, void *record)
{
	begin_writing(shard);
	if (shard->count > shard->chains->mask)
		double_chains(shard);

	struct name_entry *entry = entry_take(shard, key->words);
	struct name_entry **first = &shard->chains->first[key->hash & shard->chains->mask];
	put(&entry->hash, key->hash);
	put(&entry->words, key->words);
	for (uint32_t i = 0; i < key->words; i++)
		put(&entry->text[i], key->text[i]);
	put(&entry->value, value);
	put(&entry->next, *first);
	entry->record = record;
	put(first, entry);
	shard->count++;
	end_writing(shard);
}

void names_set(struct names *names, const struct name_key *key, uint64_t value, void *record)
{
	struct name_shard *shard = shard_of(names, key->hash);
	struct name_entry *entry = find_locked(shard, key);
	if (!entry) {
		add(shard, key, value, record);
		return;
	}
	put(&entry->value, value); // by itself it is whole
	entry->record = record;
}

void *names_record(struct names *names, const struct name_key *key)
{
	struct name_entry *entry = find_locked(shard_of(names, key->hash), key);
	return entry ? entry->record : NULL;
}

bool names_remove(struct names *names, uint64_t hash, const void *record)
{
	struct name_shard *shard = shard_of(names, hash);
	struct name_entry **link = &shard->chains->first[hash & shard->chains->mask];
	while (*link && (*link)->record != record)
		link = &(*link)->next;

	struct name_entry *entry = *link;
	if (!entry)
		return false;
	int class = class_of(entry->words);
	begin_writing(shard);
	put(link, entry->next);
	put(&entry->next, shard->unused[class]);
	shard->unused[class] = entry;
	shard->count--;
	end_writing(shard);
	return true;
}
