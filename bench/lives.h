/* Workloads of many actors that do little. */
#ifndef BENCH_LIVES_H
#define BENCH_LIVES_H

#include "bench/bench.h"

void run_spawn(struct work *work);
void run_skynet(struct work *work);
void run_idle(struct work *work);

#endif
