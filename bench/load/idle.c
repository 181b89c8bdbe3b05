/* The idle load: many MQTT sessions that subscribe and then do nothing; what matters is the
 * memory that the server keeps for them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/load/handshake.h"
#include "bench/load/measure.h"
#include "bench/load/modes.h"
#include "bench/load/pace.h"

#define SETTLE_NS 1000000000u

struct idle {
	const struct options *options;
	struct connection *connections;
	struct pace pace;
	unsigned closed; // by the server
};

static void write_filter(const void *context, unsigned number, char filter[HANDSHAKE_TEXT_ROOM])
{
	(void)context;
	snprintf(filter, HANDSHAKE_TEXT_ROOM, "load/%d/%u", (int)getpid(), number);
}

static void open_all(struct idle *idle)
{
	unsigned count = idle->options->connections;
	struct connection **each = calloc(count, sizeof(struct connection *));
	struct handshake handshake = {
		.server = &idle->options->server,
		.protocol = idle->options->protocol,
		.filter_of = write_filter,
	};

	idle->connections = calloc(count, sizeof(*idle->connections));
	if (!each || !idle->connections)
		die("out of memory");
	for (unsigned at = 0; at < count; at++)
		each[at] = &idle->connections[at];
	handshake_all(&handshake, each, count);
	for (unsigned at = 0; at < count; at++)
		pace_watch(&idle->pace, idle->connections[at].fd, at);
	free(each);
}

static void hold(struct idle *idle, uint64_t hold_ns)
{
	uint64_t until = now_ns() + hold_ns;

	while (now_ns() < until) {
		int count = pace_wait(&idle->pace);
		for (int at = 0; at < count; at++) {
			if (!(idle->pace.events[at].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
				continue;
			connection_close(&idle->connections[idle->pace.events[at].data.u64]);
			idle->closed++;
		}
	}
}

static struct memory memory_of(const struct options *options)
{
	struct memory memory;

	if (measure_memory(options->pid, &memory) != 0)
		die("the server (process %d) died", (int)options->pid);
	return memory;
}

static uint64_t size_of(const struct memory *memory)
{
	return memory->pss_bytes ? memory->pss_bytes : memory->rss_bytes;
}

static double each(const struct idle *idle, uint64_t after, uint64_t before)
{
	return ((double)after - (double)before) / idle->options->connections;
}

struct findings {
	struct memory before, opened, held;
	uint64_t connect_ns, switches;
	struct meter meter; // of the holding
};

static void print_table(const struct idle *idle, const struct findings *found)
{
	const char *kind = found->before.pss_bytes ? "PSS" : "RSS";

	printf("idle, %u MQTT connections with one subscription each\n",
	       idle->options->connections);
	printf("  %-18s%.2f s\n", "opened in", (double)found->connect_ns / 1e9);
	printf("  %-18s%s of the server, now %" PRIu64 " KiB, before %" PRIu64 " KiB\n",
	       "memory is", kind, size_of(&found->opened) / 1024, size_of(&found->before) / 1024);
	printf("  %-18s%.0f bytes\n", "each, once open",
	       each(idle, size_of(&found->opened), size_of(&found->before)));
	printf("  %-18s%.0f bytes\n", "each, at the end",
	       each(idle, size_of(&found->held), size_of(&found->before)));
	printf("  %-18s%.0f bytes (peak RSS over RSS before)\n", "each, at the peak",
	       each(idle, found->held.peak_rss_bytes, found->before.rss_bytes));
	printf("  %-18s%" PRIu64 " context switches, %.1f ms of processor in %.1f s\n",
	       "server at rest", found->switches, (double)found->meter.server.total_ns / 1e6,
	       (double)found->meter.passed_ns / 1e9);
	printf("  %-18s%u\n", "closed by server", idle->closed);
}

static void print_json(const struct idle *idle, const struct findings *found)
{
	printf("{\"mode\":\"idle\",\"connections\":%u,\"connect_seconds\":%.6f,\"memory\":\"%s\"",
	       idle->options->connections, (double)found->connect_ns / 1e9,
	       found->before.pss_bytes ? "pss" : "rss");
	printf(",\"before_bytes\":%" PRIu64 ",\"opened_bytes\":%" PRIu64 ",\"held_bytes\":%" PRIu64,
	       size_of(&found->before), size_of(&found->opened), size_of(&found->held));
	printf(",\"opened_bytes_each\":%.1f,\"held_bytes_each\":%.1f,\"peak_bytes_each\":%.1f",
	       each(idle, size_of(&found->opened), size_of(&found->before)),
	       each(idle, size_of(&found->held), size_of(&found->before)),
	       each(idle, found->held.peak_rss_bytes, found->before.rss_bytes));
	printf(",\"rest_seconds\":%.3f,\"rest_context_switches\":%" PRIu64
	       ",\"rest_cpu_seconds\":%.6f,\"closed\":%u}\n",
	       (double)found->meter.passed_ns / 1e9, found->switches,
	       (double)found->meter.server.total_ns / 1e9, idle->closed);
}

int idle_run(const struct options *options)
{
	static struct idle idle;
	struct findings found = {0};
	uint64_t switches_before = 0;

	idle.options = options;
	pace_init(&idle.pace, options, 1);
	connection_reserve(options->connections);

	found.before = memory_of(options);
	uint64_t began = now_ns();
	open_all(&idle);
	found.connect_ns = now_ns() - began;
	hold(&idle, SETTLE_NS);
	found.opened = memory_of(options);

	if (meter_start(&found.meter, options->pid) != 0 ||
	    measure_context_switches(options->pid, &switches_before) != 0)
		die("the server (process %d) died", (int)options->pid);
	hold(&idle, (uint64_t)(options->seconds * 1e9));
	if (measure_context_switches(options->pid, &found.switches) != 0 ||
	    meter_stop(&found.meter) != 0)
		die("the server (process %d) died", (int)options->pid);
	found.switches -= switches_before;
	found.held = memory_of(options);

	if (options->json)
		print_json(&idle, &found);
	else
		print_table(&idle, &found);
	for (unsigned at = 0; at < options->connections; at++)
		connection_close(&idle.connections[at]);
	free(idle.connections);
	pace_finish(&idle.pace);
	return idle.closed ? 1 : 0;
}
