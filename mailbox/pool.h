/*
 * Pools of small blocks that are fast when one thread allocates and another frees; knows nothing of
 * what is in a block.
 *
 * Each thread has, per size class, a magazine: a stack of free blocks' addresses. Full and empty
 * magazines are traded with a depot under a mutex, so a block costs a mutex once in MAGAZINE_BLOCKS
 * times; and neither taking nor giving touches the block, which may be in another processor's
 * cache. Under AddressSanitizer every block is a malloc, so that it sees each of them.
 */
#ifndef NOH_MAILBOX_POOL_H
#define NOH_MAILBOX_POOL_H

#include <stddef.h>
#include <stdint.h>

#if defined(__SANITIZE_ADDRESS__)
#define POOL_OFF 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_OFF 1
#endif
#endif

#define CACHE_LINE 64

// The classes and their sizes. The last one, POOL_LARGE, stands for malloc.
enum pool_class {
	POOL_16,
	POOL_32,
	POOL_48,
	POOL_64,
	POOL_80,
	POOL_96,
	POOL_112,
	POOL_128,
	POOL_256,
	POOL_512,
	POOL_1024,
	POOL_2048,
	POOL_4096,
	POOL_LARGE
};

enum {
	MAGAZINE_BYTES = 512, // and aligned to as much: an address tells where its magazine ends
	MAGAZINE_BLOCKS = MAGAZINE_BYTES / sizeof(void *) - 1,
};

struct magazine {
	_Alignas(MAGAZINE_BYTES) union {
		void *below; // of a thread's own: NULL, to be found where no block is left
		struct magazine *next; // in the depot
	};
	void *blocks[MAGAZINE_BLOCKS];
};

// One thread's free blocks.
struct pool_cache {
	void **top[POOL_LARGE]; // behind the newest block of the magazine in use. Without one: a
				// place where no block is left, and no room
	struct magazine *full[POOL_LARGE], *empty[POOL_LARGE]; // spare ones; each may be NULL
};

extern _Thread_local struct pool_cache pool_cache;

/* The smallest class whose blocks hold `size` bytes. */
static inline enum pool_class pool_class_of(size_t size)
{
	if (size <= 128)
		return size ? (enum pool_class)((size - 1) / 16) : POOL_16;
	if (size > 4096)
		return POOL_LARGE;
	return (enum pool_class)(POOL_128 + (57 - __builtin_clzl(size - 1)));
}

/* The slow halves: trade magazines with the depot, or malloc. */
void *pool_refill(enum pool_class class, size_t size);
void pool_overflow(enum pool_class class, void *block);

/* Any thread. Never NULL: without memory the process ends. `size` matters for POOL_LARGE alone.
 * Blocks of 64 bytes, of 128 and of more are aligned to 64 bytes, all others to 16. */
static inline void *pool_take(enum pool_class class, size_t size)
{
#ifndef POOL_OFF
	if (__builtin_expect(class < POOL_LARGE, 1)) {
		void **top = pool_cache.top[class];
		if (__builtin_expect(top[-1] != NULL, 1)) {
			pool_cache.top[class] = top - 1;
			return top[-1];
		}
	}
#endif
	return pool_refill(class, size);
}

/* The same, but NULL when this thread has none at hand and pool_take() must be called. */
static inline void *pool_take_at_hand(enum pool_class class)
{
#ifdef POOL_OFF
	return pool_refill(class, 0);
#else
	void **top = pool_cache.top[class];
	void *block = top[-1];
	if (__builtin_expect(block != NULL, 1))
		pool_cache.top[class] = top - 1;
	return block;
#endif
}

/* Any thread, not just the one that took it. */
static inline void pool_give(enum pool_class class, void *at)
{
#ifndef POOL_OFF
	if (__builtin_expect(class < POOL_LARGE, 1)) {
		void **top = pool_cache.top[class];
		if (__builtin_expect((uintptr_t)top % MAGAZINE_BYTES != 0, 1)) {
			*top = at;
			pool_cache.top[class] = top + 1;
			return;
		}
	}
#endif
	pool_overflow(class, at);
}

/* Gives this thread's free blocks back to the depot; a thread that ends calls it by itself. */
void pool_flush(void);

/* malloc and calloc for the library's own needs: without memory the process ends, here. */
void *must_allocate(size_t size);
void *must_allocate_zeroed(size_t size);
void *must_reallocate(void *at, size_t size);

#endif
