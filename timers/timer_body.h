/* What a timer will say, and its period: in a block of its own, which a timer that ticks once and
 * only says that it did has not. Knows not when it is said. */
#ifndef TIMERS_TIMER_BODY_H
#define TIMERS_TIMER_BODY_H

#include "mailbox/pool.h"
#include "timers/timer.h"

// Copied at the start, so that a tick cannot lack it later. NULL: there is nothing to keep.
static inline struct timer_more *timer_more_of(const struct message_info *info, const void *from,
					       uint64_t period_ns)
{
	size_t size = message_size(info, from);
	if (!size && !period_ns)
		return NULL;

	struct timer_more *more;
	size_t bytes = sizeof(*more) + size;
	if (__builtin_expect(bytes <= 48, 1)) // a constant costs half
		more = pool_take(POOL_48, 48);
	else
		more = pool_take(pool_class_of(bytes), bytes);
	*more = (struct timer_more){.period_ns = period_ns, .bytes = (uint32_t)bytes};
	message_copy(info, more->body, from);
	return more;
}

// Taken before others can use the timer for something else.
static inline void timer_more_free(struct timer_more *more, uint32_t type)
{
	if (!more)
		return;
	message_release(message_info(type), more->body);
	if (__builtin_expect(more->bytes <= 48, 1))
		pool_give(POOL_48, more);
	else
		pool_give(pool_class_of(more->bytes), more);
}

static inline void *timer_body(const struct timer *timer)
{
	return timer->more ? timer->more->body : NULL;
}

#endif
