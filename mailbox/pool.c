/* The depot behind the threads' pools: full and empty magazines, and fresh slabs. */
#include "mailbox/pool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { SLAB_BYTES = 64 * 1024, REGION_BYTES = 4 * 1024 * 1024 };

static const uint16_t class_bytes[POOL_LARGE] = {16,  32,  48,  64,   80,   96,  112,
						 128, 256, 512, 1024, 2048, 4096};

// What a thread without a magazine has: `end` is behind a block that is not there, and where a
// magazine would be full.
static struct {
	struct magazine nothing;
	_Alignas(MAGAZINE_BYTES) void *end;
} none;

_Thread_local struct pool_cache pool_cache = {.top = {[0 ... POOL_LARGE - 1] = &none.end}};

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

struct block {
	struct block *next;
};

// One per class, so that classes do not wait for each other. Guarded by its lock.
static struct depot {
	_Alignas(CACHE_LINE) pthread_mutex_t lock;
	struct magazine *full, *empty;        // linked through next
	struct block *loose;                  // what ending threads gave back
	char *fresh, *fresh_end;              // of a slab that is not used up
	struct magazine *unused, *unused_end; // likewise, of magazines
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

// ---- magazines

static struct magazine *in_use(enum pool_class class)
{
	void **top = pool_cache.top[class];
	return top == &none.end
		       ? NULL
		       : (struct magazine *)((uintptr_t)(top - 1) & -(uintptr_t)MAGAZINE_BYTES);
}

static void use_full(enum pool_class class, struct magazine *magazine)
{
	pool_cache.top[class] = magazine->blocks + MAGAZINE_BLOCKS;
}

static void use_empty(enum pool_class class, struct magazine *magazine)
{
	pool_cache.top[class] = magazine->blocks;
}

static void put(struct magazine **list, struct magazine *magazine)
{
	magazine->next = *list;
	*list = magazine;
}

static struct magazine *get(struct magazine **list)
{
	struct magazine *magazine = *list;
	if (magazine) {
		*list = magazine->next;
		magazine->below = NULL;
	}
	return magazine;
}

// An empty one; the depot's lock is held.
static struct magazine *empty_magazine(struct depot *depot)
{
	struct magazine *magazine = get(&depot->empty);
	if (magazine)
		return magazine;
	if (depot->unused == depot->unused_end) {
		depot->unused = (struct magazine *)(void *)fresh_slab();
		depot->unused_end = depot->unused + SLAB_BYTES / sizeof(struct magazine);
	}
	return depot->unused++;
}

// Blocks for one, from what ended threads have left, or else fresh ones; the depot's lock is held.
static void **fill(struct depot *depot, enum pool_class class, struct magazine *magazine)
{
	void **top = magazine->blocks, **full = top + MAGAZINE_BLOCKS;
	size_t bytes = class_bytes[class];

	while (depot->loose && top < full) {
		*top++ = depot->loose;
		depot->loose = depot->loose->next;
	}
	if (top > magazine->blocks)
		return top;

	if ((size_t)(depot->fresh_end - depot->fresh) < bytes) {
		depot->fresh = fresh_slab();
		depot->fresh_end = depot->fresh + SLAB_BYTES;
	}
	size_t blocks = (size_t)(depot->fresh_end - depot->fresh) / bytes;
	if (blocks > MAGAZINE_BLOCKS)
		blocks = MAGAZINE_BLOCKS;
	// Backwards, so that they are taken in the order of their addresses.
	for (size_t i = blocks; i-- > 0;)
		*top++ = depot->fresh + i * bytes;
	depot->fresh += blocks * bytes;
	return top;
}

static void flush_when_thread_ends(void)
{
	pthread_once(&thread_end_once, make_thread_end);
	pthread_setspecific(thread_end, &pool_cache);
}

// No block is left in the magazine in use, if there is one.
static void trade_for_full(enum pool_class class)
{
	struct depot *depot = &depots[class];
	struct magazine *empty = in_use(class);

	flush_when_thread_ends();
	pthread_mutex_lock(&depot->lock);
	struct magazine *full = get(&depot->full);
	if (full) {
		if (empty)
			put(&depot->empty, empty);
		use_full(class, full);
	} else {
		if (!empty)
			empty = empty_magazine(depot);
		pool_cache.top[class] = fill(depot, class, empty);
	}
	pthread_mutex_unlock(&depot->lock);
}

void *pool_refill(enum pool_class class, size_t size)
{
	if (class == POOL_LARGE)
		return large_block(size);

	struct magazine *spare = pool_cache.full[class];
	if (spare) {
		// What is empty stays at hand: blocks that come and go by the hundred need no lock.
		pool_cache.full[class] = NULL;
		pool_cache.empty[class] = in_use(class);
		use_full(class, spare);
	} else {
		trade_for_full(class);
	}
	return *--pool_cache.top[class];
}

// The magazine in use is full, if there is one.
static void trade_for_empty(enum pool_class class)
{
	struct depot *depot = &depots[class];

	flush_when_thread_ends();
	pthread_mutex_lock(&depot->lock);
	if (pool_cache.full[class])
		put(&depot->full, pool_cache.full[class]);
	pool_cache.full[class] = in_use(class); // what was given last is likely in the cache
	use_empty(class, empty_magazine(depot));
	pthread_mutex_unlock(&depot->lock);
}

void pool_overflow(enum pool_class class, void *at)
{
	if (class == POOL_LARGE) {
		free(at);
		return;
	}

	struct magazine *spare = pool_cache.empty[class];
	if (spare) {
		pool_cache.empty[class] = NULL;
		pool_cache.full[class] = in_use(class);
		use_empty(class, spare);
	} else {
		trade_for_empty(class);
	}
	*pool_cache.top[class]++ = at;
}

// ---- the end of a thread

static void flush(struct depot *depot, enum pool_class class)
{
	struct magazine *used = in_use(class);
	if (used) {
		while (pool_cache.top[class] > used->blocks) {
			struct block *block = (struct block *)*--pool_cache.top[class];
			block->next = depot->loose;
			depot->loose = block;
		}
		put(&depot->empty, used);
	}
	if (pool_cache.full[class])
		put(&depot->full, pool_cache.full[class]);
	if (pool_cache.empty[class])
		put(&depot->empty, pool_cache.empty[class]);
	pool_cache.full[class] = pool_cache.empty[class] = NULL;
	pool_cache.top[class] = &none.end;
}

void pool_flush(void)
{
	for (int class = 0; class < POOL_LARGE; class ++) {
		pthread_mutex_lock(&depots[class].lock);
		flush(&depots[class], (enum pool_class) class);
		pthread_mutex_unlock(&depots[class].lock);
	}
}

#endif
