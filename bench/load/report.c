/* Prints results; every number in the table is in the JSON line too. */
#include "bench/load/report.h"

#include <inttypes.h>
#include <stdio.h>

#include "bench/load/protocol.h"

static const struct {
	const char *title, *key;
	double share;
} percentiles[] = {
	{"p50", "p50", 0.50},      {"p90", "p90", 0.90}, {"p99", "p99", 0.99},
	{"p99.9", "p99_9", 0.999}, {"max", "max", 1.0},
};

#define PERCENTILES (sizeof(percentiles) / sizeof(percentiles[0]))

static double microseconds(const struct histogram *histogram, double share)
{
	return (double)histogram_percentile(histogram, share) / 1e3;
}

// Grouped by thousands whatever the locale; the result lives until the fourth next call.
static const char *grouped(uint64_t value)
{
	static char texts[4][32];
	static unsigned next;
	char *at = texts[next++ % 4] + sizeof(texts[0]) - 1;
	unsigned digits = 0;

	*at = '\0';
	do {
		if (digits && digits % 3 == 0)
			*--at = ',';
		*--at = (char)('0' + value % 10);
		value /= 10;
		digits++;
	} while (value);
	return at;
}

static double seconds_per_million(const struct report *report, uint64_t cpu_ns)
{
	return report->received ? (double)cpu_ns / 1e3 / (double)report->received : 0;
}

static double seconds_of(const struct report *report)
{
	return (double)report->meter.passed_ns / 1e9;
}

static void print_title(const struct options *options)
{
	if (options->mode == MODE_ECHO)
		printf("echo, %u connections, ", options->connections);
	else
		printf("%s %s, QoS %u, %u publishers, %u subscribers, ", options->protocol->name,
		       options_topics_names[options->topics], options->qos, options->publishers,
		       options->subscribers);
	printf("%u bytes, ", options->size);
	if (options->rate > 0)
		printf("%s messages a second\n", grouped((uint64_t)options->rate));
	else
		printf("window %u\n", options->window);
}

static void print_latencies(const char *title, const struct histogram *histogram)
{
	printf("  %-12s", title);
	for (unsigned at = 0; at < PERCENTILES; at++)
		printf("%s%s %.1f", at ? "  " : "", percentiles[at].title,
		       microseconds(histogram, percentiles[at].share));
	puts(" us");
}

static void print_cpu(const char *title, const struct report *report, struct cpu_time cpu)
{
	printf("  %-12s%.3f s per million received   (%.3f s, of one core %.0f %%; user %.2f, "
	       "system %.2f)\n",
	       title, seconds_per_million(report, cpu.total_ns), (double)cpu.total_ns / 1e9,
	       (double)cpu.total_ns / (double)report->meter.passed_ns * 100,
	       (double)cpu.user_ticks / 100, (double)cpu.system_ticks / 100);
}

static void print_table(const struct report *report)
{
	print_title(report->options);
	printf("  %-12s%s\n", "sent", grouped(report->sent));
	printf("  %-12s%s in %.3f s: %s a second\n", "received", grouped(report->received),
	       seconds_of(report),
	       grouped((uint64_t)((double)report->received / seconds_of(report))));
	printf("  %-12s%s", "lost", grouped(report->lost));
	if (report->options->mode == MODE_MQTT)
		printf("   duplicated %s   reordered %s   damaged %s", grouped(report->duplicated),
		       grouped(report->reordered), grouped(report->damaged));
	puts(report->stalled ? "   (nothing came for 5 s: given up)" : "");
	print_latencies("latency", report->latency);
	if (report->late)
		print_latencies("sent late", report->late);
	if (report->meter.pid) {
		print_cpu("server CPU", report, report->meter.server);
		printf("  %-12s%s KiB RSS, %s KiB at its peak\n", "server mem",
		       grouped(report->memory.rss_bytes / 1024),
		       grouped(report->memory.peak_rss_bytes / 1024));
	}
	print_cpu("own CPU", report, report->meter.own);
}

static void print_json_latencies(const char *name, const struct histogram *histogram)
{
	printf(",\"%s\":{", name);
	for (unsigned at = 0; at < PERCENTILES; at++)
		printf("%s\"%s\":%.3f", at ? "," : "", percentiles[at].key,
		       microseconds(histogram, percentiles[at].share));
	putchar('}');
}

static void print_json_cpu(const char *who, const struct report *report, struct cpu_time cpu)
{
	printf(",\"%s_cpu_seconds\":%.6f,\"%s_cpu_seconds_per_million\":%.6f"
	       ",\"%s_user_seconds\":%.2f,\"%s_system_seconds\":%.2f",
	       who, (double)cpu.total_ns / 1e9, who, seconds_per_million(report, cpu.total_ns), who,
	       (double)cpu.user_ticks / 100, who, (double)cpu.system_ticks / 100);
}

static void print_json(const struct report *report)
{
	const struct options *options = report->options;

	if (options->mode == MODE_ECHO)
		printf("{\"mode\":\"echo\",\"connections\":%u", options->connections);
	else
		printf("{\"mode\":\"mqtt\",\"protocol\":\"%s\",\"topics\":\"%s\",\"qos\":%u,"
		       "\"publishers\":%u,"
		       "\"subscribers\":%u",
		       options->protocol->name, options_topics_names[options->topics], options->qos,
		       options->publishers, options->subscribers);
	printf(",\"size\":%u,\"window\":%u,\"rate\":%.15g", options->size, options->window,
	       options->rate);
	printf(",\"sent\":%" PRIu64 ",\"received\":%" PRIu64
	       ",\"seconds\":%.6f,\"per_second\":%.1f",
	       report->sent, report->received, seconds_of(report),
	       (double)report->received / seconds_of(report));
	printf(",\"lost\":%" PRIu64 ",\"duplicated\":%" PRIu64 ",\"reordered\":%" PRIu64
	       ",\"damaged\":%" PRIu64 ",\"stalled\":%s",
	       report->lost, report->duplicated, report->reordered, report->damaged,
	       report->stalled ? "true" : "false");
	print_json_latencies("latency_us", report->latency);
	if (report->late)
		print_json_latencies("late_us", report->late);
	if (report->meter.pid) {
		print_json_cpu("server", report, report->meter.server);
		printf(",\"server_rss_bytes\":%" PRIu64 ",\"server_peak_rss_bytes\":%" PRIu64,
		       report->memory.rss_bytes, report->memory.peak_rss_bytes);
	}
	print_json_cpu("own", report, report->meter.own);
	puts("}");
}

void report_print(const struct report *report)
{
	if (report->options->json)
		print_json(report);
	else
		print_table(report);
}

int report_status(const struct report *report)
{
	return report->lost || report->duplicated || report->reordered || report->damaged ||
			       report->stalled
		       ? 1
		       : 0;
}
