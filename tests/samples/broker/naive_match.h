/* Whether a filter matches a topic, as plainly as it can be written, to check those that are fast.
 */
#ifndef TESTS_SAMPLES_BROKER_NAIVE_MATCH_H
#define TESTS_SAMPLES_BROKER_NAIVE_MATCH_H

#include <string.h>

#include "broker/text.h"

/* The next level, and whether there was one; `*at` past the size is the end of all levels. */
static inline bool naive_level(struct span path, size_t *at, struct span *ret_level)
{
	size_t start = *at;

	if (start > path.size)
		return false;
	while (*at < path.size && path.at[*at] != '/')
		++*at;
	*ret_level = (struct span){path.at + start, *at - start};
	++*at;
	return true;
}

static inline bool naive_match(struct span filter, struct span topic)
{
	size_t in_filter = 0, in_topic = 0;
	struct span wanted, level;

	if (topic.at[0] == '$' && (filter.at[0] == '+' || filter.at[0] == '#'))
		return false;
	while (naive_level(filter, &in_filter, &wanted)) {
		if (span_equal(wanted, span_of("#")))
			return true;
		if (!naive_level(topic, &in_topic, &level))
			return false;
		if (!span_equal(wanted, span_of("+")) && !span_equal(wanted, level))
			return false;
	}
	return !naive_level(topic, &in_topic, &level);
}

#endif
