/* The echo load: sends stretches of one endless pattern and compares what comes back with it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/load/connection.h"
#include "bench/load/measure.h"
#include "bench/load/modes.h"
#include "bench/load/pace.h"
#include "bench/load/report.h"

// A prime, so that no size of message or read fits it and a lost or doubled piece shows.
#define PATTERN_PERIOD 32749u
#define CHUNK_BYTES 65536u

struct sender {
	struct connection connection;
	uint32_t number;
	// Positions in the endless stream. What is due may be sent; all of it comes back.
	uint64_t due_bytes, sent_bytes, received_bytes;
	uint64_t sent, received; // whole messages
	uint64_t *times;         // of the window's messages, by number; closed loop only
};

struct echo {
	const struct options *options;
	struct sender *senders;
	struct pace pace;
	struct histogram latency;
	uint8_t *pattern; // a period, and a chunk more, so that no piece is ever cut
	uint8_t *buffer;
	uint64_t due, received, limit; // messages in all; no more than the limit fall due
};

static void make_pattern(struct echo *echo)
{
	uint64_t state = 88172645463325252u;

	echo->pattern = malloc(PATTERN_PERIOD + CHUNK_BYTES);
	echo->buffer = malloc(CHUNK_BYTES);
	if (!echo->pattern || !echo->buffer)
		die("out of memory");
	for (size_t at = 0; at < PATTERN_PERIOD + CHUNK_BYTES; at++) {
		if (at >= PATTERN_PERIOD) {
			echo->pattern[at] = echo->pattern[at - PATTERN_PERIOD];
			continue;
		}
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		echo->pattern[at] = (uint8_t)(state >> 32);
	}
}

// Each connection begins elsewhere in the pattern, so that mixed up connections show.
static const uint8_t *pattern_at(const struct echo *echo, const struct sender *sender,
				 uint64_t position)
{
	return echo->pattern + (position + sender->number * 641u) % PATTERN_PERIOD;
}

static void broken(const struct echo *echo, const struct sender *sender, int err)
{
	struct cpu_time cpu;

	if (echo->options->pid && measure_cpu(echo->options->pid, &cpu) != 0)
		die("the server (process %d) died during the run", (int)echo->options->pid);
	die("connection %u broke after %llu messages: %s", sender->number,
	    (unsigned long long)sender->received, strerror(-err));
}

static void send_due(struct echo *echo, struct sender *sender)
{
	while (sender->sent_bytes < sender->due_bytes) {
		uint64_t size = sender->due_bytes - sender->sent_bytes;
		if (size > CHUNK_BYTES)
			size = CHUNK_BYTES;

		ssize_t sent =
			send(sender->connection.fd, pattern_at(echo, sender, sender->sent_bytes),
			     size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EAGAIN)
			break;
		if (sent < 0)
			broken(echo, sender, -errno);
		sender->sent_bytes += (uint64_t)sent;
		if ((uint64_t)sent < size)
			break; // the socket is full, and will be reported when it is not
	}

	uint64_t whole = sender->sent_bytes / echo->options->size;
	if (echo->pace.fixed_rate && whole > sender->sent) {
		uint64_t now = now_ns();
		for (uint64_t n = sender->sent; n < whole; n++)
			histogram_record(
				echo->pace.late,
				now - schedule_time_of(&echo->pace.schedule, sender->number, n));
	}
	sender->sent = whole;
}

static void finish_messages(struct echo *echo, struct sender *sender)
{
	const struct options *options = echo->options;
	uint64_t whole = sender->received_bytes / options->size;
	uint64_t now = now_ns();

	echo->pace.progress_ns = now;
	for (; sender->received < whole; sender->received++) {
		uint64_t began;
		if (echo->pace.fixed_rate) {
			began = schedule_time_of(&echo->pace.schedule, sender->number,
						 sender->received);
		} else {
			uint64_t *time = &sender->times[sender->received % options->window];
			began = *time;
			*time = now;
			if (echo->due < echo->limit) {
				sender->due_bytes += options->size;
				echo->due++;
			}
		}
		histogram_record(&echo->latency, now - began);
		echo->received++;
	}
}

static void receive(struct echo *echo, struct sender *sender)
{
	ssize_t got;

	do {
		got = recv(sender->connection.fd, echo->buffer, CHUNK_BYTES, MSG_DONTWAIT);
		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0)
			broken(echo, sender, got < 0 ? -errno : -ECONNRESET);
		if (memcmp(echo->buffer, pattern_at(echo, sender, sender->received_bytes),
			   (size_t)got) != 0)
			die("connection %u: other bytes came back than were sent, somewhere from "
			    "byte %llu on",
			    sender->number, (unsigned long long)sender->received_bytes);
		sender->received_bytes += (uint64_t)got;
		if (sender->received_bytes > sender->sent_bytes)
			die("connection %u: more came back than was sent", sender->number);
		finish_messages(echo, sender);
	} while (got == CHUNK_BYTES);
}

// Gives every sender what has newly fallen due.
static void release_due(struct echo *echo)
{
	unsigned connections = echo->options->connections;
	uint64_t due = echo->pace.due, count = due - echo->due;

	if (count > connections)
		count = connections;
	for (uint64_t n = echo->due; n < echo->due + count; n++) {
		struct sender *sender = &echo->senders[n % connections];
		sender->due_bytes = schedule_share(&echo->pace.schedule, sender->number, due) *
				    echo->options->size;
		send_due(echo, sender);
	}
	echo->due = due;
}

static void fill_windows(struct echo *echo)
{
	const struct options *options = echo->options;

	for (unsigned at = 0; at < options->connections; at++) {
		struct sender *sender = &echo->senders[at];
		uint64_t now = now_ns();
		for (unsigned n = 0; n < options->window && echo->due < echo->limit; n++) {
			sender->times[n] = now;
			sender->due_bytes += options->size;
			echo->due++;
		}
		send_due(echo, sender);
	}
}

// Whether all came back; false if the server answers no more.
static bool run(struct echo *echo)
{
	struct pace *pace = &echo->pace;

	echo->limit = pace->fixed_rate          ? pace->schedule.total
		      : echo->options->messages ? echo->options->messages
						: UINT64_MAX;
	if (!pace->fixed_rate)
		fill_windows(echo);
	while (echo->received < echo->limit) {
		int count = pace_wait(pace);
		for (int at = 0; at < count; at++) {
			struct sender *sender = &echo->senders[pace->events[at].data.u64];
			if (pace->events[at].events & ~(uint32_t)EPOLLOUT)
				receive(echo, sender);
			send_due(echo, sender);
		}

		uint64_t now = now_ns();
		if (echo->received == echo->due)
			pace->progress_ns = now; // nothing is awaited
		if (pace->due > echo->due)
			release_due(echo);
		if (now >= pace->stop_ns && echo->limit > echo->due)
			echo->limit = echo->due;
		if (pace_stalled(pace, now))
			return false;
	}
	return true;
}

static void open_all(struct echo *echo)
{
	const struct options *options = echo->options;

	connection_reserve(options->connections);
	echo->senders = calloc(options->connections, sizeof(*echo->senders));
	if (!echo->senders)
		die("out of memory");
	for (unsigned at = 0; at < options->connections; at++) {
		struct sender *sender = &echo->senders[at];
		sender->number = at;
		sender->times = calloc(options->window, sizeof(*sender->times));
		if (!sender->times)
			die("out of memory");
		connection_open(&sender->connection, &options->server);
		connection_make_nonblocking(&sender->connection);
		pace_watch(&echo->pace, sender->connection.fd, at);
	}
}

static void close_all(struct echo *echo)
{
	for (unsigned at = 0; at < echo->options->connections; at++) {
		connection_close(&echo->senders[at].connection);
		free(echo->senders[at].times);
	}
	free(echo->senders);
	free(echo->pattern);
	free(echo->buffer);
	pace_finish(&echo->pace);
}

int echo_run(const struct options *options)
{
	static struct echo echo;
	struct report report = {.options = options, .latency = &echo.latency};

	echo.options = options;
	make_pattern(&echo);
	pace_init(&echo.pace, options, options->connections);
	open_all(&echo);

	if (meter_start(&report.meter, options->pid) != 0)
		die("the server (process %d) died before the run", (int)options->pid);
	pace_start(&echo.pace, (uint64_t)(options->seconds * 1e9));
	report.stalled = !run(&echo);
	if (meter_stop(&report.meter) != 0 ||
	    (options->pid && measure_memory(options->pid, &report.memory) != 0))
		die("the server (process %d) died during the run", (int)options->pid);

	if (report.stalled)
		report.meter.passed_ns = echo.pace.progress_ns - report.meter.started_ns;
	report.sent = echo.due;
	report.received = echo.received;
	report.lost = echo.due - echo.received;
	report.late = echo.pace.late;
	report_print(&report);
	close_all(&echo);
	return report_status(&report);
}
