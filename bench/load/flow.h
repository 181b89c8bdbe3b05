/* Judges the sequence numbers of one publisher as one subscriber sees them: what is lost,
 * duplicated or out of order. Knows no payloads and no sockets. */
#ifndef BENCH_LOAD_FLOW_H
#define BENCH_LOAD_FLOW_H

#include <stddef.h>
#include <stdint.h>

// Sequence numbers that were jumped over and have not come yet.
struct flow_gap {
	uint32_t from, until;
};

struct flow {
	uint32_t expected; // one more than the highest seen
	uint32_t reordered;
	uint32_t duplicated;
	uint32_t gap_count, gap_room;
	struct flow_gap *gaps;
};

/* For the call below, when the number is not the expected one. */
void flow_take_unexpected(struct flow *flow, uint32_t sequence);

/* A zeroed flow expects 0. A number that comes after a later one is reordered, and no longer
 * lost; one that comes again is duplicated. */
static inline void flow_take(struct flow *flow, uint32_t sequence)
{
	if (sequence == flow->expected)
		flow->expected++;
	else
		flow_take_unexpected(flow, sequence);
}

/* How many of the numbers below `sent` never came. */
uint64_t flow_lost(const struct flow *flow, uint32_t sent);

void flow_finish(struct flow *flow);

#endif
