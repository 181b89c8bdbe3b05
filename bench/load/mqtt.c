/* The MQTT load: who publishes to whom, and the one loop that drives them all. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/load/handshake.h"
#include "bench/load/measure.h"
#include "bench/load/modes.h"
#include "bench/load/pace.h"
#include "bench/load/publisher.h"
#include "bench/load/report.h"
#include "bench/load/subscriber.h"

#define READ_BYTES 262144u
#define IS_SUBSCRIBER (1ull << 32) // in the tag of an event

struct mqtt {
	const struct options *options;
	struct publisher *publishers;
	struct subscriber *subscribers;
	struct subscribers shared;
	struct pace pace;

	// QoS 0 with several subscribers: how many have not reached a message yet, by sequence
	// number modulo window. NULL where one subscriber's word is enough.
	uint32_t **behind;

	uint32_t *line; // publishers that may have something to send
	uint32_t line_size;
	uint64_t due;         // messages in all that may be sent by now
	uint64_t sent, acked; // the publishers' sums
};

static unsigned listeners_of_each(const struct options *options)
{
	return options->topics == TOPICS_PAIRS ? 1 : options->subscribers;
}

static void put_in_line(struct mqtt *mqtt, struct publisher *publisher)
{
	if (publisher->waits_in_line)
		return;
	publisher->waits_in_line = true;
	mqtt->line[mqtt->line_size++] = publisher->number;
}

// In a closed loop at QoS 0 a message leaves the window when no subscriber can still be waiting
// for it: it came, or a later one did.
static void on_advanced(void *context, uint32_t number, uint32_t from, uint32_t until)
{
	struct mqtt *mqtt = context;
	struct publisher *publisher = &mqtt->publishers[number];

	if (!mqtt->behind) {
		publisher->settled = until;
	} else {
		for (uint32_t n = from; n < until; n++) {
			uint32_t *behind = &mqtt->behind[number][n % publisher->window];
			if (--*behind == 0) {
				*behind = listeners_of_each(mqtt->options);
				publisher->settled++;
			}
		}
	}
	put_in_line(mqtt, publisher);
}

static void ignore_advance(void *context, uint32_t number, uint32_t from, uint32_t until)
{
	(void)context, (void)number, (void)from, (void)until;
}

static void broken(const struct mqtt *mqtt, const char *who, uint32_t number, int err)
{
	struct cpu_time cpu;

	if (mqtt->options->pid && measure_cpu(mqtt->options->pid, &cpu) != 0)
		die("the server (process %d) died during the run", (int)mqtt->options->pid);
	if (err == -EPROTO)
		die("%s %u: the server sent a packet that does not belong here, after %llu "
		    "messages in all",
		    who, number, (unsigned long long)mqtt->shared.received);
	die("%s %u: connection broken after %llu messages in all: %s", who, number,
	    (unsigned long long)mqtt->shared.received, strerror(-err));
}

static void send_from(struct mqtt *mqtt, struct publisher *publisher)
{
	uint32_t before = publisher->sent;
	int err = publisher_send(publisher, &mqtt->pace);

	if (err)
		broken(mqtt, "publisher", publisher->number, err);
	mqtt->sent += publisher->sent - before;
}

static void handle(struct mqtt *mqtt, const struct epoll_event *event)
{
	bool readable = event->events & ~(uint32_t)EPOLLOUT;
	uint32_t number = (uint32_t)event->data.u64;
	int err = 0;

	if (event->data.u64 & IS_SUBSCRIBER) {
		struct subscriber *subscriber = &mqtt->subscribers[number];
		uint64_t before = mqtt->shared.received;

		err = readable ? subscriber_receive(subscriber, &mqtt->shared)
			       : connection_flush(&subscriber->connection);
		if (err)
			broken(mqtt, "subscriber", number, err);
		if (mqtt->shared.received != before)
			mqtt->pace.progress_ns = 0; // now; the loop puts the time in
		return;
	}

	struct publisher *publisher = &mqtt->publishers[number];
	uint32_t before = publisher->settled;
	if (readable)
		err = publisher_receive(publisher, &mqtt->shared.reading);
	if (err)
		broken(mqtt, "publisher", number, err);
	if (publisher->settled != before)
		mqtt->pace.progress_ns = 0;
	mqtt->acked += publisher->settled - before;
	put_in_line(mqtt, publisher);
}

static void send_line(struct mqtt *mqtt)
{
	for (uint32_t at = 0; at < mqtt->line_size; at++) {
		struct publisher *publisher = &mqtt->publishers[mqtt->line[at]];
		publisher->waits_in_line = false;
		send_from(mqtt, publisher);
	}
	mqtt->line_size = 0;
}

static void release_due(struct mqtt *mqtt)
{
	unsigned publishers = mqtt->options->publishers;
	uint64_t due = mqtt->pace.due, count = due - mqtt->due;

	if (count > publishers)
		count = publishers;
	for (uint64_t n = mqtt->due; n < mqtt->due + count; n++) {
		struct publisher *publisher = &mqtt->publishers[n % publishers];
		publisher->allowed =
			(uint32_t)schedule_share(&mqtt->pace.schedule, publisher->number, due);
		put_in_line(mqtt, publisher);
	}
	mqtt->due = due;
}

static void start_sending(struct mqtt *mqtt)
{
	const struct options *options = mqtt->options;
	struct schedule even = {.senders = options->publishers};

	mqtt->due = options->messages ? options->messages : UINT64_MAX;
	for (unsigned at = 0; at < options->publishers; at++) {
		struct publisher *publisher = &mqtt->publishers[at];
		publisher->allowed = UINT32_MAX;
		if (options->messages)
			publisher->allowed = (uint32_t)schedule_share(&even, at, options->messages);
		put_in_line(mqtt, publisher);
	}
	send_line(mqtt);
}

static void stop_sending(struct mqtt *mqtt)
{
	for (unsigned at = 0; at < mqtt->options->publishers; at++)
		mqtt->publishers[at].allowed = mqtt->publishers[at].sent;
	mqtt->due = mqtt->sent;
	mqtt->pace.stop_ns = UINT64_MAX;
}

static bool nothing_is_awaited(const struct mqtt *mqtt)
{
	return mqtt->sent == mqtt->due && (mqtt->options->qos == 0 || mqtt->acked == mqtt->sent) &&
	       mqtt->shared.unreleased == 0 &&
	       mqtt->shared.received == mqtt->sent * listeners_of_each(mqtt->options);
}

// Whether all was delivered and acknowledged; false if nothing more comes.
static bool run(struct mqtt *mqtt)
{
	struct pace *pace = &mqtt->pace;

	if (!pace->fixed_rate)
		start_sending(mqtt);
	for (;;) {
		int count = pace_wait(pace);
		for (int at = 0; at < count; at++)
			handle(mqtt, &pace->events[at]);
		send_line(mqtt);

		uint64_t now = now_ns();
		if (now >= pace->stop_ns)
			stop_sending(mqtt);
		if (nothing_is_awaited(mqtt)) {
			if (!pace->fixed_rate || mqtt->due == pace->schedule.total)
				return true;
			pace->progress_ns = 0;
		}
		if (pace->progress_ns == 0)
			pace->progress_ns = now;
		else if (pace_stalled(pace, now))
			return false;
		if (pace->due > mqtt->due) {
			release_due(mqtt);
			send_line(mqtt);
		}
	}
}

static void write_topic(char topic[HANDSHAKE_TEXT_ROOM], const struct options *options,
			unsigned publisher)
{
	bool own = options->topics == TOPICS_PAIRS || options->topics == TOPICS_PLUS;

	snprintf(topic, HANDSHAKE_TEXT_ROOM, "load/%d/%u", (int)getpid(), own ? publisher : 0);
}

static void write_filter(const void *context, unsigned number, char filter[HANDSHAKE_TEXT_ROOM])
{
	const struct options *options = context;

	if (number >= options->subscribers)
		*filter = '\0'; // a publisher
	else if (options->topics == TOPICS_PLUS)
		snprintf(filter, HANDSHAKE_TEXT_ROOM, "load/%d/+", (int)getpid());
	else
		write_topic(filter, options, number);
}

static void *allocate(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (!memory)
		die("out of memory");
	return memory;
}

static void make_publishers(struct mqtt *mqtt)
{
	const struct options *options = mqtt->options;
	uint8_t *payload = allocate(1, options->size);
	char topic[HANDSHAKE_TEXT_ROOM];

	for (size_t at = 0; at < options->size; at++)
		payload[at] = (uint8_t)(at * 167 + 13);
	mqtt->shared.protocol = options->protocol;
	mqtt->shared.payload = payload;
	mqtt->shared.payload_size = options->size;

	mqtt->publishers = allocate(options->publishers, sizeof(*mqtt->publishers));
	mqtt->shared.publishers = mqtt->publishers;
	for (unsigned at = 0; at < options->publishers; at++) {
		write_topic(topic, options, at);
		publisher_init(&mqtt->publishers[at], at, topic, payload, options);
	}
	mqtt->line = allocate(options->publishers, sizeof(*mqtt->line));
}

static void make_subscribers(struct mqtt *mqtt)
{
	const struct options *options = mqtt->options;
	bool pairs = options->topics == TOPICS_PAIRS;
	struct reading *reading = &mqtt->shared.reading;

	reading->room = READ_BYTES + 2 * (size_t)options->size;
	reading->buffer = allocate(1, reading->room);
	mqtt->subscribers = allocate(options->subscribers, sizeof(*mqtt->subscribers));
	for (unsigned at = 0; at < options->subscribers; at++)
		subscriber_init(&mqtt->subscribers[at], options->qos, pairs ? at : 0,
				pairs ? 1 : options->publishers);

	mqtt->shared.on_advanced = ignore_advance;
	mqtt->shared.context = mqtt;
	if (options->qos > 0 || options->rate > 0)
		return;

	mqtt->shared.on_advanced = on_advanced;
	if (listeners_of_each(options) == 1)
		return;
	mqtt->behind = allocate(options->publishers, sizeof(*mqtt->behind));
	for (unsigned at = 0; at < options->publishers; at++) {
		mqtt->behind[at] = allocate(options->window, sizeof(**mqtt->behind));
		for (unsigned n = 0; n < options->window; n++)
			mqtt->behind[at][n] = options->subscribers;
	}
}

static void open_all(struct mqtt *mqtt)
{
	const struct options *options = mqtt->options;
	unsigned count = options->publishers + options->subscribers;
	struct connection **connections = allocate(count, sizeof(*connections));
	struct handshake handshake = {
		.server = &options->server,
		.protocol = options->protocol,
		.qos = options->qos,
		.filter_of = write_filter,
		.context = options,
	};

	// Subscribers first: a client's number is also its subscriber's.
	for (unsigned at = 0; at < options->subscribers; at++)
		connections[at] = &mqtt->subscribers[at].connection;
	for (unsigned at = 0; at < options->publishers; at++)
		connections[options->subscribers + at] = &mqtt->publishers[at].connection;
	connection_reserve(count);
	handshake_all(&handshake, connections, count);
	for (unsigned at = 0; at < count; at++)
		pace_watch(&mqtt->pace, connections[at]->fd,
			   at < options->subscribers ? IS_SUBSCRIBER | at
						     : at - options->subscribers);
	free(connections);
}

static void close_all(struct mqtt *mqtt)
{
	for (unsigned at = 0; at < mqtt->options->publishers; at++) {
		publisher_finish(&mqtt->publishers[at]);
		if (mqtt->behind)
			free(mqtt->behind[at]);
	}
	for (unsigned at = 0; at < mqtt->options->subscribers; at++)
		subscriber_finish(&mqtt->subscribers[at]);
	free(mqtt->publishers);
	free(mqtt->subscribers);
	free(mqtt->behind);
	free(mqtt->line);
	free((void *)mqtt->shared.payload);
	free(mqtt->shared.reading.buffer);
	pace_finish(&mqtt->pace);
}

static void judge(const struct mqtt *mqtt, struct report *report)
{
	report->sent = mqtt->sent;
	report->received = mqtt->shared.received;
	report->damaged = mqtt->shared.damaged;
	for (unsigned at = 0; at < mqtt->options->subscribers; at++) {
		const struct subscriber *subscriber = &mqtt->subscribers[at];
		for (uint32_t n = 0; n < subscriber->publisher_count; n++) {
			const struct flow *flow = &subscriber->flows[n];
			uint32_t from = subscriber->first_publisher + n;
			report->lost += flow_lost(flow, mqtt->publishers[from].sent);
			report->duplicated += flow->duplicated;
			report->reordered += flow->reordered;
		}
	}
}

int mqtt_run(const struct options *options)
{
	static struct mqtt mqtt;
	struct report report = {.options = options, .latency = &mqtt.shared.latency};

	if (options->qos > options->protocol->qos_most)
		leave_out("a %s server knows no QoS %u", options->protocol->name, options->qos);
	mqtt.options = options;
	pace_init(&mqtt.pace, options, options->publishers);
	make_publishers(&mqtt);
	make_subscribers(&mqtt);
	open_all(&mqtt);

	if (meter_start(&report.meter, options->pid) != 0)
		die("the server (process %d) died before the run", (int)options->pid);
	pace_start(&mqtt.pace, (uint64_t)(options->seconds * 1e9));
	report.stalled = !run(&mqtt);
	if (meter_stop(&report.meter) != 0 ||
	    (options->pid && measure_memory(options->pid, &report.memory) != 0))
		die("the server (process %d) died during the run", (int)options->pid);
	if (report.stalled)
		report.meter.passed_ns = mqtt.pace.progress_ns - report.meter.started_ns;

	judge(&mqtt, &report);
	report.late = mqtt.pace.late;
	report_print(&report);
	close_all(&mqtt);
	return report_status(&report);
}
