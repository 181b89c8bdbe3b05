/* noh-bench: runs one workload on a runtime of its own, as a user's program would, and prints what
 * it took. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/machine.h"
#include "bench/report.h"

enum { USAGE_STATUS = 2, WORKERS_MOST = 256, TOKENS_MOST = 1000000, SHUTDOWN_MS = 60 * 1000 };

struct options {
	const struct workload *workload;
	uint64_t workers, n, tokens;
	bool json;
};

// ---- the command line

static const char usage[] =
	"noh-bench WORKLOAD [--workers N] [--n N] [--tokens T] [--json]\n"
	"noh-bench --list     the names of all workloads\n"
	"\n"
	"  --workers N   worker threads (1)\n"
	"  --n N         operations; by default so many that one worker takes about a second\n"
	"  --tokens T    balls of pingpong, pairs of pairs, tokens of ring,\n"
	"                members of publish (1)\n"
	"  --json        one line of JSON\n"
	"\n"
	"Messages carry 16 bytes. Each workload checks its result. Shown are the time of the work\n"
	"itself, the most memory that was ever resident, and, to compare machines and moments by,\n"
	"the time a cache line takes from one processor to another.\n"
	"\n";

static void print_manual(void)
{
	fputs(usage, stdout);
	for (size_t i = 0; i < workload_count; i++)
		printf("  %-10s%s\n", workloads[i].name, workloads[i].about);
	printf("\nExit status: 0 well, 1 a wrong result or a failed run, 2 wrong usage.\n");
}

_Noreturn __attribute__((format(printf, 1, 2))) static void wrong_usage(const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "noh-bench: ");
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "\nTry noh-bench --help.\n");
	exit(USAGE_STATUS);
}

static uint64_t number(const char *option, const char *text, uint64_t most)
{
	char *end;

	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value < 1 || value > most)
		wrong_usage("%s takes a number from 1 to %" PRIu64 ", not \"%s\"", option, most,
			    text);
	return value;
}

static const struct workload *workload_called(const char *name)
{
	for (size_t i = 0; i < workload_count; i++)
		if (strcmp(workloads[i].name, name) == 0)
			return &workloads[i];
	wrong_usage("there is no workload \"%s\"", name);
}

static void print_list(void)
{
	for (size_t i = 0; i < workload_count; i++)
		puts(workloads[i].name);
}

static void read_options(struct options *options, int count, char **words)
{
	static const struct option known[] = {{"workers", required_argument, NULL, 'w'},
					      {"n", required_argument, NULL, 'n'},
					      {"tokens", required_argument, NULL, 't'},
					      {"json", no_argument, NULL, 'j'},
					      {"list", no_argument, NULL, 'l'},
					      {"help", no_argument, NULL, 'h'},
					      {0}};
	int option;

	*options = (struct options){.workers = 1, .tokens = 1};
	opterr = 0;
	while ((option = getopt_long(count, words, ":", known, NULL)) != -1) {
		switch (option) {
		case 'w':
			options->workers = number("--workers", optarg, WORKERS_MOST);
			break;
		case 'n':
			options->n = number("--n", optarg, 1000000000000);
			break;
		case 't':
			options->tokens = number("--tokens", optarg, TOKENS_MOST);
			break;
		case 'j':
			options->json = true;
			break;
		case 'l':
			print_list();
			exit(0);
		case 'h':
			print_manual();
			exit(0);
		case ':':
			wrong_usage("%s takes a number", words[optind - 1]);
		default:
			wrong_usage("there is no option \"%s\"", words[optind - 1]);
		}
	}

	if (optind == count)
		wrong_usage("which workload?");
	if (optind + 1 < count)
		wrong_usage("one workload at a time: \"%s\" is too many", words[optind + 1]);
	options->workload = workload_called(words[optind]);
	if (!options->n)
		options->n = options->workload->n;
	if (options->tokens > 1 && !options->workload->takes_tokens)
		wrong_usage("%s has no tokens", options->workload->name);
	if (options->tokens > options->n)
		wrong_usage("there are more tokens than operations (%" PRIu64 ")", options->n);
}

// ---- the run

struct run {
	const struct workload *workload;
	struct work work;
	uint32_t workers;
	bool done; // not so if a signal ended it
};

static int root(void *argument)
{
	struct run *run = argument;

	run->workers = noh_workers(); // the environment may have had another wish
	run->workload->run(&run->work);
	run->done = true;
	return 0;
}

int main(int count, char **words)
{
	struct options options;
	read_options(&options, count, words);

	struct run run = {.workload = options.workload,
			  .work = {.n = options.n, .tokens = options.tokens}};
	double line_ns = cache_line_ns();
	// Tens of millions take longer to end in order than a program usually waits.
	int status = noh_run(root, &run, .name = "bench", .workers = (uint32_t)options.workers,
			     .shutdown_ms = SHUTDOWN_MS);
	if (status || !run.done)
		return status ? status : 1;

	struct report report = {.workload = run.workload,
				.work = &run.work,
				.workers = run.workers,
				.peak_rss_bytes = peak_resident_bytes(),
				.cache_line_ns = line_ns};
	if (options.json)
		report_print_json(&report);
	else
		report_print(&report);
	return 0;
}
