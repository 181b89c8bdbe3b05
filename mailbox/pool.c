/* The depot behind the threads' pools: whole chains of free blocks, and fresh slabs. */
#include "mailbox/pool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { SLAB_BYTES = 64 * 1024, REGION_BYTES = 4 * 1024 * 1024 };

static const uint16_t class_bytes[POOL_LARGE] = {16,  32,  48,  64,   80,   96,  112,
						 128, 256, 512, 1024, 2048, 4096};

_Thread_local struct pool_cache pool_cache;

_Noreturn static void out_of_memory(size_t size)
{
	fprintf(stderr, "noh: out of memory for %zu bytes\n", size);
	abort();
}

void *must_allocate(size_t size)
{
	void *at = malloc(size);
	if (!at && size)
		out_of_memory(size);
	return at;
}

void *must_allocate_zeroed(size_t size)
{
	void *at = calloc(1, size);
	if (!at && size)
		out_of_memory(size);
	return at;
}

void *must_reallocate(void *at, size_t size)
{
	at = realloc(at, size);
	if (!at && size)
		out_of_memory(size);
	return at;
}

static void *large_block(size_t size)
{
	void *at = NULL;
	if (posix_memalign(&at, CACHE_LINE, size ? size : 1))
		out_of_memory(size);
	return at;
}

#ifdef POOL_OFF

void *pool_refill(enum pool_class class, size_t size)
{
	return large_block(class < POOL_LARGE && size < class_bytes[class] ? class_bytes[class]
									   : size);
}

void pool_overflow(enum pool_class class, void *block)
{
	(void)class;
	free(block);
}

void pool_flush(void)
{
}

#else

// One per class, so that classes do not wait for each other. Guarded by its lock.
static struct depot {
	_Alignas(CACHE_LINE) pthread_mutex_t lock;
	struct block *chains; // full ones, linked through next_chain
	struct block *loose;  // what ending threads gave back
} depots[POOL_LARGE] = {
	[0 ... POOL_LARGE - 1] = {.lock = PTHREAD_MUTEX_INITIALIZER},
};

// Fresh memory, handed out slab by slab. Never returned: blocks go back to the depot.
static pthread_mutex_t region_lock = PTHREAD_MUTEX_INITIALIZER;
static char *region_at, *region_end;

static pthread_key_t thread_end;
static pthread_once_t thread_end_once = PTHREAD_ONCE_INIT;

static void flush_at_thread_end(void *unused)
{
	(void)unused;
	pool_flush();
}

static void make_thread_end(void)
{
	pthread_key_create(&thread_end, flush_at_thread_end);
}

static char *fresh_slab(void)
{
	pthread_mutex_lock(&region_lock);
	if (region_at == region_end) {
		region_at = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (region_at == MAP_FAILED)
			out_of_memory(REGION_BYTES);
		region_end = region_at + REGION_BYTES;
	}
	char *slab = region_at;
	region_at += SLAB_BYTES;
	pthread_mutex_unlock(&region_lock);
	return slab;
}

// Cuts a slab into chains; one is returned, the others go to the depot, whose lock is held.
static struct chain cut_slab(struct depot *depot, enum pool_class class)
{
	size_t bytes = class_bytes[class];
	char *slab = fresh_slab();
	size_t blocks = SLAB_BYTES / bytes;
	struct chain chain = {NULL, BLOCKS_A_CHAIN};

	// Backwards, so that a chain hands blocks out in the order of their addresses.
	for (size_t i = blocks; i-- > 0;) {
		struct block *block = (struct block *)(slab + i * bytes);
		if (!chain.room) {
			chain.first->next_chain = depot->chains;
			depot->chains = chain.first;
			chain = (struct chain){NULL, BLOCKS_A_CHAIN};
		}
		block->next = chain.first;
		chain.first = block;
		chain.room--;
	}
	return chain;
}

// At most a chain's length of what ending threads gave back.
static struct chain take_loose(struct depot *depot)
{
	struct chain chain = {depot->loose, BLOCKS_A_CHAIN};
	struct block *last = NULL;

	for (struct block *block = chain.first; block && chain.room; block = block->next) {
		last = block;
		chain.room--;
	}
	depot->loose = last->next;
	last->next = NULL;
	return chain;
}

static struct chain chain_from_depot(enum pool_class class)
{
	struct depot *depot = &depots[class];
	struct chain chain;

	pthread_once(&thread_end_once, make_thread_end);
	pthread_setspecific(thread_end, &pool_cache);

	pthread_mutex_lock(&depot->lock);
	if (depot->chains) {
		chain = (struct chain){.first = depot->chains};
		depot->chains = chain.first->next_chain;
	} else if (depot->loose) {
		chain = take_loose(depot);
	} else {
		chain = cut_slab(depot, class);
	}
	pthread_mutex_unlock(&depot->lock);
	return chain;
}

void *pool_refill(enum pool_class class, size_t size)
{
	if (class == POOL_LARGE)
		return large_block(size);

	struct chain *now = &pool_cache.now[class], *spare = &pool_cache.spare[class];
	*now = spare->first ? *spare : chain_from_depot(class);
	*spare = (struct chain){0};

	struct block *block = now->first;
	now->first = block->next;
	now->room++;
	return block;
}

void pool_overflow(enum pool_class class, void *at)
{
	if (class == POOL_LARGE) {
		free(at);
		return;
	}

	struct chain *now = &pool_cache.now[class], *spare = &pool_cache.spare[class];
	if (now->first && spare->first) {
		struct depot *depot = &depots[class];
		pthread_mutex_lock(&depot->lock);
		spare->first->next_chain = depot->chains;
		depot->chains = spare->first;
		pthread_mutex_unlock(&depot->lock);
	}
	// A chain is only ever spared when it is full, so what lies in the depot is full too. (The
	// thread's first block of a class comes here, too.)
	if (now->first)
		*spare = (struct chain){.first = now->first};
	struct block *block = (struct block *)at;
	block->next = NULL;
	*now = (struct chain){block, BLOCKS_A_CHAIN - 1};
}

void pool_flush(void)
{
	for (int class = 0; class < POOL_LARGE; class ++) {
		struct depot *depot = &depots[class];
		struct chain *chains[] = {&pool_cache.now[class], &pool_cache.spare[class]};

		pthread_mutex_lock(&depot->lock);
		for (int i = 0; i < 2; i++) {
			while (chains[i]->first) {
				struct block *block = chains[i]->first;
				chains[i]->first = block->next;
				block->next = depot->loose;
				depot->loose = block;
			}
			chains[i]->room = 0;
		}
		pthread_mutex_unlock(&depot->lock);
	}
}

#endif
