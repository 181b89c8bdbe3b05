/* Workloads of actors that answer. */
#ifndef BENCH_CONVERSATIONS_H
#define BENCH_CONVERSATIONS_H

#include "bench/bench.h"

void run_pingpong(struct work *work);
void run_pairs(struct work *work);
void run_ring(struct work *work);
void run_big(struct work *work);

#endif
