/* What a run has shown, as a table for people or one line for programs. */
#ifndef BENCH_LOAD_REPORT_H
#define BENCH_LOAD_REPORT_H

#include "bench/load/histogram.h"
#include "bench/load/measure.h"
#include "bench/load/options.h"

struct report {
	const struct options *options;
	uint64_t sent, received;
	uint64_t lost, duplicated, reordered, damaged;
	const struct histogram *latency;
	const struct histogram *late; // NULL in a closed loop
	struct meter meter;           // stopped
	struct memory memory;         // zeroed if no server is measured
	bool stalled;
};

void report_print(const struct report *report);

/* The exit status that the numbers ask for. */
int report_status(const struct report *report);

#endif
