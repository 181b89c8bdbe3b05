/* Reserved ranges of addresses, and the pages in them. */
#include "runtime/growing.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>

#include "runtime/clock.h"

enum {
	SMALL_PIECE = 1 << 20,
	HUGE_PIECE = 2 << 20, // one huge page
	HUGE_FROM = 4 << 20,  // small programs are not to pay for whole ones
	SLOW_NS = 1000 * 1000,
	SKIP_LEAST = 16,
};

/*
 * Where a table is large, what lies in it is found at random, and that a processor must first look
 * up where a page is costs more than the way to memory: with huge pages it need not. One also costs
 * a quarter of what its parts do. But where a hypervisor has lent free memory elsewhere it costs
 * milliseconds, in which nobody runs, and ordinary ones are still at hand; so after a slow one the
 * next pieces do without, more of them each time.
 */
static struct {
	pthread_mutex_t lock;
	uint32_t skip;      // pieces that do without from now on
	uint32_t last_skip; // how many did so after the last slow one; 0: there was none lately
} pace = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool is_huge_wanted(void)
{
	pthread_mutex_lock(&pace.lock);
	bool wanted = !pace.skip;
	if (!wanted)
		pace.skip--;
	pthread_mutex_unlock(&pace.lock);
	return wanted;
}

static void note_pace(uint64_t took_ns)
{
	pthread_mutex_lock(&pace.lock);
	pace.last_skip = took_ns < SLOW_NS ? 0 : pace.last_skip ? 2 * pace.last_skip : SKIP_LEAST;
	pace.skip = pace.last_skip;
	pthread_mutex_unlock(&pace.lock);
}

static void ask_for_huge_page(char *piece)
{
#if defined(MADV_HUGEPAGE) && defined(MADV_POPULATE_WRITE)
	if (!is_huge_wanted())
		return;
	uint64_t began_ns = clock_now_ns(&clock_monotonic);
	// If there is none, or this is not known here, its pages come one by one when they are
	// used.
	if (!madvise(piece, HUGE_PIECE, MADV_HUGEPAGE))
		madvise(piece, HUGE_PIECE, MADV_POPULATE_WRITE);
	note_pace(clock_now_ns(&clock_monotonic) - began_ns);
#else
	(void)piece;
#endif
}

int growing_reserve(struct growing *range, size_t bytes)
{
	// Huge pages begin at multiples of their size.
	char *at = (char *)mmap(NULL, bytes + HUGE_PIECE, PROT_READ,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return -errno;
	*range = (struct growing){.at = at + -(uintptr_t)at % HUGE_PIECE, .bytes = bytes};
	return 0;
}

int growing_grow(struct growing *range)
{
	char *piece = range->at + range->usable;
	size_t bytes = range->usable < HUGE_FROM ? SMALL_PIECE : HUGE_PIECE;

	if (mprotect(piece, bytes, PROT_READ | PROT_WRITE))
		return -errno;
	if (bytes == HUGE_PIECE)
		ask_for_huge_page(piece);
	range->usable += bytes;
	return 0;
}
