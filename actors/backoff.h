/* Back-off: how long a child waits before it starts again. Knows no clock. */
#ifndef NOH_ACTORS_BACKOFF_H
#define NOH_ACTORS_BACKOFF_H

#include <noh/supervisor.h>

// Of one child.
struct backoff {
	uint32_t waits;     // in a row
	int64_t started_ms; // its present life
};

/* Fills in the defaults. */
void backoff_complete(struct noh_backoff *options);

/* NULL if the options can be; else what is wrong with them. */
const char *backoff_problem(const struct noh_backoff *options);

/* The child has ended at `now_ms`: how long to wait. `chance` is any number. */
int64_t backoff_next(struct backoff *backoff, const struct noh_backoff *options, int64_t now_ms,
		     uint64_t chance);

#endif
