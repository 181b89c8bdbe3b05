/* The workload of one actor that publishes to many. */
#ifndef BENCH_PUBLISH_H
#define BENCH_PUBLISH_H

#include "bench/bench.h"

void run_publish(struct work *work);

#endif
