/* Fiber actors: functions that wait, each on a stack of its own. What the turn tells them, and how
 * they start and end. */
#ifndef NOH_RUNTIME_FIBERS_H
#define NOH_RUNTIME_FIBERS_H

#include "runtime/post.h"

struct fiber;
struct gather;

/* All but fiber_gather(): whoever runs the slot, on the worker's own stack. */

/* A life of a fiber begins: runs it until it waits. */
void fiber_create(struct worker *worker, struct slot *slot);

/* Its life ends, wherever it waits: runs what it deferred, answers what it left unanswered, takes
 * its stack. */
void fiber_destroy(struct worker *worker, struct slot *slot);

/* A message has come: goes on with the fiber if it waits for this one, else saves it. The first is
 * for plain messages, the second for all others. */
void fiber_offer_message(struct worker *worker, struct slot *slot, struct envelope *envelope);
void fiber_offer(struct worker *worker, struct slot *slot, struct envelope *envelope);

/* noh_stop() has come. */
void fiber_stop_asked(struct worker *worker, struct slot *slot);

/* Goes on with a fiber that waits only until all mail that is there now has been looked at
 * (SLOT_LOOKS), when it has. */
void fiber_saw_nothing(struct worker *worker, struct slot *slot);

/* This one leaves its saved mail, and comes after `before` there; NULL: it was the oldest. */
void fiber_loses_saved(struct slot *slot, const struct envelope *taken, struct envelope *before);

/* Goes on with a fiber that had yielded, or settles. */
void fiber_yielded(struct worker *worker, struct slot *slot);

/* It is a fiber that waits for nothing but to be run again: it has yielded, or looks for mail
 * without waiting. */
bool fiber_only_looks(const struct slot *slot);

/* Where a fiber waits for room there is some. */
void fiber_has_room(struct worker *worker, struct slot *slot);

/* When its wait is over; UINT64_MAX if it has no limit, or is no fiber. */
uint64_t fiber_deadline(const struct slot *slot);
void fiber_time_over(struct worker *worker, struct slot *slot);

/* One of the asks it waits for has ended without an answer. */
void fiber_ask_over(struct worker *worker, struct slot *slot, const struct noh_outcome *outcome);

/* What it waits for with its asks, or NULL; and its message in hand, or NULL. */
struct gather *fiber_gathers(const struct slot *slot);
/* The one actor whose end it waits for in a join, for as long as it takes; or 0. */
uint64_t fiber_joins(const struct slot *slot);
/* Somebody joins it, for as long as it takes. Or: its own join is one of a circle, and over. */
void fiber_note_joined(struct slot *slot);
void fiber_join_in_circle(struct worker *worker, struct slot *slot);
struct envelope *fiber_hand(const struct slot *slot);

/* The running fiber waits for the asks that it has opened. */
void fiber_gather(struct worker *worker, struct gather *gather);

/* Fails the running actor, unless it is a fiber: `call` waits. */
void fiber_only(const char *call);

/* Says whether this is what somebody waits for. Must not wait, fail or send: it runs on any stack.
 */
typedef bool (*envelope_wanted_fn)(const struct envelope *envelope, const void *argument);

/* The running fiber waits for an envelope that `is_wanted`, of those saved and those to come, each
 * asked about once; others are saved, in order. What it was lent stays lent, other than by
 * noh_receive(). `within_ms` as there. Returns the envelope, which is the caller's: it says what
 * becomes of it by one of the next two before the fiber waits again. NULL: time is up. */
struct envelope *fiber_await(int64_t within_ms, envelope_wanted_fn is_wanted, const void *argument);

/* The running fiber. It lives until the next noh_receive(). Or: it is done with. */
void fiber_lend(struct envelope *envelope);
void fiber_done_with(struct envelope *envelope);

/* The running fiber waits until CONTROL_WAKE reaches it. */
void fiber_wait_for_wake(void);

/* The running fiber fails: its stack is left and never returned to. */
_Noreturn void fiber_fail(struct worker *worker);

/* The running fiber has thrown an exception in C++, and is about to return. */
void fiber_note_thrown(struct worker *worker);

#endif
