/* When each message of a fixed rate is due, by arithmetic alone, so that nothing can slip. Knows
 * no clock. */
#ifndef BENCH_LOAD_SCHEDULE_H
#define BENCH_LOAD_SCHEDULE_H

#include <stdint.h>

// Message n of all is due at start_ns + n / rate, and is sent by sender n % senders.
struct schedule {
	uint64_t start_ns;
	double interval_ns;
	uint64_t senders;
	uint64_t total;
};

/* When message n of all is due. */
static inline uint64_t schedule_time(const struct schedule *schedule, uint64_t n)
{
	return schedule->start_ns + (uint64_t)((double)n * schedule->interval_ns);
}

/* When the message with this number of one sender is due. */
static inline uint64_t schedule_time_of(const struct schedule *schedule, uint64_t sender,
					uint64_t number)
{
	return schedule_time(schedule, number * schedule->senders + sender);
}

/* How many messages of all are due by now; never more than the total. */
static inline uint64_t schedule_due(const struct schedule *schedule, uint64_t now_ns)
{
	if (now_ns < schedule->start_ns)
		return 0;

	uint64_t due = (uint64_t)((double)(now_ns - schedule->start_ns) / schedule->interval_ns);
	// Rounding may be off by one either way; schedule_time() is the truth.
	while (due < schedule->total && schedule_time(schedule, due) <= now_ns)
		due++;
	while (due > 0 && schedule_time(schedule, due - 1) > now_ns)
		due--;
	return due < schedule->total ? due : schedule->total;
}

/* How many of the first `all` messages are this sender's. */
static inline uint64_t schedule_share(const struct schedule *schedule, uint64_t sender,
				      uint64_t all)
{
	return (all + schedule->senders - 1 - sender) / schedule->senders;
}

#endif
