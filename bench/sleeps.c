/* Workloads of timers: timers, of which each fires, and cancel, of which none does. */
#include "bench/sleeps.h"

#include <string.h>

#include "bench/load/histogram.h"
#include "bench/machine.h"

// ---- timers: actors that sleep once and are gone

enum { SLEEP_LEAST_MS = 1, SLEEP_MOST_MS = 1000 };

NOH_MESSAGE(alarm_rang);
NOH_MESSAGE(slept, (u64, ms), (u64, late_ns));

struct dozer {
	uint64_t ms;
	uint64_t deadline_ns;
};

static void on_dozer_start(struct dozer *self, const struct noh_start *msg)
{
	(void)msg;
	self->deadline_ns = clock_ns() + self->ms * 1000000;
	noh_after((int64_t)self->ms, alarm_rang);
}

static void on_alarm_rang(struct dozer *self, const struct alarm_rang *msg)
{
	(void)msg;
	uint64_t now_ns = clock_ns();
	noh_check(now_ns >= self->deadline_ns); // never early
	noh_send(noh_parent(), slept, .ms = self->ms, .late_ns = now_ns - self->deadline_ns);
	noh_end(0, NULL);
}

NOH_ACTOR(dozer, (noh_start, on_dozer_start), (alarm_rang, on_alarm_rang));

struct dormitory {
	uint64_t beds, taken, left;
	uint64_t asked_ms, slept_ms;
	uint64_t random;
	struct histogram *late; // the root's; in nanoseconds
};

static void on_more_dozers(struct dormitory *self, const struct more *msg)
{
	(void)msg;
	for (int i = 0; i < PORTION && self->taken < self->beds; i++, self->taken++) {
		uint64_t range = SLEEP_MOST_MS - SLEEP_LEAST_MS + 1;
		uint64_t ms = SLEEP_LEAST_MS + random_next(&self->random) % range;
		noh_spawn(dozer, .ms = ms);
		self->asked_ms += ms;
	}
	if (self->taken < self->beds)
		noh_send(noh_self(), more);
}

static void on_slept(struct dormitory *self, const struct slept *msg)
{
	histogram_record(self->late, msg->late_ns);
	self->slept_ms += msg->ms;
	if (++self->left < self->beds)
		return;
	noh_check(self->slept_ms == self->asked_ms);
	noh_send(noh_parent(), finished, .count = self->left);
}

NOH_ACTOR(dormitory, (slept, on_slept), (more, on_more_dozers));

void run_timers(struct work *work)
{
	struct histogram *late = noh_alloc(sizeof(*late));
	memset(late, 0, sizeof(*late)); // its pages are not the runtime's to fault in
	noh_actor dormitory = noh_spawn(dormitory, .beds = work->n, .random = 42, .late = late);

	double cpu_before = cpu_seconds();
	uint64_t began_ns = clock_ns();
	noh_send(dormitory, more);
	struct finished sum = wait_until_finished(work, 1);
	work->seconds = seconds_since(began_ns);

	expect_equal("sleeps", sum.count, work->n);
	add_extra(work, "cpu_seconds", cpu_seconds() - cpu_before, "%.3f CPU s");
	add_extra(work, "late_p50_us", (double)histogram_percentile(late, 0.5) / 1e3,
		  "late %.0f us (p50)");
	add_extra(work, "late_p99_us", (double)histogram_percentile(late, 0.99) / 1e3,
		  "%.0f us (p99)");
}

// ---- cancel: timers that are set, and taken back before they fire

// As one guards a request against silence: far off, and of all lengths.
enum { TIMEOUT_LEAST_MS = 10 * 60 * 1000, TIMEOUT_MOST_MS = 2 * TIMEOUT_LEAST_MS };

NOH_MESSAGE(timed_out, (u64, number), (u64, check));

struct guard {
	uint64_t timers, set, rang;
	uint64_t random;
};

static void on_more_timers(struct guard *self, const struct more *msg)
{
	noh_timer timers[PORTION];
	int count = 0;

	(void)msg;
	for (; count < PORTION && self->set < self->timers; count++, self->set++) {
		uint64_t range = TIMEOUT_MOST_MS - TIMEOUT_LEAST_MS;
		timers[count] =
			noh_after(TIMEOUT_LEAST_MS + (int64_t)(random_next(&self->random) % range),
				  timed_out, .number = self->set, .check = ~self->set);
	}
	while (count > 0)
		noh_cancel(timers[--count]);

	if (self->set < self->timers)
		noh_send(noh_self(), more);
	else
		noh_send(noh_parent(), finished, .count = self->set, .sum = self->rang);
}

static void on_timed_out(struct guard *self, const struct timed_out *msg)
{
	(void)msg;
	self->rang++;
}

NOH_ACTOR(guard, (more, on_more_timers), (timed_out, on_timed_out));

void run_cancel(struct work *work)
{
	noh_actor guard = noh_spawn(guard, .timers = work->n, .random = 42);

	uint64_t began_ns = clock_ns();
	noh_send(guard, more);
	struct finished sum = wait_until_finished(work, 1);
	work->seconds = seconds_since(began_ns);

	expect_equal("timers", sum.count, work->n);
	expect_equal("timers that fired", sum.sum, 0);
}
