/* A runtime: its workers, what they share, and how it was set up. Knows neither sockets nor timers.
 */
#ifndef NOH_RUNTIME_RUNTIME_H
#define NOH_RUNTIME_RUNTIME_H

#include <pthread.h>

#include <noh/run.h>

#include "runtime/clock.h"
#include "runtime/queue.h"
#include "runtime/seams.h"
#include "runtime/stacks.h"

enum {
	WORKER_LIMIT = 256,
	IDLE_WORDS = WORKER_LIMIT / 64,
	BUDGET_LIMIT = INT32_MAX / 8, // a few of them can be counted in 32 bits
};

struct simulation;

struct noh_runtime {
	// Set up before the first worker runs.
	struct worker **workers;
	uint32_t worker_count;
	int32_t budget;
	const struct seams *seams;
	struct clock *clock;
	struct simulation *simulation; // or NULL
	const char *name;
	enum noh_level log_level;
	noh_log_fn log;
	void *log_argument;
	uint32_t log_lines; // in a second, at most
	int64_t shutdown_ms;
	uint64_t seed;
	uint64_t guardian; // handle: the root of the tree; never dies before the runtime

	struct slot_depot slots;
	struct stacks stacks;

	// What libraries keep in it, newest first.
	struct local *locals;
	pthread_mutex_t locals_lock;

	// Work from outside, and what a ring had no room for.
	struct shared_queue inject;

	// Bit set: the worker is parked, or about to be, and nobody has claimed it. Claimed by
	// clearing the bit.
	_Alignas(CACHE_LINE) uint64_t idle[IDLE_WORDS];
	_Alignas(CACHE_LINE) uint32_t
		searching; // workers that look for work to steal, and claimed ones that will

	// Ending.
	_Alignas(CACHE_LINE) uint32_t ended; // the guardian is gone: workers leave
	uint32_t stop_asked;                 // a signal number + 1, or 1 for noh_shutdown()
	int status;                          // of the root
	uint64_t subscriber;                 // of dead letters
	uint64_t dead_letters_outside;       // counted by plain threads
	uint64_t logged;                     // the second << 32 | lines in it
	uint32_t log_left_out;               // lines; not told yet
	uint32_t deadline_phase; // 1: the tree is to end in time; 2: it has been killed; the
				 // guardian's
	uint64_t ends_since_ns;  // when the tree was asked to end; read after it has
	uint64_t root, waiter;   // handles: the root, and who is in noh_wait_for_stop()

	// Plain threads that called noh_thread_enter() and have not left. Each that wakes an actor
	// writes it: so no worker looks at this line.
	_Alignas(CACHE_LINE) uint32_t threads;

	// The watchdog.
	_Alignas(CACHE_LINE) pthread_t watchdog;
	pthread_mutex_t watchdog_lock;
	pthread_cond_t watchdog_wake;
	bool watchdog_started;
	uint32_t watchdog_asleep;
};

/* Plain threads. Makes a runtime whose worker 0 will be the thread that calls runtime_run().
 * Options from the environment are taken. Returns 0 or a negative errno; what was wrong has been
 * logged. */
int runtime_create(const struct noh_options *options, const struct seams *seams,
		   struct simulation *simulation, struct noh_runtime **ret_runtime);

/* The creating thread. Runs function(argument) as the root until the tree has ended, and frees the
 * runtime. Returns the exit status. */
int runtime_run(struct noh_runtime *runtime, int (*function)(void *), void *argument);

/* Any thread. A signal arrived (or 0: noh_shutdown()): the first asks the root to end. */
void runtime_ask_to_stop(struct noh_runtime *runtime, int signal_number);

/* Any thread. */
uint64_t runtime_now_ns(struct noh_runtime *runtime);

/* Any thread. A line to the runtime's log about nobody in particular; NULL: to stderr. */
void runtime_log(struct noh_runtime *runtime, enum noh_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Any thread. Says how many lines were left out of the log, if any were. */
void runtime_log_left_out(struct noh_runtime *runtime);

/* Logs "CALL: not inside an actor" and ends the process: the program is wrong. */
_Noreturn void outside(const char *call);

// NOH_TRACE=1: every message is printed. Set before the first runtime runs.
extern bool trace_on;

#endif
