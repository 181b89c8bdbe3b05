/* Intensity: a window that slides over the times of restarts. */
#include "actors/intensity.h"

#include <noh/noh.h>

enum { ROOM = 8 };

static void grow(struct intensity *intensity)
{
	size_t room = intensity->room ? 2 * intensity->room : ROOM;
	int64_t *at_ms = (int64_t *)noh_alloc(room * sizeof(*at_ms));

	for (size_t i = 0; i < intensity->count; i++)
		at_ms[i] = intensity->at_ms[(intensity->first + i) % intensity->room];
	noh_drop(intensity->at_ms);
	intensity->at_ms = at_ms;
	intensity->room = room;
	intensity->first = 0;
}

bool intensity_allows(struct intensity *intensity, const struct noh_supervisor *limits,
		      int64_t now_ms)
{
	if (limits->max_restarts == NOH_UNLIMITED_RESTARTS)
		return true;

	while (intensity->count &&
	       now_ms - intensity->at_ms[intensity->first] > limits->within_ms) {
		intensity->first = (intensity->first + 1) % intensity->room;
		intensity->count--;
	}
	if ((int64_t)intensity->count >= limits->max_restarts)
		return false;
	if (intensity->count == intensity->room)
		grow(intensity);
	intensity->at_ms[(intensity->first + intensity->count++) % intensity->room] = now_ms;
	return true;
}
