/* Prints what a run has shown: a line of a table for people, or a line of JSON with the same
 * numbers. */
#include "bench/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *article(const char *noun)
{
	return strchr("aeiou", noun[0]) ? "an" : "a";
}

static double ns_per_operation(const struct work *work)
{
	return work->seconds * 1e9 / (double)work->n;
}

// Grouped by thousands whatever the locale.
static const char *grouped(uint64_t value, char text[static 32])
{
	char *at = text + 31;
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

void report_print(const struct report *report)
{
	const struct work *work = report->work;
	const char *an = article(report->workload->operation);
	char text[32];

	printf("%-9s%3" PRIu32 " %-8s%14s x%10.1f ns %s %-*s%8.3f s%9.1f MB",
	       report->workload->name, report->workers, report->workers == 1 ? "worker" : "workers",
	       grouped(work->n, text), ns_per_operation(work), an, (int)(10 - strlen(an)),
	       report->workload->operation, work->seconds, (double)report->peak_rss_bytes / 1e6);
	if (report->cache_line_ns > 0)
		printf("   cache line %.0f ns", report->cache_line_ns);
	for (size_t i = 0; i < work->extra_count; i++) {
		printf(i ? ", " : "   ");
		printf(work->extras[i].words, work->extras[i].value);
	}
	printf("\n");
}

void report_print_json(const struct report *report)
{
	const struct work *work = report->work;

	printf("{\"workload\":\"%s\",\"workers\":%" PRIu32 ",\"n\":%" PRIu64 ",\"tokens\":%" PRIu64
	       ",\"ns_per_op\":%.3f,\"seconds\":%.6f,\"peak_rss_bytes\":%" PRIu64,
	       report->workload->name, report->workers, work->n, work->tokens,
	       ns_per_operation(work), work->seconds, report->peak_rss_bytes);
	for (size_t i = 0; i < work->extra_count; i++)
		printf(",\"%s\":%.6g", work->extras[i].key, work->extras[i].value);
	if (report->cache_line_ns > 0)
		printf(",\"cache_line_ns\":%.1f}\n", report->cache_line_ns);
	else
		printf(",\"cache_line_ns\":null}\n");
}
