/* Log-linear buckets: the leading bit picks a power of two, the next seven bits a bucket in it. */
#include "bench/load/histogram.h"

#include <math.h>

static unsigned bucket_of(uint64_t value)
{
	if (value < HISTOGRAM_LINEAR)
		return (unsigned)value;

	unsigned shift = 63 - HISTOGRAM_LINEAR_BITS - (unsigned)__builtin_clzll(value);
	return (shift + 1) * HISTOGRAM_LINEAR + (unsigned)((value >> shift) - HISTOGRAM_LINEAR);
}

static uint64_t last_value_of(unsigned bucket)
{
	if (bucket < HISTOGRAM_LINEAR)
		return bucket;

	unsigned shift = bucket / HISTOGRAM_LINEAR - 1;
	uint64_t first = (uint64_t)(HISTOGRAM_LINEAR + bucket % HISTOGRAM_LINEAR) << shift;
	return first + ((1ull << shift) - 1);
}

void histogram_record(struct histogram *histogram, uint64_t value)
{
	histogram->recorded++;
	histogram->counts[bucket_of(value)]++;
	if (value > histogram->largest)
		histogram->largest = value;
}

uint64_t histogram_percentile(const struct histogram *histogram, double share)
{
	if (!histogram->recorded)
		return 0;

	uint64_t wanted = (uint64_t)ceil(share * (double)histogram->recorded);
	uint64_t seen = 0;

	if (wanted == 0)
		wanted = 1;
	for (unsigned bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
		seen += histogram->counts[bucket];
		if (seen >= wanted) {
			uint64_t value = last_value_of(bucket);
			return value < histogram->largest ? value : histogram->largest;
		}
	}
	return histogram->largest;
}
