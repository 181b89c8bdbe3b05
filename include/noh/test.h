/* Testing actors: one handler by itself, or a whole system on one thread, a virtual clock and a
 * seed. */
#ifndef NOH_TEST_H
#define NOH_TEST_H

#include <noh/noh.h>

NOH_BEGIN

// ---- one handler

/* Runs one handler without a runtime, on a state of the test's, with `sender` as noh_sender(). What
 * it sends, answers, asks and forwards is kept in order for noh_test_sent(); a failure is a result.
 * Nobody else is there: spawning gives NOH_NOBODY, timers never tick, and sockets need a runtime.
 * What it allocates or keeps lasts. */
#define noh_test_handle(type_, self, sender, message, ...)                     \
	noh_test_handle_type(&type_##_actor, self, sender, &message##_message, \
			     NOH_VALUE(message, __VA_ARGS__))
enum noh_handled noh_test_handle_type(const struct noh_actor_type *type, void *self,
				      noh_actor sender, const struct noh_message_type *message,
				      const void *body);

/* True if the next message that went to `to` (an inbox, or any handle after noh_test_handle())
 * equals this one; it is taken either way. If not, both are printed to stderr. */
#define noh_test_sent(to, message, ...)                                                       \
	noh_test_sent_type(to, &message##_message, NOH_VALUE(message, __VA_ARGS__), __FILE__, \
			   __LINE__)
bool noh_test_sent_type(noh_actor to, const struct noh_message_type *type, const void *body,
			const char *file, int line);

/* Takes the next message of this type out of an inbox, or NULL. It lives until the next noh_test_
 * call. */
#define noh_test_take(inbox, message) \
	((const struct message *)noh_test_take_type(inbox, &message##_message))
const void *noh_test_take_type(noh_actor inbox, const struct noh_message_type *type);

// ---- a whole program, by a seed

/* How a simulated run goes. Zero means the default: nobody is killed, nobody held back.
 * `noh_simulate(7, start, NULL, .kill_one_in = 50, .spare = "database", .delay_one_in = 10)`. */
struct noh_simulation {
	size_t size;
	uint64_t seed; // of every choice; NOH_SEED in the environment wins, 0 takes a fresh one

	uint32_t turn_most; // messages in a turn, each of which draws how many; default: the budget

	// Before one turn in so many a living actor, drawn from all that may be, is killed as by
	// noh_kill(). Never the root, and the library's own (supervisors, the registry, listeners
	// ...) only if `kill` names them.
	uint32_t kill_one_in;
	uint32_t kills_most; // in all; default: no limit
	const char *spare;   // "bank teller": these types or names of noh_spawn_options live
	const char *kill;    // only these are killed

	// Of the actors that get something to do, one in so many is held back before it may, for up
	// to so many milliseconds of the virtual clock: as one whose thread was stopped. Never the
	// root.
	uint32_t delay_one_in;
	uint32_t delay_most_ms; // 100

	uint64_t turns_most; // a run that is still busy after so many fails; default: no limit
};

/* Runs `function(argument)` as the root of a runtime on this thread, with a virtual clock, an
 * in-memory network and a seeded choice of who runs next, for how long, and of what is named in
 * `struct noh_simulation`. Programs need not know: what runs under noh_run() runs here. The clock
 * moves only while nobody has work; where all that run are fibers that look again and again
 * (noh_yield(), noh_receive(0, ...)), each look takes ten microseconds. A seed repeats a run, so
 * long as all that the program does follows from messages, the clock and noh_random(). Plain
 * threads only. Returns as noh_run(); a failing run prints its seed and the hash of its trace
 * (struct noh_simulated), a crashing one its seed. */
#define noh_simulate(seed_, function, argument, ...)                                       \
	noh_simulate_with(function, argument,                                              \
			  NOH_VALUE(noh_simulation, .size = sizeof(struct noh_simulation), \
				    .seed = seed_, __VA_ARGS__))
int noh_simulate_with(int (*function)(void *), void *argument,
		      const struct noh_simulation *options);

/* Runs the same function under `seeds` seeds, from .seed (1) on, and stops at the first that fails:
 * `noh_explore(1000, start, NULL, .kill_one_in = 50)`. It says then on stderr how to repeat that
 * run: with NOH_SEED in the environment it runs that seed alone. Returns 0, or what the failing run
 * returned. Plain threads only. */
#define noh_explore(seeds, function, argument, ...) \
	noh_explore_with(                           \
		seeds, function, argument,          \
		NOH_VALUE(noh_simulation, .size = sizeof(struct noh_simulation), __VA_ARGS__))
int noh_explore_with(uint64_t seeds, int (*function)(void *), void *argument,
		     const struct noh_simulation *options);

/* What a simulated run did. `hash` is that of its trace: of each message in the order in which they
 * were delivered its type, when, to whom and from whom, actors taken by the order of their births.
 * It is the same whenever a seed is run again, in this process or in another of the same program:
 * if not, something that is not simulated has a say. */
struct noh_simulated {
	uint64_t seed, hash;
	uint64_t deliveries, turns; // what the hash is over; visits to actors
	uint64_t kills, delays;
};

/* The last simulated run that ended on this thread. */
struct noh_simulated noh_test_last_run(void);

// ---- stepping it

/* Lets everybody run until nobody has work at this instant. (Who is held back has none.) The root
 * of noh_simulate() only. */
void noh_test_settle(void);

/* Settles, then moves the clock, stopping at each timer that comes due on the way. The root only.
 */
void noh_test_advance(int64_t ms);

/* From here on nobody is killed or held back; those who are go on. So can a test look whether all
 * recovers. Handlers, fibers of noh_simulate() only. */
void noh_test_calm(void);

/* A handle that records what it is sent. The root only. */
noh_actor noh_test_inbox(void);

NOH_END
#endif
