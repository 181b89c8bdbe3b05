/* Timers: a timer is a message to oneself, later. */
#ifndef NOH_TIMER_H
#define NOH_TIMER_H

#include <noh/actor.h>

NOH_BEGIN

/* What an interval does with ticks that its owner was too busy for. */
enum noh_missed {
	NOH_MISSED_SKIP = 1, // drops them, keeps the grid; noh_ticks_missed() counts them
	NOH_MISSED_BURST,    // delivers each, back to back, then the old grid
	NOH_MISSED_DELAY     // the next tick comes one period after the late one was handled
};

// The period of a timer that has none.
#define NOH_ONCE INT64_MIN

/* Sends `message` to the running actor once, `ms` milliseconds from now, never early. Handlers,
 * fibers. Void if the actor ends or restarts first. 0 and negative: at once. */
#define noh_after(ms, message, ...)                                        \
	noh_timer_start(ms, NOH_ONCE, NOH_MISSED_SKIP, &message##_message, \
			NOH_VALUE(message, __VA_ARGS__))

/* The same every `ms`, on a fixed grid, the first after one period. A period below 1 fails the
 * actor. */
#define noh_every(ms, missed, message, ...) \
	noh_timer_start(ms, ms, missed, &message##_message, NOH_VALUE(message, __VA_ARGS__))
noh_timer noh_timer_start(int64_t ms, int64_t every_ms, enum noh_missed missed,
			  const struct noh_message_type *type, const void *body);

/* Ticks that the interval whose tick is in hand has skipped since its last one. Handlers. */
uint64_t noh_ticks_missed(void);

/* Ends a timer: no tick of it arrives after this call, even one that was already queued. Of a timer
 * that has fired, or of another actor, it does nothing. Owner only. */
void noh_cancel(noh_timer timer);

/* Moves a timer to `ms` from now: a one-shot also arms anew within the handler of its tick; an
 * interval moves its grid. A tick already queued does not arrive. Owner only. Returns 0; -ESRCH
 * when there is no such timer any more. */
int noh_reset(noh_timer timer, int64_t ms);

/* Milliseconds of the runtime's monotonic clock (virtual in tests). Handlers, fibers. */
int64_t noh_now_ms(void);

NOH_END
#endif
