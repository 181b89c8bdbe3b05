/* Workloads of fibers. */
#ifndef BENCH_FIBERS_H
#define BENCH_FIBERS_H

#include "bench/bench.h"

void run_fibers(struct work *work);
void run_waiting(struct work *work);

#endif
