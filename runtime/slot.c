/* The table of slots: its range of addresses, and the free ones. */
#include "runtime/slot.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mailbox/pool.h"
#include "runtime/growing.h"

struct slot *slot_table;
uint32_t slot_table_end;

static pthread_once_t table_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
// Guarded by table_lock:
static uint32_t table_free;      // a list through `next_free`; 0 ends it
static uint32_t table_fresh = 1; // from here on they have never been used
static struct growing table;

static void reserve_table(void)
{
	int err = growing_reserve(&table, (size_t)SLOT_LIMIT * sizeof(struct slot));
	if (err) {
		fprintf(stderr, "noh: cannot reserve addresses for actors: %s\n", strerror(-err));
		abort();
	}
	slot_table = (struct slot *)(void *)table.at;
}

// With the table's lock held. False when the table is full.
static bool grow(void)
{
	if (table.usable == table.bytes)
		return false;
	bool is_first = !table.usable;
	int err = growing_grow(&table);
	if (err) {
		fprintf(stderr, "noh: out of memory for actors: %s\n", strerror(-err));
		abort();
	}
	if (is_first)
		slot_table[0].handle = UINT64_MAX; // nobody's: else it would be 0
	return true;
}

static void make_fresh(struct slot *slot, struct noh_runtime *runtime)
{
	mailbox_init(&slot->in, &slot->out);
	slot->home = ANY_WORKER;
	slot->flags = SLOT_FREE;
	slot_set_runtime(slot, runtime);
	store_release_64(&slot->handle, handle_of(slot_index(slot), 1)); // last: it can be forged
}

// From the process to a depot, whose lock is held.
static void refill_depot(struct slot_depot *depot)
{
	pthread_once(&table_once, reserve_table);
	pthread_mutex_lock(&table_lock);
	for (int i = 0; i < CACHE_BATCH; i++) {
		uint32_t index = table_free;
		if (index) {
			table_free = slot_table[index].next_free;
			slot_set_runtime(&slot_table[index], depot->runtime);
		} else {
			if (table_fresh >= table.usable / sizeof(struct slot) && !grow())
				break;
			index = table_fresh++;
			make_fresh(&slot_table[index], depot->runtime);
		}
		slot_table[index].next_free = depot->first;
		depot->first = index;
	}
	// Pairs with slot_of(): a handle that names a new slot was made after this.
	store_release_32(&slot_table_end, table_fresh);
	pthread_mutex_unlock(&table_lock);
}

void slot_cache_refill(struct slot_cache *cache)
{
	struct slot_depot *depot = cache->depot;
	pthread_mutex_lock(&depot->lock);
	if (!depot->first)
		refill_depot(depot);
	while (cache->count < CACHE_BATCH && depot->first) {
		uint32_t index = depot->first;
		depot->first = slot_table[index].next_free;
		slot_table[index].next_free = cache->first;
		cache->first = index;
		cache->count++;
	}
	pthread_mutex_unlock(&depot->lock);
}

static void spill(struct slot_cache *cache, uint32_t keep)
{
	pthread_mutex_lock(&cache->depot->lock);
	while (cache->count > keep) {
		uint32_t index = cache->first;
		cache->first = slot_table[index].next_free;
		cache->count--;
		slot_table[index].next_free = cache->depot->first;
		cache->depot->first = index;
	}
	pthread_mutex_unlock(&cache->depot->lock);
}

void slot_cache_spill(struct slot_cache *cache)
{
	spill(cache, CACHE_BATCH);
}

void slot_flush(struct slot_cache *cache)
{
	spill(cache, 0);
}

bool slot_is_ending(struct slot *slot)
{
	uint32_t word = ck_pr_load_32(&slot->ending);
	if (word >> ENDING_BITS == slot_generation(slot))
		return true;
	// It came when its actor was about to leave. Were it kept, all later tenants would be
	// looked at for it. (A new wish is not lost: then there is another word by now.)
	swap_if_32(&slot->ending, word, 0); // pairs with post_ending()
	return false;
}

void slot_depot_init(struct slot_depot *depot, struct noh_runtime *runtime)
{
	pthread_mutex_init(&depot->lock, NULL);
	depot->first = 0;
	depot->runtime = runtime;
}

// With the table's lock held.
static void give_to_process(struct slot *slot)
{
	slot_set_runtime(slot, NULL);
	slot->next_free = table_free;
	table_free = slot_index(slot);
}

// With the table's lock held, and no list of the runtime's slots: those that are left.
static void find_all_of(const struct noh_runtime *runtime)
{
	for (uint32_t index = table_fresh; index-- > 1;) {
		struct slot *slot = &slot_table[index];
		if (slot_runtime(slot) != runtime)
			continue;
		if (!slot_is_retired(slot))
			give_to_process(slot);
		else
			slot_set_runtime(slot, NULL);
	}
}

void slot_depot_finish(struct slot_depot *depot)
{
	pthread_mutex_lock(&table_lock);
	// A list leads all over the table, and each slot of it is waited for. Where there are many
	// it is quicker to look through the whole table.
	uint32_t left = table_fresh / 16;
	while (depot->first && left--) {
		struct slot *slot = &slot_table[depot->first];
		depot->first = slot->next_free;
		give_to_process(slot);
	}
	if (depot->first)
		find_all_of(depot->runtime);
	pthread_mutex_unlock(&table_lock);
	pthread_mutex_destroy(&depot->lock);
}

static int by_number(const void *one, const void *other)
{
	uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
	return (a > b) - (a < b);
}

void slot_sort_free(void)
{
	pthread_mutex_lock(&table_lock);
	uint32_t *free_ones = must_allocate(table_fresh * sizeof(*free_ones));
	size_t count = 0;
	for (uint32_t index = table_free; index; index = slot_table[index].next_free)
		free_ones[count++] = index;
	qsort(free_ones, count, sizeof(*free_ones), by_number);
	table_free = 0;
	while (count) {
		uint32_t index = free_ones[--count];
		slot_table[index].next_free = table_free;
		table_free = index;
	}
	free(free_ones);
	pthread_mutex_unlock(&table_lock);
}
