/* Workloads of timers. */
#ifndef BENCH_SLEEPS_H
#define BENCH_SLEEPS_H

#include "bench/bench.h"

void run_timers(struct work *work);
void run_cancel(struct work *work);

#endif
