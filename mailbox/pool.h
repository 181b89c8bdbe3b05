/*
 * Pools of small blocks that are fast when one thread allocates and another frees; knows nothing of
 * what is in a block.
 *
 * Each thread has, per size class, two short chains of free blocks; whole chains are traded with a
 * depot under a mutex, so a block costs a mutex once in BLOCKS_A_CHAIN times. Under
 * AddressSanitizer every block is a malloc, so that it sees each of them.
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

enum { BLOCKS_A_CHAIN = 64 };

struct block {
	struct block *next;       // in its chain
	struct block *next_chain; // in the depot, of a chain's first block
};

struct chain {
	struct block *first;
	int32_t room; // for so many more, at most; 0 also where there never were any
};

// One thread's free blocks.
struct pool_cache {
	struct chain now[POOL_LARGE], spare[POOL_LARGE];
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

/* The slow halves: trade a chain with the depot, or malloc. */
void *pool_refill(enum pool_class class, size_t size);
void pool_overflow(enum pool_class class, void *block);

/* Any thread. Never NULL: without memory the process ends. `size` matters for POOL_LARGE alone.
 * Blocks of 64 bytes, of 128 and of more are aligned to 64 bytes, all others to 16. */
static inline void *pool_take(enum pool_class class, size_t size)
{
#ifndef POOL_OFF
	if (__builtin_expect(class < POOL_LARGE, 1)) {
		struct chain *now = &pool_cache.now[class];
		struct block *block = now->first;
		if (__builtin_expect(block != NULL, 1)) {
			now->first = block->next;
			now->room++;
			return block;
		}
	}
#endif
	return pool_refill(class, size);
}

/* The same, but NULL when this thread's chain is empty and pool_take() must be called. */
static inline void *pool_take_at_hand(enum pool_class class)
{
#ifdef POOL_OFF
	return pool_refill(class, 0);
#else
	struct chain *now = &pool_cache.now[class];
	struct block *block = now->first;
	if (__builtin_expect(block != NULL, 1)) {
		now->first = block->next;
		now->room++;
	}
	return block;
#endif
}

/* Any thread, not just the one that took it. */
static inline void pool_give(enum pool_class class, void *at)
{
#ifndef POOL_OFF
	if (__builtin_expect(class < POOL_LARGE, 1)) {
		struct chain *now = &pool_cache.now[class];
		if (__builtin_expect(--now->room >= 0, 1)) {
			struct block *block = (struct block *)at;
			block->next = now->first;
			now->first = block;
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
