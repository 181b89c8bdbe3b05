/* Behaviours: how a running actor changes what it does with its mail. */
#ifndef NOH_BEHAVIOUR_H
#define NOH_BEHAVIOUR_H

#include <noh/actor.h>

NOH_BEGIN

/* Declares another set of handlers for the state of `type`, to be taken on by noh_become():
 *
 *	NOH_ACTOR(door, (push, on_push), (lock, on_lock));
 *	NOH_BEHAVIOUR(locked_door, door, (unlock, on_unlock)); // on_unlock(struct door *self, ...)
 *
 * Entries are as in NOH_ACTOR. */
#define NOH_BEHAVIOUR(behaviour, type, ...) \
	NOH_DEFINE_HANDLERS(behaviour, type, (.mailbox_messages = 0), __VA_ARGS__)

/* Goes on with another set of handlers on the same state, from the next message on:
 * `noh_become(locked_door);` Handlers. Messages kept by noh_postpone() come first then. The state
 * of both must have the same size, else the actor fails. What it may take up stays that of the type
 * it was spawned as; a restart begins with the handlers of that one. */
#define noh_become(behaviour)                                         \
	do {                                                          \
		extern const struct noh_actor_type behaviour##_actor; \
		noh_become_type(&behaviour##_actor);                  \
	} while (0)
void noh_become_type(const struct noh_actor_type *type);

/* Keeps the message in hand for later: when the handler has returned it is put aside, and comes
 * again when noh_become() takes on other handlers, or noh_replay() is called. All that was kept
 * comes in its order then, before all other mail. Handlers. A request is not answered by it, and
 * may be answered when it comes again. Kept messages survive a restart and end as dead letters with
 * the actor. Returns 0; -ENOMSG: nothing in hand that can be kept (noh_start, noh_stopping, the
 * outcome of an ask, noh_down of a child that is not monitored); -EAGAIN: so many are kept as the
 * type's limit `postponed` says (1000). */
int noh_postpone(void);

/* Lets the messages kept by noh_postpone() come again, next, in their order. Handlers. */
void noh_replay(void);

/* Sends the running actor noh_idle when nothing has been sent to it for `ms` milliseconds: once,
 * and again only when something has been sent and such a time has passed anew. What it sends
 * itself, its timers' ticks among it, and noh_idle are nothing. Handlers; a fiber gives
 * noh_receive() a limit. A message costs a look at the clock, and moves no timer. 0 ends it, and so
 * does the end of the life. */
void noh_idle_after(int64_t ms);

/* Nobody has sent anything for the time that noh_idle_after() set. */
NOH_LIBRARY_MESSAGE(noh_idle);

NOH_END
#endif
