/* A range of addresses that is reserved at once and made usable from its beginning, piece by piece,
 * so that a table in it grows and never moves. Knows not what lies in it. */
#ifndef NOH_RUNTIME_GROWING_H
#define NOH_RUNTIME_GROWING_H

#include <stddef.h>

struct growing {
	char *at;
	size_t bytes, usable;
};

/* Addresses only: no memory, and they count against no limit of memory. What is not usable yet can
 * be read, as zeros. Returns 0, or a negative errno. */
int growing_reserve(struct growing *range, size_t bytes);

/* Makes the next piece usable; there must be one. The caller has the range to itself. Returns 0, or
 * a negative errno. */
int growing_grow(struct growing *range);

#endif
