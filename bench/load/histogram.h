/* Counts durations in buckets of about one percent; knows neither clocks nor units. */
#ifndef BENCH_LOAD_HISTOGRAM_H
#define BENCH_LOAD_HISTOGRAM_H

#include <stdint.h>

// Every power of two is cut into this many equal buckets, so a reported value is at most
// 1/128 above what was recorded.
#define HISTOGRAM_LINEAR_BITS 7
#define HISTOGRAM_LINEAR (1u << HISTOGRAM_LINEAR_BITS)
#define HISTOGRAM_BUCKETS ((64 - HISTOGRAM_LINEAR_BITS + 1) * HISTOGRAM_LINEAR)

struct histogram {
	uint64_t recorded;
	uint64_t largest;
	uint64_t counts[HISTOGRAM_BUCKETS];
};

/* All 64 bits are taken; a zeroed histogram is an empty one. */
void histogram_record(struct histogram *histogram, uint64_t value);

/* The least value that at least `share` (0..1) of all recorded ones do not exceed, rounded up
 * to the end of its bucket but never above the largest recorded. 0 if nothing was recorded. */
uint64_t histogram_percentile(const struct histogram *histogram, double share);

#endif
