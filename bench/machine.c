/* Asks the kernel for memory and processor time, and measures what a cache line's way between two
 * processors costs. Knows no actors. */
#include "bench/machine.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/bench.h"
#include "mailbox/atomic.h"

// ---- memory and time

static uint64_t status_bytes(const char *key)
{
	char line[256];
	unsigned long long kilobytes = 0;
	FILE *file = fopen("/proc/self/status", "re");

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, key, strlen(key)) == 0)
			sscanf(line + strlen(key), "%llu", &kilobytes);
	if (file)
		fclose(file);
	return kilobytes * 1024;
}

uint64_t resident_bytes(void)
{
	return status_bytes("VmRSS:");
}

uint64_t peak_resident_bytes(void)
{
	// getrusage() also remembers, across exec, how large the process was that started this one.
	uint64_t bytes = status_bytes("VmHWM:");
	struct rusage usage;

	if (bytes)
		return bytes;
	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)usage.ru_maxrss * 1024;
}

double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

// ---- the way of a cache line

enum {
	BATCHES = 101,
	ROUND_TRIPS = 500, // in a batch: short enough that most are not interrupted
	MOST_NS = 300 * 1000 * 1000
};

// One line that two threads write in turn: even, it is the first one's turn.
struct line {
	_Alignas(128) uint32_t turn;
	_Alignas(128) cpu_set_t far;
};

static void *answer(void *argument)
{
	struct line *line = argument;
	pthread_setaffinity_np(pthread_self(), sizeof(line->far), &line->far);

	for (uint32_t seen = 0;;) {
		uint32_t turn = ck_pr_load_32(&line->turn);
		if (turn == UINT32_MAX)
			return NULL;
		if (turn == seen) {
			ck_pr_stall();
			continue;
		}
		seen = turn + 1;
		ck_pr_store_32(&line->turn, seen);
	}
}

static double one_way_ns(struct line *line, uint32_t *turn)
{
	uint64_t began_ns = clock_ns();

	for (int i = 0; i < ROUND_TRIPS; i++) {
		ck_pr_store_32(&line->turn, *turn + 1);
		*turn += 2;
		while (ck_pr_load_32(&line->turn) != *turn)
			ck_pr_stall();
	}
	return (double)(clock_ns() - began_ns) / (2.0 * ROUND_TRIPS);
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;
	return (left > right) - (left < right);
}

static double measure(struct line *line)
{
	double batches[BATCHES];
	uint32_t turn = 0;
	size_t count = 0;
	uint64_t began_ns = clock_ns();

	one_way_ns(line, &turn); // until both run
	while (count < BATCHES && (count < 5 || clock_ns() - began_ns < MOST_NS))
		batches[count++] = one_way_ns(line, &turn);
	qsort(batches, count, sizeof(*batches), compare);
	return batches[count / 2];
}

// Takes one processor out of a set.
static bool take_first(cpu_set_t *from, cpu_set_t *ret_first)
{
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, from))
			continue;
		CPU_CLR(i, from);
		CPU_ZERO(ret_first);
		CPU_SET(i, ret_first);
		return true;
	}
	return false;
}

double cache_line_ns(void)
{
	struct line line = {.turn = 0};
	cpu_set_t all, rest, near;
	pthread_t thread;

	if (sched_getaffinity(0, sizeof(all), &all))
		return 0;
	rest = all;
	if (!take_first(&rest, &near) || !take_first(&rest, &line.far))
		return 0;
	if (pthread_create(&thread, NULL, answer, &line))
		return 0;

	sched_setaffinity(0, sizeof(near), &near);
	double ns = measure(&line);
	sched_setaffinity(0, sizeof(all), &all);
	ck_pr_store_32(&line.turn, UINT32_MAX);
	pthread_join(thread, NULL);
	return ns;
}
