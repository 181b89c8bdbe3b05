/* Links and exit signals: actors that end together, and those that hear of it instead. */
#ifndef NOH_LINK_H
#define NOH_LINK_H

#include <noh/actor.h>

NOH_BEGIN

/* Ties the running actor and `who` together, both ways: when the life of one ends, the other is
 * sent an exit signal, once, and the link is gone. (`.linked` of noh_spawn_with() does so before
 * the new actor runs.) An exit signal
 *
 *	- of a normal end does nothing,
 *	- of any other ends the actor for the same reason: its `why`, `code` and `reason` are those
 *	  of the signal, and whoever is linked to it hears the same,
 *	- reaches an actor that traps exits (below) as a message, noh_exit.
 *
 * A link to an actor that is gone, or never was, gives a signal with NOH_WHY_NOBODY at once; who
 * does not trap exits fails by it. A link that is there already, or to oneself, changes nothing. A
 * signal keeps its place behind what its sender sent before, so all that comes first is handled
 * first. An actor that keeps its place signals at each end of a life, restarted or not. Handlers,
 * fibers. */
void noh_link(noh_actor who);

/* Ends the link, whoever asked for it: no signal of it has any effect after this call, also if
 * `who` has ended already. Handlers, fibers. */
void noh_unlink(noh_actor who);

/* Whether exit signals reach the running actor as messages, (noh_exit, on_exit), from now on; of a
 * new life they do not. A fiber receives them by noh_receive(); one that does not trap exits ends
 * where it waits, or at its next wait. A handler's actor must have that entry, else this fails it.
 * Returns what was said before. Handlers, fibers. */
bool noh_trap_exits(bool trap);

/* Sends an exit signal without a link, of a failure with this code and reason; with code 0 of a
 * normal end, which only who traps exits hears of. noh_kill() cannot be trapped. Any thread. Copies
 * the reason, which may be NULL. */
void noh_send_exit(noh_actor who, int code, const char *reason);

/* To who traps exits: `from` has ended, or says by noh_send_exit() that this actor should. `why` is
 * an enum noh_why. */
NOH_LIBRARY_MESSAGE(noh_exit, (actor, from), (i64, why), (i64, code), (str, reason));

NOH_END
#endif
