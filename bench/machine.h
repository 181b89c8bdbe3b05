/* What the machine and the kernel say: memory, processor time, how far its processors are apart. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdint.h>

/* Memory of this process that is resident now. */
uint64_t resident_bytes(void);

/* The most it has ever been. */
uint64_t peak_resident_bytes(void);

/* Processor time of this process, all threads, user and system. */
double cpu_seconds(void);

/* What it takes a cache line to go from one processor to another, in nanoseconds: the median of
 * many short measurements between the first two that this process may use. Plain threads, while
 * nothing else runs. 0: there is only one. */
double cache_line_ns(void);

#endif
