/*
 * Starting a runtime: the one file that joins workers, time and sockets. Real ones wait in epoll
 * and take SIGINT and SIGTERM; simulated ones have a network of their own and a clock that jumps.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <noh/test.h>

#include "net/memory.h"
#include "net/reactor.h"
#include "runtime/simulation.h"
#include "runtime/worker.h"
#include "timers/timekeeper.h"

// ---- signals: a handler may do next to nothing, so a thread waits for them

struct signals {
	pthread_t thread;
	sigset_t watched, former;
	struct noh_runtime *runtime;
	bool ended; // tells the thread that SIGTERM was only meant for it
};

static void *wait_for_signals(void *argument)
{
	struct signals *signals = (struct signals *)argument;
	for (int count = 0;; count++) {
		int number = 0;
		sigwait(&signals->watched, &number);
		if (__atomic_load_n(&signals->ended, __ATOMIC_ACQUIRE)) // pairs with signals_stop()
			return NULL;
		if (count)
			_exit(128 + number); // asked twice: now
		runtime_ask_to_stop(signals->runtime, number);
	}
}

static int signals_start(struct signals *signals, struct noh_runtime *runtime)
{
	signals->runtime = runtime;
	return -pthread_create(&signals->thread, NULL, wait_for_signals, signals);
}

// Before any thread of the runtime starts, since they inherit the mask.
static void signals_block(struct signals *signals)
{
	sigemptyset(&signals->watched);
	sigaddset(&signals->watched, SIGINT);
	sigaddset(&signals->watched, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals->watched, &signals->former);
}

static void signals_stop(struct signals *signals)
{
	__atomic_store_n(&signals->ended, true, __ATOMIC_RELEASE); // pairs with wait_for_signals()
	pthread_kill(signals->thread, SIGTERM);
	pthread_join(signals->thread, NULL);
}

// ---- a real runtime

static int create_epoll_reactor(struct worker *home, struct reactor **ret_reactor)
{
	struct poller *poller;
	int err = epoll_poller_create(&poller);
	if (!err)
		*ret_reactor = net_reactor_create(home, poller, TICK_BITS);
	return err;
}

static const struct seams real_seams = {.reactor_create = create_epoll_reactor, .time = &timer_ops};

int noh_run_with(int (*function)(void *), void *argument, const struct noh_options *options)
{
	struct noh_runtime *runtime;
	struct signals signals = {0};
	bool with_signals = !options->signals_off;

	if (runtime_create(options, &real_seams, NULL, &runtime))
		return 1;
	if (with_signals) {
		signals_block(&signals);
		if (signals_start(&signals, runtime)) {
			pthread_sigmask(SIG_SETMASK, &signals.former, NULL);
			with_signals = false;
		}
	}
	int status = runtime_run(runtime, function, argument);
	if (with_signals) {
		signals_stop(&signals);
		pthread_sigmask(SIG_SETMASK, &signals.former, NULL);
	}
	return status;
}

// ---- a simulated one

// The network of the simulation that this thread is setting up.
static _Thread_local struct memory_network *simulated_network;

static int create_memory_reactor(struct worker *home, struct reactor **ret_reactor)
{
	struct poller *poller;
	int err = memory_poller_create(simulated_network, &poller);
	if (!err)
		*ret_reactor = net_reactor_create(home, poller, TICK_BITS_EXACT);
	return err;
}

static const struct seams simulated_seams = {.reactor_create = create_memory_reactor,
					     .time = &timer_ops};

static uint64_t choose_seed(uint64_t seed)
{
	const char *value = getenv("NOH_SEED");
	if (value && *value)
		return strtoull(value, NULL, 0);
	return seed ? seed : random_fresh_seed();
}

int noh_simulate(uint64_t seed, int (*function)(void *), void *argument)
{
	struct noh_runtime *runtime;
	struct simulation simulation;
	struct noh_options options = {.size = sizeof(options), .seed = choose_seed(seed)};

	simulation_init(&simulation, options.seed);
	simulated_network = memory_network_create();
	int status = 1;
	if (!runtime_create(&options, &simulated_seams, &simulation, &runtime))
		status = runtime_run(runtime, function, argument);
	memory_network_destroy(simulated_network);
	simulation_finish(&simulation);
	if (status)
		fprintf(stderr, "failed with NOH_SEED=%llu\n", (unsigned long long)options.seed);
	return status;
}
