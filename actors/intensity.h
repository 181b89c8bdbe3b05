/* Intensity: whether restarts come too often. Knows times, not what was restarted. */
#ifndef NOH_ACTORS_INTENSITY_H
#define NOH_ACTORS_INTENSITY_H

#include <noh/supervisor.h>

// The times of the restarts within the period, oldest first: a ring that grows as it must.
struct intensity {
	int64_t *at_ms; // noh_alloc()
	size_t room, first, count;
};

/* One more restart, now: false if it is one too many. */
bool intensity_allows(struct intensity *intensity, const struct noh_supervisor *limits,
		      int64_t now_ms);

#endif
