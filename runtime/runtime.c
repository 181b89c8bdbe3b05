/* Making a runtime, running it on its threads, and taking it apart. */
#include "runtime/runtime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/cpus.h"
#include "runtime/environment.h"
#include "runtime/extend.h"
#include "runtime/guardian.h"
#include "runtime/overflow.h"
#include "runtime/simulation.h"
#include "runtime/thread_asks.h"
#include "runtime/trace.h"
#include "runtime/watchdog.h"
#include "runtime/worker.h"

enum {
	DEFAULT_BUDGET = 128,
	DEFAULT_SHUTDOWN_MS = 4000,
	DEFAULT_LOG_LINES = 1000,
	LINE_BYTES = 256
};

uint64_t runtime_now_ns(struct noh_runtime *runtime)
{
	return clock_now_ns(runtime->clock);
}

// What a signal handler may do: no printf().
static size_t put_text(char *line, size_t length, const char *text)
{
	while (*text && length < LINE_BYTES)
		line[length++] = *text++;
	return length;
}

static size_t put_number(char *line, size_t length, uint64_t number)
{
	char digits[21], *at = digits + 20;

	*at = '\0';
	do
		*--at = (char)('0' + number % 10);
	while (number /= 10);
	return put_text(line, length, at);
}

// The actor runs on this thread, so its slot does not change.
static void report_overflow(enum overflow_of whose, uint64_t tag, size_t stack_bytes)
{
	char line[LINE_BYTES];
	const struct slot *slot = &slot_table[handle_index(tag)];
	const struct noh_actor_type *type =
		(const struct noh_actor_type *)ck_pr_load_ptr(&slot->type);
	const struct rare *rare = rare_if_any(slot);

	size_t length = put_text(line, 0, "error ");
	length = put_text(line, length, type && type->name ? type->name : "actor");
	length = put_text(line, length, "@");
	length = put_number(line, length, handle_index(tag));
	if (rare && rare->name) {
		length = put_text(line, length, " \"");
		length = put_text(line, length, rare->name);
		length = put_text(line, length, "\"");
	}
	length = put_text(line, length,
			  whose == OVERFLOW_OF_FIBER
				  ? ": stack overflow: it has "
				  : ": stack overflow in a handler: its thread has ");
	length = put_number(line, length, stack_bytes / 1024);
	length = put_text(line, length,
			  whose == OVERFLOW_OF_FIBER
				  ? " KiB (NOH_FIBER_WITH(type, (.stack_bytes = ...), function))\n"
				  : " KiB (ulimit -s)\n");
	if (write(STDERR_FILENO, line, length) < 0)
		return;
}

static bool is_within(const char *option, uint32_t value, uint32_t most)
{
	if (value <= most)
		return true;
	runtime_log(NULL, NOH_ERROR, "%s = %u: must be at most %u", option, value, most);
	return false;
}

static bool is_level(enum noh_level level)
{
	if (level <= NOH_SILENT)
		return true;
	runtime_log(NULL, NOH_ERROR, "noh_run: .log_level = %d: must be NOH_DEBUG to NOH_SILENT",
		    (int)level);
	return false;
}

static bool is_time(const char *option, int64_t ms)
{
	if (ms >= 0)
		return true;
	runtime_log(NULL, NOH_ERROR, "%s = %lld: must not be negative", option, (long long)ms);
	return false;
}

// What is out of range is a mistake, most often a negative number.
static bool are_well(const struct noh_options *options, const struct simulation *simulation)
{
	return is_within("noh_run: .workers", options->workers, WORKER_LIMIT) &&
	       is_within("noh_run: .budget", options->budget, BUDGET_LIMIT) &&
	       is_level(options->log_level) &&
	       is_time("noh_run: .shutdown_ms", options->shutdown_ms) &&
	       (!simulation ||
		is_within("noh_simulate: .turn_most", simulation->options.turn_most, BUDGET_LIMIT));
}

static void take_options(struct noh_runtime *runtime, const struct noh_options *options)
{
	runtime->worker_count = options->workers ? options->workers : cpus_usable();
	if (runtime->simulation)
		runtime->worker_count = 1;
	if (runtime->worker_count > WORKER_LIMIT)
		runtime->worker_count = WORKER_LIMIT;
	runtime->budget = options->budget ? (int32_t)options->budget : DEFAULT_BUDGET;
	runtime->name = options->name ? options->name : "noh";
	runtime->log_level = options->log_level ? options->log_level : NOH_WARN;
	runtime->log = options->log;
	runtime->log_argument = options->log_argument;
	runtime->log_lines = options->log_lines ? options->log_lines : DEFAULT_LOG_LINES;
	runtime->shutdown_ms = options->shutdown_ms ? options->shutdown_ms : DEFAULT_SHUTDOWN_MS;
	runtime->seed = options->seed ? options->seed : random_fresh_seed();
}

static void destroy(struct noh_runtime *runtime)
{
	for (uint32_t i = 0; runtime->workers && i < runtime->worker_count; i++)
		worker_destroy(runtime->workers[i]);
	free(runtime->workers);
	locals_finish(runtime);
	pthread_mutex_destroy(&runtime->locals_lock);
	stacks_finish(&runtime->stacks);
	slot_depot_finish(&runtime->slots);
	pthread_mutex_destroy(&runtime->inject.lock);
	pthread_mutex_destroy(&runtime->watchdog_lock);
	free(runtime);
}

int runtime_create(const struct noh_options *options, const struct seams *seams,
		   struct simulation *simulation, struct noh_runtime **ret_runtime)
{
	struct noh_options whole = {0};
	memcpy(&whole, options, options->size < sizeof(whole) ? options->size : sizeof(whole));
	int err = environment_apply(&whole);
	if (err)
		return err;
	if (!are_well(&whole, simulation))
		return -EINVAL;
	if (worker_here()) {
		runtime_log(worker_here()->runtime, NOH_ERROR, "noh_run inside a runtime");
		return -EDEADLK;
	}

	struct noh_runtime *runtime = NULL;
	if (posix_memalign((void **)&runtime, CACHE_LINE, sizeof(*runtime)))
		abort();
	memset(runtime, 0, sizeof(*runtime));
	runtime->seams = seams;
	runtime->simulation = simulation;
	clock_glance_init();
	runtime->clock = simulation ? &simulation->clock.clock : &clock_monotonic;
	take_options(runtime, &whole);
	pthread_mutex_init(&runtime->inject.lock, NULL);
	pthread_mutex_init(&runtime->locals_lock, NULL);
	pthread_mutex_init(&runtime->watchdog_lock, NULL);
	if (simulation)
		slot_sort_free();
	slot_depot_init(&runtime->slots, runtime);
	stacks_init(&runtime->stacks);
	overflow_watch(report_overflow);

	runtime->workers = must_allocate_zeroed(runtime->worker_count * sizeof(*runtime->workers));
	for (uint32_t i = 0; i < runtime->worker_count; i++) {
		err = worker_create(runtime, i, &runtime->workers[i]);
		if (err) {
			runtime_log(runtime, NOH_ERROR, "cannot start a worker: %s",
				    strerror(-err));
			runtime->worker_count = i;
			destroy(runtime);
			return err;
		}
	}
	runtime_log(runtime, NOH_INFO, "%s: %u workers, budget %d, io %s, seed %llu", runtime->name,
		    runtime->worker_count, (int)runtime->budget, simulation ? "simulated" : "epoll",
		    (unsigned long long)runtime->seed);
	*ret_runtime = runtime;
	return 0;
}

static void *run_thread(void *argument)
{
	worker_run((struct worker *)argument);
	return NULL;
}

static int start_thread(struct worker *worker)
{
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setguardsize(&attributes, OVERFLOW_GUARD_BYTES);
	int err = pthread_create(&worker->thread, &attributes, run_thread, worker);
	pthread_attr_destroy(&attributes);
	return err;
}

int runtime_run(struct noh_runtime *runtime, int (*function)(void *), void *argument)
{
	uint32_t started = 1;

	watchdog_start(runtime);
	for (; started < runtime->worker_count; started++) {
		int err = start_thread(runtime->workers[started]);
		if (err) {
			// The others do its share; nobody may hand it work that only it can do.
			runtime_log(runtime, NOH_ERROR, "cannot start worker %u: %s", started,
				    strerror(err));
			runtime->status = 1;
			break;
		}
	}
	runtime->workers[0]->thread = pthread_self();
	if (started == runtime->worker_count)
		guardian_start(runtime, function, argument);
	else
		guardian_gone(runtime);

	worker_run(runtime->workers[0]);
	for (uint32_t i = 1; i < started; i++)
		pthread_join(runtime->workers[i]->thread, NULL);
	watchdog_stop(runtime);

	// Plain threads that send may still hold it.
	while (load_acquire_32(&runtime->threads)) // pairs with noh_thread_leave()
		usleep(1000);
	// What they sent last is for nobody. But a slot that stays scheduled would never run again.
	worker_run(runtime->workers[0]);

	thread_asks_finish();
	int status = runtime->status;
	runtime_log_left_out(runtime);
	destroy(runtime);
	return status;
}

void noh_thread_enter(struct noh_runtime *runtime)
{
	ck_pr_inc_32(&runtime->threads);
}

void noh_thread_leave(struct noh_runtime *runtime)
{
	ck_pr_fence_release();
	ck_pr_dec_32(&runtime->threads); // pairs with runtime_run()
}
