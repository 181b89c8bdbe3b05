/* Back-off: the waits grow by a factor up to a limit, and chance takes a share off each. */
#include "actors/backoff.h"

enum { MAX_MS = 30 * 1000 };

void backoff_complete(struct noh_backoff *options)
{
	if (!options->min_ms)
		return;
	if (!options->max_ms)
		options->max_ms = options->min_ms > MAX_MS ? options->min_ms : MAX_MS;
	if (options->factor == 0)
		options->factor = 2;
	if (options->jitter == 0)
		options->jitter = 0.25;
	if (!options->stable_ms)
		options->stable_ms = options->max_ms;
}

const char *backoff_problem(const struct noh_backoff *options)
{
	if (options->min_ms < 0 || options->max_ms < 0 || options->stable_ms < 0)
		return "a time of its back-off is negative";
	if (options->max_ms && options->max_ms < options->min_ms)
		return "the longest wait of its back-off is shorter than the first";
	if (options->factor != 0 && !(options->factor >= 1))
		return "the factor of its back-off is below 1";
	if (!(options->jitter <= 1) || (options->jitter < 0 && options->jitter != NOH_NO_JITTER))
		return "the jitter of its back-off is no share";
	return NULL;
}

int64_t backoff_next(struct backoff *backoff, const struct noh_backoff *options, int64_t now_ms,
		     uint64_t chance)
{
	if (!options->min_ms)
		return 0;
	if (now_ms - backoff->started_ms >= options->stable_ms)
		backoff->waits = 0;

	double wait_ms = (double)options->min_ms;
	for (uint32_t i = 0; i < backoff->waits && wait_ms < (double)options->max_ms; i++)
		wait_ms *= options->factor;
	if (wait_ms > (double)options->max_ms)
		wait_ms = (double)options->max_ms;
	else
		backoff->waits++;
	if (options->jitter > 0)
		wait_ms *= 1 - options->jitter * ((double)(chance >> 11) / (double)(1ull << 53));
	return (int64_t)(wait_ms + 0.5);
}
