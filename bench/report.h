/* Prints what a run has shown, for people or as JSON. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "bench/bench.h"

struct report {
	const struct workload *workload;
	const struct work *work;
	uint32_t workers;
	uint64_t peak_rss_bytes;
	double cache_line_ns; // 0: unknown
};

void report_print(const struct report *report);
void report_print_json(const struct report *report);

#endif
