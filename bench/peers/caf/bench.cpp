/* Runs a workload of noh-bench on the C++ Actor Framework, whose actors here are event-based, as
 * classes, and whose messages are plain structs; prints the same line of JSON. */
#include "bench.hpp"

#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace
{

[[noreturn]] void fail(const char *what, uint64_t found, uint64_t expected)
{
	std::fprintf(stderr, "caf: wrong result: %s is %" PRIu64 ", not %" PRIu64 "\n", what, found,
		     expected);
	_exit(1);
}

} // namespace

void expect_equal(const char *what, uint64_t found, uint64_t expected)
{
	if (found != expected)
		fail(what, found, expected);
}

uint64_t memory_bytes(const char *key)
{
	char line[256];
	uint64_t kilobytes = 0;
	FILE *file = std::fopen("/proc/self/status", "re");

	while (file && std::fgets(line, sizeof(line), file))
		if (std::strncmp(line, key, std::strlen(key)) == 0)
			kilobytes = std::strtoull(line + std::strlen(key), nullptr, 10);
	if (file)
		std::fclose(file);
	return kilobytes * 1024;
}

finished wait_until_finished(run &work, uint64_t parts)
{
	const auto within = std::chrono::seconds(60 + work.n / 100000);
	finished sum{};

	for (uint64_t part = 0; part < parts; part++)
		work.root->receive(
			[&](const finished &msg) {
				sum.count += msg.count;
				sum.sum += msg.sum;
			},
			caf::after(within) >> [&] { fail("parts finished in time", part, parts); });
	return sum;
}

uint64_t tallies(run &work, const std::vector<actor> &actors)
{
	uint64_t sum = 0;

	for (const actor &each : actors)
		work.root->request(each, std::chrono::seconds(60), get_tally{})
			.receive([&](const tally &answer) { sum += answer.count; },
				 [&](const caf::error &) { fail("actors that answer", 0, 1); });
	return sum;
}

// ---- the command line

namespace
{

// Of each: how many operations take about a second.
const struct workload {
	const char *name;
	uint64_t n;
	void (*run_it)(run &work);
} workloads[] = {
	{"pingpong", 5000000, run_pingpong}, {"pairs", 5000000, run_pairs},
	{"ring", 5000000, run_ring},         {"counting", 4000000, run_counting},
	{"fanin", 5000000, run_fanin},       {"forkjoin", 4000000, run_forkjoin},
	{"big", 6000000, run_big},           {"spawn", 500000, run_spawn},
	{"skynet", 1000000, run_skynet},     {"idle", 500000, run_idle},
	{"timers", 500000, run_timers},      {"cancel", 3000000, run_cancel},
};

[[noreturn]] void wrong_usage()
{
	std::fprintf(stderr, "caf: usage: WORKLOAD [--workers N] [--n N] [--tokens T]\n");
	std::exit(2);
}

void report(const workload &called, uint64_t workers, const run &work)
{
	std::printf("{\"workload\":\"%s\",\"workers\":%" PRIu64 ",\"n\":%" PRIu64
		    ",\"tokens\":%" PRIu64 ",\"ns_per_op\":%.3f,\"seconds\":%.6f"
		    ",\"peak_rss_bytes\":%" PRIu64,
		    called.name, workers, work.n, work.tokens, work.seconds * 1e9 / double(work.n),
		    work.seconds, memory_bytes("VmHWM:"));
	for (const auto &extra : work.extras)
		std::printf(",\"%s\":%.6g", extra.first, extra.second);
	std::printf("}\n");
	std::fflush(stdout);
}

} // namespace

int main(int count, char **words)
{
	const workload *called = nullptr;
	uint64_t workers = 1, n = 0, tokens = 1;

	for (const workload &each : workloads)
		if (count > 1 && std::string(words[1]) == each.name)
			called = &each;
	if (!called || count % 2)
		wrong_usage();
	for (int i = 2; i < count; i += 2) {
		std::string option = words[i];
		uint64_t value = std::strtoull(words[i + 1], nullptr, 10);
		if (value && option == "--workers")
			workers = value;
		else if (value && option == "--n")
			n = value;
		else if (value && option == "--tokens")
			tokens = value;
		else
			wrong_usage();
	}

	caf::actor_system_config config;
	config.set("scheduler.max-threads", workers);
	// Without a limit, who sends to itself would keep its thread for good.
	config.set("scheduler.max-throughput", uint64_t{300});
	caf::actor_system system{config};
	caf::scoped_actor root{system};
	run work{root, n ? n : called->n, tokens, 0, {}};
	called->run_it(work);
	report(*called, system.scheduler().num_workers(), work);
	_exit(0); // what it takes to end all actors is not measured
}
