/* Runtimes: starting and ending one, its options, and the log. */
#ifndef NOH_RUN_H
#define NOH_RUN_H

#include <noh/actor.h>

NOH_BEGIN

/* How much a line matters; NOH_SILENT is for noh_options.log_level alone: no line does. */
enum noh_level { NOH_DEBUG = 1, NOH_INFO, NOH_WARN, NOH_ERROR, NOH_SILENT };

typedef void (*noh_log_fn)(void *argument, enum noh_level level, noh_actor who, const char *line);

/* How a runtime runs. Zero means the default; the environment (NOH_WORKERS, NOH_BUDGET, NOH_LOG,
 * NOH_TRACE, NOH_SEED, NOH_IO) wins over what is said here. */
struct noh_options {
	size_t size;
	// As many as the process may use processors; at most 256. 1: all on the caller's thread.
	uint32_t workers;
	// Messages received and sent in one turn: 128; at most 268,435,455.
	uint32_t budget;
	const char *name;         // for the log
	bool signals_off;         // leave SIGINT and SIGTERM alone
	enum noh_level log_level; // NOH_WARN
	noh_log_fn log;           // any thread; must not block; default: a line to stderr
	void *log_argument;
	int64_t shutdown_ms; // what the tree has to end in order, and who noh_end_later(): 4000
	uint64_t seed;       // of the runtime's random choices
	uint32_t log_lines;  // of noh_log() that go out in a second: 1000; the others are counted
};

/* Runs `function(argument)` as the root, a fiber, on a new runtime: the caller's thread becomes
 * worker 0. Ends all actors when the root ends. Plain threads only; from inside a runtime it is an
 * error. Returns an exit status: what the function returned, if that is 0 to 125, and 1 if it is
 * anything else (shells give what is above a meaning of their own, and a negative errno is a
 * failure); 1 after a failure or a missed shutdown deadline; 128 + n after a second signal. */
#define noh_run(function, argument, ...) \
	noh_run_with(function, argument, \
		     NOH_VALUE(noh_options, .size = sizeof(struct noh_options), __VA_ARGS__))
int noh_run_with(int (*function)(void *), void *argument, const struct noh_options *options);

/* Waits for SIGINT, SIGTERM or noh_shutdown(). Fibers. Returns the signal's number, 0 after
 * noh_shutdown(). */
int noh_wait_for_stop(void);

/* Asks the root to end, as the first signal does. Handlers, fibers. */
void noh_shutdown(void);

/* The runtime of the running actor, to be handed to plain threads; NULL outside. */
struct noh_runtime *noh_runtime(void);

/* A number that nobody can guess without the runtime's seed; in simulations it follows from that.
 * Handlers, fibers. */
uint64_t noh_random(void);

/* How many workers it has. Handlers, fibers. */
uint32_t noh_workers(void);

/* A plain thread that sends registers between these two; the runtime's end waits for it.
 *
 * Such a thread may send, stop, kill and ask, spawn with .in, look up, give and await names
 * (registry.h), publish, read and set cells, use pools and supervisors that others have started,
 * and log. It has no mailbox, so it cannot receive, monitor, link, set timers, nor wait for the end
 * of an actor (noh_join()) or for room in a mailbox (noh_send_wait()): such calls end the process
 * with a line that says so. For these let it ask a fiber, which does it and answers:
 *
 *	noh_ask(helper, wait_for_end, NOH_FOREVER, &ended, .who = worker);
 */
void noh_thread_enter(struct noh_runtime *runtime);
void noh_thread_leave(struct noh_runtime *runtime);

/* An actor as logs and traces show it, "bank@3": its type, and the number of its place. Only "@3"
 * once it is gone, "main" for nobody. Lives as long as a message. Handlers, fibers. */
const char *noh_name(noh_actor who);

/* One line to the runtime's log, prefixed with the actor and the message in hand. Any thread. Those
 * beyond noh_options.log_lines in a second are left out, and a line says how many. */
void noh_log(enum noh_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

NOH_END
#endif
