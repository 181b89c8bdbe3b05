/* Reserved ranges of addresses. */
#include "runtime/growing.h"

#include <errno.h>
#include <sys/mman.h>

enum { PIECE = 1 << 20 };

int growing_reserve(struct growing *range, size_t bytes)
{
	char *at = (char *)mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
				-1, 0);
	if (at == MAP_FAILED)
		return -errno;
	*range = (struct growing){.at = at, .bytes = bytes};
	return 0;
}

int growing_grow(struct growing *range)
{
	if (mprotect(range->at + range->usable, PIECE, PROT_READ | PROT_WRITE))
		return -errno;
	range->usable += PIECE;
	return 0;
}
