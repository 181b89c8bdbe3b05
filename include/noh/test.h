/* Testing actors: one handler by itself, or a whole system on one thread, a virtual clock and a
 * seed. */
#ifndef NOH_TEST_H
#define NOH_TEST_H

#include <noh/noh.h>

NOH_BEGIN

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

/* Runs `function(argument)` as the root of a runtime on this thread, with a virtual clock, an
 * in-memory network and a seeded choice of who runs next; NOH_SEED in the environment wins over
 * `seed`, 0 takes a fresh one. Returns as noh_run(); a failing run prints its seed. */
int noh_simulate(uint64_t seed, int (*function)(void *), void *argument);

/* Lets everybody run until nobody has work at this instant. The root of noh_simulate() only. */
void noh_test_settle(void);

/* Settles, then moves the clock, stopping at each timer that comes due on the way. The root only.
 */
void noh_test_advance(int64_t ms);

/* A handle that records what it is sent. The root only. */
noh_actor noh_test_inbox(void);

NOH_END
#endif
