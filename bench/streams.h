/* Workloads of actors that send without waiting for an answer. */
#ifndef BENCH_STREAMS_H
#define BENCH_STREAMS_H

#include "bench/bench.h"

void run_counting(struct work *work);
void run_fanin(struct work *work);
void run_forkjoin(struct work *work);

#endif
