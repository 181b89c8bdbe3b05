/* Merges lists of subscriptions, each ordered by subscriber, into one where a subscriber stands
 * once with his highest QoS. Knows no filters and no topics. */
#ifndef BROKER_MERGE_H
#define BROKER_MERGE_H

#include <stddef.h>
#include <stdint.h>

struct subscription {
	uint64_t subscriber;
	uint32_t place; // in the subscriber's own list
	uint8_t qos;
};

struct run {
	struct subscription *at;
	size_t count;
};

/* Empty when all zero; keeps its memory from one merge to the next. */
struct merge {
	struct run *runs;
	size_t run_count;
	size_t run_room;
	struct subscription *scratch[2];
	size_t scratch_room;
};

void merge_start(struct merge *merge);

/* Borrows the run until merge_end() has returned and its result has been used. */
void merge_add(struct merge *merge, struct run run);

/* What was added, merged; it lives until the next call of any function here. */
struct run merge_end(struct merge *merge);

void merge_finish(struct merge *merge);

#endif
