/* Starting simulated runtimes, one or many: joins them with time and a network of their own, and
 * says which seed it was that failed. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <noh/test.h>

#include "net/memory.h"
#include "net/network.h"
#include "runtime/random.h"
#include "runtime/simulation.h"

enum { DELAY_MOST_MS = 100 };

static _Thread_local struct noh_simulated last_run;

// ---- crashes: what asserts, or faults, ends the process, and shall not leave without its seed

static const int crashes[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
enum { CRASHES = sizeof(crashes) / sizeof(crashes[0]) };

static struct sigaction former[CRASHES];
static char last_words[64];
static uint32_t watching; // runs, on several threads

static void restore(void)
{
	for (int i = 0; i < CRASHES; i++)
		sigaction(crashes[i], &former[i], NULL);
}

// A fault comes again on return, an abort() too: then the former handlers have it.
static void on_crash(int number, siginfo_t *info, void *machine)
{
	(void)machine;
	restore();
	if (write(STDERR_FILENO, last_words, strlen(last_words)) < 0)
		return;
	if (info->si_code <= 0 && number != SIGABRT)
		raise(number);
}

// Of runs on several threads at once only the first is watched.
static bool watch_for_crashes(uint64_t seed)
{
	struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	if (__atomic_exchange_n(&watching, 1, __ATOMIC_ACQUIRE)) // pairs with watch_ends()
		return false;
	snprintf(last_words, sizeof(last_words), "crashed with NOH_SEED=%llu\n",
		 (unsigned long long)seed);
	sigemptyset(&action.sa_mask);
	for (int i = 0; i < CRASHES; i++)
		sigaction(crashes[i], &action, &former[i]);
	return true;
}

static void watch_ends(void)
{
	restore();
	__atomic_store_n(&watching, 0, __ATOMIC_RELEASE); // pairs with watch_for_crashes()
}

// ---- one run

// NOH_SEED's, or 0.
static uint64_t seed_from_environment(void)
{
	const char *value = getenv("NOH_SEED");
	return value && *value ? strtoull(value, NULL, 0) : 0;
}

static struct noh_simulation whole(const struct noh_simulation *options)
{
	struct noh_simulation whole = {0};

	memcpy(&whole, options, options->size < sizeof(whole) ? options->size : sizeof(whole));
	if (seed_from_environment())
		whole.seed = seed_from_environment();
	if (!whole.seed)
		whole.seed = random_fresh_seed();
	if (!whole.delay_most_ms)
		whole.delay_most_ms = DELAY_MOST_MS;
	return whole;
}

static int run(struct simulation *simulation, int (*function)(void *), void *argument)
{
	uint64_t seed = simulation->options.seed;
	struct noh_options options = {.size = sizeof(options), .seed = seed};
	struct noh_runtime *runtime;
	struct network network;
	int status = 1;

	network_init(&network, memory_network_create());
	if (!runtime_create(&options, &network.seams, simulation, &runtime)) {
		bool watched = watch_for_crashes(seed);
		status = runtime_run(runtime, function, argument);
		if (watched)
			watch_ends();
	}
	memory_network_destroy(network.memory);
	return status;
}

int noh_simulate_with(int (*function)(void *), void *argument, const struct noh_simulation *options)
{
	struct noh_simulation complete = whole(options);
	struct simulation simulation;

	simulation_init(&simulation, &complete);
	int status = run(&simulation, function, argument);
	last_run = (struct noh_simulated){.seed = complete.seed,
					  .hash = simulation.history.hash,
					  .deliveries = simulation.history.deliveries,
					  .turns = simulation.turns,
					  .kills = simulation.kills,
					  .delays = simulation.delays};
	simulation_finish(&simulation);
	if (status)
		fprintf(stderr, "failed with NOH_SEED=%llu\ntrace %016llx of %llu deliveries\n",
			(unsigned long long)last_run.seed, (unsigned long long)last_run.hash,
			(unsigned long long)last_run.deliveries);
	return status;
}

struct noh_simulated noh_test_last_run(void)
{
	return last_run;
}

// ---- many

int noh_explore_with(uint64_t seeds, int (*function)(void *), void *argument,
		     const struct noh_simulation *options)
{
	struct noh_simulation next = {0};

	memcpy(&next, options, options->size < sizeof(next) ? options->size : sizeof(next));
	next.size = sizeof(next);
	if (!next.seed)
		next.seed = 1;
	if (seed_from_environment())
		return noh_simulate_with(function, argument, &next);

	for (uint64_t tried = 1; tried <= seeds; tried++, next.seed++) {
		int status = noh_simulate_with(function, argument, &next);
		if (!status)
			continue;
		fprintf(stderr, "seed %llu failed, the %llu. of %llu; NOH_SEED=%llu repeats it\n",
			(unsigned long long)next.seed, (unsigned long long)tried,
			(unsigned long long)seeds, (unsigned long long)next.seed);
		return status;
	}
	return 0;
}
