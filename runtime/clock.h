/* What time it is, behind a struct, so that a simulated runtime can say what time it is. Knows no
 * timers. */
#ifndef NOH_RUNTIME_CLOCK_H
#define NOH_RUNTIME_CLOCK_H

#include <stdbool.h>
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

/*
 * A look at the clock that serves for some microseconds, for those who set deadlines: no earlier
 * than now, and at most CLOCK_GLANCE_NS later. That it is not over yet the processor's counter of
 * cycles tells, for half of what the clock costs; how fast that counts need not be known, as long
 * as it is no slower than half a gigahertz. For one thread; all zero is a valid beginning.
 */
struct clock_glance {
	uint64_t counter; // when the clock was looked at
	uint64_t ns;
};

enum { CLOCK_GLANCE_NS = 1 << 15, CLOCK_GLANCE_CYCLES = 1 << 14 };

/* True if the kernel itself keeps time by that counter, so that it is the same on all processors
 * and never stops. */
extern bool clock_counter_is_good;

/* Finds that out; before the first glance of the process. */
void clock_glance_init(void);

static inline uint64_t clock_glance_ns(struct clock *clock, struct clock_glance *glance)
{
#if defined(__x86_64__)
	if (clock_counter_is_good && clock == &clock_monotonic) {
		// Before the clock: what comes in between only makes the glance end earlier.
		uint64_t counter = __builtin_ia32_rdtsc();
		if (counter - glance->counter >= CLOCK_GLANCE_CYCLES) {
			glance->counter = counter;
			glance->ns = clock_now_ns(clock) + CLOCK_GLANCE_NS;
		}
		return glance->ns;
	}
#endif
	(void)glance;
	return clock_now_ns(clock);
}

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
