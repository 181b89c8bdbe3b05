/* Merges lists of subscriptions, each ordered by subscriber, into one where a subscriber stands
 * once with his highest QoS. Knows no filters and no topics. */
#include "broker/merge.h"

#include <stdlib.h>
#include <string.h>

#include "broker/table.h"

void merge_start(struct merge *merge)
{
	merge->run_count = 0;
}

void merge_add(struct merge *merge, struct run run)
{
	if (merge->run_count == merge->run_room) {
		merge->run_room = merge->run_room ? merge->run_room * 2 : 4;
		merge->runs = resized(merge->runs, merge->run_room, sizeof(*merge->runs));
	}
	merge->runs[merge->run_count++] = run;
}

static struct run merge_two(struct run one, struct run other, struct subscription *to)
{
	struct run merged = {.at = to};
	size_t i = 0, j = 0;

	while (i < one.count && j < other.count) {
		const struct subscription *a = &one.at[i], *b = &other.at[j];
		to[merged.count++] = a->subscriber != b->subscriber
					     ? (a->subscriber < b->subscriber ? *a : *b)
					     : (a->qos > b->qos ? *a : *b);
		i += a->subscriber <= b->subscriber;
		j += b->subscriber <= a->subscriber;
	}
	if (i < one.count)
		memcpy(to + merged.count, one.at + i, (one.count - i) * sizeof(*to));
	merged.count += one.count - i;
	if (j < other.count)
		memcpy(to + merged.count, other.at + j, (other.count - j) * sizeof(*to));
	merged.count += other.count - j;
	return merged;
}

static void make_room(struct merge *merge)
{
	size_t total = 0;

	for (size_t i = 0; i < merge->run_count; i++)
		total += merge->runs[i].count;
	if (total <= merge->scratch_room)
		return;
	for (int i = 0; i < 2; i++) {
		free(merge->scratch[i]);
		merge->scratch[i] = resized(NULL, total, sizeof(struct subscription));
	}
	merge->scratch_room = total;
}

/* Neighbours are merged two by two, round after round: an item is copied once for each doubling
 * of the number of runs, whatever their sizes. */
struct run merge_end(struct merge *merge)
{
	if (merge->run_count == 0)
		return (struct run){0};
	if (merge->run_count == 1)
		return merge->runs[0];

	make_room(merge);
	for (int round = 0; merge->run_count > 1; round++) {
		struct subscription *to = merge->scratch[round % 2];
		size_t made = 0;

		for (size_t i = 0; i < merge->run_count; i += 2) {
			struct run one = merge->runs[i];
			struct run other =
				i + 1 < merge->run_count ? merge->runs[i + 1] : (struct run){0};
			struct run merged = merge_two(one, other, to);
			to += merged.count;
			merge->runs[made++] = merged;
		}
		merge->run_count = made;
	}
	return merge->runs[0];
}

void merge_finish(struct merge *merge)
{
	free(merge->runs);
	free(merge->scratch[0]);
	free(merge->scratch[1]);
	*merge = (struct merge){0};
}
