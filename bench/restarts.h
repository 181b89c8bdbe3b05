/* The workload of supervised actors that fail: restart. */
#ifndef BENCH_RESTARTS_H
#define BENCH_RESTARTS_H

#include "bench/bench.h"

void run_restart(struct work *work);

#endif
