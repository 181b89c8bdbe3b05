/* The three things that noh-load does. Each runs to its end and returns the exit status. */
#ifndef BENCH_LOAD_MODES_H
#define BENCH_LOAD_MODES_H

#include "bench/load/options.h"

int echo_run(const struct options *options);
int mqtt_run(const struct options *options);
int idle_run(const struct options *options);

#endif
