/* What processes have used of processor and memory, and what time it is; knows no load. */
#ifndef BENCH_LOAD_MEASURE_H
#define BENCH_LOAD_MEASURE_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

static inline uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct cpu_time {
	uint64_t total_ns;                 // from the scheduler: exact, all threads, dead ones too
	uint64_t user_ticks, system_ticks; // from the kernel's split of it, 10 ms steps
};

struct memory {
	uint64_t rss_bytes, peak_rss_bytes;
	uint64_t pss_bytes; // shared pages counted in part; 0 where the kernel does not tell
};

/* 0, or -ESRCH once the process is gone (a zombie counts as gone). */
int measure_cpu(pid_t pid, struct cpu_time *ret_cpu);
int measure_memory(pid_t pid, struct memory *ret_memory);

/* How often the threads of a process were taken off a processor, of their own will or not. */
int measure_context_switches(pid_t pid, uint64_t *ret_switches);

// What a stretch of work took, of time and of two processors' time.
struct meter {
	pid_t pid; // 0: no server is measured
	uint64_t started_ns, passed_ns;
	struct cpu_time server, own;
};

/* Both return 0, or -ESRCH if the server is gone. The second turns what was read at the start
 * into the difference, and fills in passed_ns. */
int meter_start(struct meter *meter, pid_t pid);
int meter_stop(struct meter *meter);

#endif
