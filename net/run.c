/* Starting a runtime: joins workers, time and sockets, and takes SIGINT and SIGTERM. Knows nothing
 * of simulated ones. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <noh/run.h>

#include "net/network.h"
#include "net/reactor.h"

// ---- signals

enum { LISTENERS = 16, SAME_WISH_MS = 50 };

// A runtime that SIGINT and SIGTERM ask to end.
struct signals {
	struct network network; // first
	struct noh_runtime *runtime;
	struct command command; // `asked` is the signal's number
	uint64_t first_ms;      // when the first one came; 0: none has
};

static struct signals *listeners[LISTENERS]; // read by the handler; changed under the lock
static uint32_t inside;                      // handlers that run just now
static pthread_mutex_t signals_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction former_int, former_term;

static void was_signalled(struct command *command, uint32_t asked)
{
	struct signals *signals =
		(struct signals *)((char *)command - offsetof(struct signals, command));
	runtime_ask_to_stop(signals->runtime, (int)asked);
}

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + 1;
}

// True if it is the first, or so soon after it that both come from one wish: timeout(1) and shells
// signal a process and then its whole group.
static bool is_first(struct signals *signals)
{
	uint64_t now = now_ms();

	if (swap_if_64(&signals->first_ms, 0, now))
		return true;
	return now - ck_pr_load_64(&signals->first_ms) < SAME_WISH_MS;
}

// Does what a signal handler may: swaps words, and writes to a descriptor.
static void on_signal(int number)
{
	int saved = errno;

	ck_pr_inc_32(&inside);
	ck_pr_fence_memory(); // pairs with signals_stop()
	for (int i = 0; i < LISTENERS; i++) {
		struct signals *signals = ck_pr_load_ptr(&listeners[i]);
		if (!signals)
			continue;
		if (!is_first(signals))
			_exit(128 + number); // asked twice: now
		struct net_reactor *reactor = signals->network.reactors[0];
		reactor_ask(reactor, &signals->command, (uint32_t)number);
		// The signal may have come just before this thread itself began to wait.
		reactor->base.ops->ring(&reactor->base);
	}
	ck_pr_fence_memory();
	ck_pr_dec_32(&inside);
	errno = saved;
}

static void install_handlers(void)
{
	// Not on the stack of a fiber, which may be small.
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK};

	sigemptyset(&action.sa_mask);
	sigaddset(&action.sa_mask, SIGINT);
	sigaddset(&action.sa_mask, SIGTERM);
	sigaction(SIGINT, &action, &former_int);
	sigaction(SIGTERM, &action, &former_term);
}

static bool anybody_listens(void)
{
	for (int i = 0; i < LISTENERS; i++) {
		if (listeners[i])
			return true;
	}
	return false;
}

static void signals_start(struct signals *signals)
{
	pthread_mutex_lock(&signals_lock);
	if (!anybody_listens())
		install_handlers();
	for (int i = 0; i < LISTENERS; i++) {
		if (!listeners[i]) {
			ck_pr_store_ptr(&listeners[i], signals);
			break;
		}
	}
	pthread_mutex_unlock(&signals_lock);
}

static void signals_stop(struct network *network)
{
	struct signals *signals = (struct signals *)network;

	pthread_mutex_lock(&signals_lock);
	for (int i = 0; i < LISTENERS; i++) {
		if (listeners[i] == signals)
			ck_pr_store_ptr(&listeners[i], NULL);
	}
	if (!anybody_listens()) {
		sigaction(SIGINT, &former_int, NULL);
		sigaction(SIGTERM, &former_term, NULL);
	}
	pthread_mutex_unlock(&signals_lock);

	ck_pr_fence_memory(); // pairs with on_signal()
	while (ck_pr_load_32(&inside))
		sched_yield();
}

// ---- a real runtime

int noh_run_with(int (*function)(void *), void *argument, const struct noh_options *options)
{
	struct signals signals = {.command.run = was_signalled};

	network_init(&signals.network, NULL);
	if (runtime_create(options, &signals.network.seams, NULL, &signals.runtime))
		return 1;
	if (!options->signals_off) {
		signals_start(&signals);
		signals.network.ends = signals_stop;
	}
	return runtime_run(signals.runtime, function, argument);
}
