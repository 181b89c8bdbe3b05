/* The real clock and the virtual one. */
#include "runtime/clock.h"

#include <time.h>

static uint64_t monotonic_now_ns(struct clock *clock)
{
	struct timespec now;

	(void)clock;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

struct clock clock_monotonic = {.now_ns = monotonic_now_ns};

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
