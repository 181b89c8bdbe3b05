/* How the root of a benchmark waits for the work and checks it. Knows no single workload. */
#include "bench/bench.h"

#include <inttypes.h>

enum { GRACE_MS = 60 * 1000, SLOWEST_OPERATION_US = 10 };

struct finished wait_until_finished(const struct work *work, uint64_t parts)
{
	struct finished sum = {0};
	int64_t within_ms = GRACE_MS + (int64_t)(work->n / 1000 * SLOWEST_OPERATION_US);

	for (uint64_t part = 0; part < parts; part++) {
		const struct finished *msg = noh_as(noh_receive(within_ms, finished), finished);
		if (!msg)
			noh_fail("%" PRIu64 " of %" PRIu64 " parts finished in time", part, parts);
		sum.count += msg->count;
		sum.sum += msg->sum;
	}
	return sum;
}

uint64_t tallies(const noh_actor *actors, size_t count)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++) {
		const struct tally *answer;
		int err = noh_ask(actors[i], get_tally, GRACE_MS, &answer);
		if (err)
			noh_fail("actor %zu does not tell what it has seen: error %d", i, -err);
		sum += answer->count;
		// Gives back what this fiber has been lent: it may ask thousands.
		if (noh_receive(0, finished))
			noh_fail("more parts finished than there are");
	}
	return sum;
}

void expect_equal(const char *what, uint64_t found, uint64_t expected)
{
	if (found != expected)
		noh_fail("wrong result: %s is %" PRIu64 ", not %" PRIu64, what, found, expected);
}

void add_extra(struct work *work, const char *key, double value, const char *words)
{
	noh_check(work->extra_count < EXTRAS_MOST);
	work->extras[work->extra_count++] =
		(struct extra){.key = key, .value = value, .words = words};
}
