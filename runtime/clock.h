/* What time it is, behind a struct, so that a simulated runtime can say what time it is. Knows no
 * timers. */
#ifndef NOH_RUNTIME_CLOCK_H
#define NOH_RUNTIME_CLOCK_H

#include <stdint.h>

/* Nanoseconds since some moment in the past; they never go back. Embedded in the implementation. */
struct clock {
	/* Any thread, often: some 20 ns. */
	uint64_t (*now_ns)(struct clock *clock);
};

static inline uint64_t clock_now_ns(struct clock *clock)
{
	return clock->now_ns(clock);
}

/* The system's monotonic clock; it stands still while the machine sleeps. */
extern struct clock clock_monotonic;

/* A clock that moves only when it is told to. For one thread. */
struct clock_virtual {
	struct clock clock;
	uint64_t at_ns;
};

void clock_virtual_init(struct clock_virtual *clock, uint64_t at_ns);

/* Stops at the end of time, 584 years, rather than begin anew. */
void clock_virtual_advance(struct clock_virtual *clock, uint64_t by_ns);

/* For a jump to the next deadline. A moment that has passed already changes nothing. */
void clock_virtual_advance_to(struct clock_virtual *clock, uint64_t at_ns);

/* When `ms`, not below 0, will have passed. What is meant as "for ever" ends in 126 years. */
static inline uint64_t clock_after_ms(uint64_t now_ns, int64_t ms)
{
	const int64_t most_ms = INT64_C(4) * 1000 * 1000 * 1000 * 1000;
	return now_ns + (uint64_t)(ms < most_ms ? ms : most_ms) * 1000 * 1000;
}

#endif
