/* The real clock and the virtual one. */
#include "runtime/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t monotonic_now_ns(struct clock *clock)
{
	struct timespec now;

	(void)clock;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

struct clock clock_monotonic = {.now_ns = monotonic_now_ns};

bool clock_counter_is_good;

static pthread_once_t judge_once = PTHREAD_ONCE_INIT;

static void judge_counter(void)
{
	char source[16] = "";
	FILE *file =
		fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");

	if (!file)
		return;
	if (fgets(source, sizeof(source), file) && strcmp(source, "tsc\n") == 0)
		clock_counter_is_good = true;
	fclose(file);
}

void clock_glance_init(void)
{
	pthread_once(&judge_once, judge_counter);
}

static uint64_t virtual_now_ns(struct clock *clock)
{
	return ((struct clock_virtual *)clock)->at_ns; // its first member
}

void clock_virtual_init(struct clock_virtual *clock, uint64_t at_ns)
{
	*clock = (struct clock_virtual){.clock = {.now_ns = virtual_now_ns}, .at_ns = at_ns};
}

void clock_virtual_advance(struct clock_virtual *clock, uint64_t by_ns)
{
	uint64_t left = UINT64_MAX - clock->at_ns;

	clock->at_ns += by_ns < left ? by_ns : left;
}

void clock_virtual_advance_to(struct clock_virtual *clock, uint64_t at_ns)
{
	if (at_ns > clock->at_ns)
		clock->at_ns = at_ns;
}
