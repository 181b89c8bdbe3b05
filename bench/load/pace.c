/* Absolute times only: a wait that ends late shortens the next, so a fixed rate never slips. */
#include "bench/load/pace.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bench/load/connection.h"
#include "bench/load/measure.h"

#define LONGEST_WAIT_NS 100000000u
#define PATIENCE_NS 5000000000u

void pace_init(struct pace *pace, const struct options *options, uint64_t senders)
{
	memset(pace, 0, sizeof(*pace));
	pace->fixed_rate = options->rate > 0;
	pace->gather_ns = (uint64_t)options->gather_us * 1000;
	// The default, 50 us, would be most of a latency here.
	prctl(PR_SET_TIMERSLACK, 1000);
	pace->stop_ns = UINT64_MAX;
	if (pace->fixed_rate) {
		uint64_t total = options->messages;
		if (!total)
			total = (uint64_t)ceil(options->rate * options->seconds);
		pace->schedule = (struct schedule){
			.interval_ns = 1e9 / options->rate, .senders = senders, .total = total};
		pace->late = calloc(1, sizeof(*pace->late));
		if (!pace->late)
			die("out of memory");
	}
	pace->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (pace->poll_fd < 0)
		die("cannot create an epoll instance: %s", strerror(errno));
}

void pace_finish(struct pace *pace)
{
	close(pace->poll_fd);
	free(pace->late);
}

void pace_watch(struct pace *pace, int fd, uint64_t tag)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.u64 = tag,
	};

	if (epoll_ctl(pace->poll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
		die("cannot watch a socket: %s", strerror(errno));
}

void pace_start(struct pace *pace, uint64_t seconds_ns)
{
	uint64_t now = now_ns();

	pace->progress_ns = now;
	pace->schedule.start_ns = now;
	if (seconds_ns && !pace->fixed_rate)
		pace->stop_ns = now + seconds_ns;
}

static uint64_t next_wait_ns(const struct pace *pace, uint64_t now)
{
	uint64_t until = now + LONGEST_WAIT_NS;

	if (pace->fixed_rate && pace->due < pace->schedule.total) {
		uint64_t due = schedule_time(&pace->schedule, pace->due);
		if (due < until)
			until = due;
	}
	if (pace->stop_ns > now && pace->stop_ns < until)
		until = pace->stop_ns;
	return until > now ? until - now : 0;
}

int pace_wait(struct pace *pace)
{
	uint64_t wait = next_wait_ns(pace, now_ns());
	struct timespec timeout = {.tv_nsec = (long)wait};
	if (pace->gather_ns) {
		struct timespec gather = {.tv_nsec = (long)pace->gather_ns};
		clock_nanosleep(CLOCK_MONOTONIC, 0, &gather, NULL);
	}
	int count = epoll_pwait2(pace->poll_fd, pace->events, PACE_EVENTS, &timeout, NULL);

	if (count < 0 && errno != EINTR)
		die("cannot wait for events: %s", strerror(errno));
	if (pace->fixed_rate)
		pace->due = schedule_due(&pace->schedule, now_ns());
	return count < 0 ? 0 : count;
}

bool pace_stalled(const struct pace *pace, uint64_t now)
{
	return now > pace->progress_ns && now - pace->progress_ns > PATIENCE_NS;
}
