/* When messages may be sent, when a run ends, and the waiting in between; knows no protocol. */
#ifndef BENCH_LOAD_PACE_H
#define BENCH_LOAD_PACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "bench/load/histogram.h"
#include "bench/load/options.h"
#include "bench/load/schedule.h"

#define PACE_EVENTS 512

struct pace {
	bool fixed_rate;
	uint64_t gather_ns;       // slept before each look at the sockets
	struct schedule schedule; // of the fixed rate
	uint64_t due;             // how many messages of the schedule may be sent
	uint64_t stop_ns;         // a closed loop sends nothing new from then on
	uint64_t progress_ns;     // when something arrived last
	struct histogram *late;   // of the fixed rate: how far behind schedule messages left
	int poll_fd;
	struct epoll_event events[PACE_EVENTS];
};

void pace_init(struct pace *pace, const struct options *options, uint64_t senders);
void pace_finish(struct pace *pace);

/* Watches a socket for as long as it is open, edge-triggered: what is reported must be read and
 * written until the kernel has no more. */
void pace_watch(struct pace *pace, int fd, uint64_t tag);

/* The run begins. */
void pace_start(struct pace *pace, uint64_t seconds_ns);

/* Waits for sockets, or for the next message to fall due; at most 100 ms. Returns how many of
 * `events` are filled. */
int pace_wait(struct pace *pace);

/* Whether receivers have seen nothing for so long that nothing more can be expected. */
bool pace_stalled(const struct pace *pace, uint64_t now);

#endif
