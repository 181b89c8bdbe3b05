/* Memory for the library's own needs: without it the process ends. */
#ifndef NOH_ACTORS_MUST_H
#define NOH_ACTORS_MUST_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* Zeroed; given back by free(). */
static inline void *must_have(size_t size)
{
	void *at = calloc(1, size);
	if (!at) {
		fprintf(stderr, "noh: out of memory for %zu bytes\n", size);
		abort();
	}
	return at;
}

#endif
