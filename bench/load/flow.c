/* Keeps a list of gaps, so that the ordinary case costs one comparison and memory is used only
 * where something went wrong. */
#include "bench/load/flow.h"

#include <stdlib.h>
#include <string.h>

static void add_gap(struct flow *flow, uint32_t at, struct flow_gap gap)
{
	if (flow->gap_count == flow->gap_room) {
		flow->gap_room = flow->gap_room ? 2 * flow->gap_room : 8;
		flow->gaps = realloc(flow->gaps, flow->gap_room * sizeof(*flow->gaps));
		if (!flow->gaps)
			abort();
	}
	memmove(&flow->gaps[at + 1], &flow->gaps[at], (flow->gap_count - at) * sizeof(*flow->gaps));
	flow->gaps[at] = gap;
	flow->gap_count++;
}

static void remove_gap(struct flow *flow, uint32_t at)
{
	flow->gap_count--;
	memmove(&flow->gaps[at], &flow->gaps[at + 1], (flow->gap_count - at) * sizeof(*flow->gaps));
}

// Gaps are sorted: the first that ends after the number is the only one that can hold it.
static uint32_t find_gap(const struct flow *flow, uint32_t sequence)
{
	uint32_t low = 0, high = flow->gap_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (flow->gaps[middle].until > sequence)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

void flow_take_unexpected(struct flow *flow, uint32_t sequence)
{
	if (sequence > flow->expected) {
		add_gap(flow, flow->gap_count, (struct flow_gap){flow->expected, sequence});
		flow->expected = sequence + 1;
		return;
	}

	uint32_t at = find_gap(flow, sequence);
	if (at == flow->gap_count || flow->gaps[at].from > sequence) {
		flow->duplicated++;
		return;
	}

	struct flow_gap *gap = &flow->gaps[at];
	flow->reordered++;
	if (gap->from == sequence && gap->until == sequence + 1) {
		remove_gap(flow, at);
	} else if (gap->from == sequence) {
		gap->from++;
	} else if (gap->until == sequence + 1) {
		gap->until--;
	} else {
		struct flow_gap behind = {sequence + 1, gap->until};
		gap->until = sequence;
		add_gap(flow, at + 1, behind);
	}
}

uint64_t flow_lost(const struct flow *flow, uint32_t sent)
{
	uint64_t lost = sent > flow->expected ? sent - flow->expected : 0;

	for (uint32_t at = 0; at < flow->gap_count; at++)
		lost += flow->gaps[at].until - flow->gaps[at].from;
	return lost;
}

void flow_finish(struct flow *flow)
{
	free(flow->gaps);
	flow->gaps = NULL;
	flow->gap_count = flow->gap_room = 0;
}
