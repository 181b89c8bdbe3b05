/* Results: ending with a message, and waiting in line for an actor's end. */
#ifndef NOH_JOIN_H
#define NOH_JOIN_H

#include <noh/actor.h>

NOH_BEGIN

/* Ends the running actor normally, as noh_end(0, "") does, with a result: `noh_finish(sum, .total =
 * 55);` The first of these calls counts. Who monitors the actor gets the result as a message from
 * it, right before the noh_down, if it accepts such messages; so does the parent, but a
 * fiber only of those that it monitors. Handlers, fibers.
 * Copies as noh_send() does; owned fields go to the first of them. */
#define noh_finish(message, ...) \
	noh_finish_type(&message##_message, NOH_VALUE(message, __VA_ARGS__))
void noh_finish_type(const struct noh_message_type *type, const void *body);

/* How an actor that was joined has ended: as in noh_down. */
struct noh_joined {
	noh_actor who;
	int64_t why, code; // enum noh_why
	const char *reason;
	const struct noh_delivery *result; // of noh_finish(); NULL: it ended without
};

/* Waits in line for the end of an actor, as noh_down tells it, and for its result:
 *
 *	noh_actor adder = noh_spawn_with(adder, (.monitored = true), .from = 1, .to = 10);
 *	struct noh_joined how;
 *	if (!noh_join(adder, 1000, &how))
 *		print_sum(noh_as(how.result, sum));
 *
 * Fibers. `within_ms` < 0 waits for ever, 0 only looks; other mail stays queued. An actor that this
 * fiber monitors, as one spawned `.monitored`, can be joined at any time, also long after it has
 * ended; another is monitored for the time of the call. An actor that asks, directly or through
 * others, who joins it without limit is told so by -EDEADLK (ask.h). To call off what it does:
 * noh_kill(). What is written to `ret_how` (which may be NULL) lives until the next noh_receive()
 * or join. Returns 0 after a normal end; -ECONNRESET after any other; -ESRCH if it was gone before
 * it was monitored; and with nothing written -ETIMEDOUT when time is up, -EDEADLK for the caller
 * itself, and where fibers join each other in a circle, without limit: one of them gets it at
 * once, and a line in the log names them all. */
int noh_join(noh_actor who, int64_t within_ms, struct noh_joined *ret_how);

/* Waits for whichever of several ends first, and takes it out of the array, whose order may change.
 * So all of them in the order in which they end:
 *
 *	while (count) {
 *		int err = noh_join_any(adders, &count, -1, &how);
 *		...
 *	}
 *
 * Otherwise as noh_join(), but the others are monitored from the first call on, so that none is
 * missed. Returns -EINVAL if `*count` is 0. Circles are seen only when one is left. */
int noh_join_any(noh_actor *actors, size_t *count, int64_t within_ms, struct noh_joined *ret_how);

NOH_END
#endif
