/* What a timer will say: a deep copy of a message, within the timer if it is small and flat, else
 * in a block of its own. Knows not when it is said. */
#ifndef TIMERS_TIMER_BODY_H
#define TIMERS_TIMER_BODY_H

#include "mailbox/pool.h"
#include "timers/timer.h"

struct timer_body {
	const struct message_info *info;
	void *at; // NULL: within the timer
	size_t size;
};

// What must be freed of a timer's body; taken before others can reuse the timer.
static inline struct timer_body timer_body_of(const struct timer *timer)
{
	const struct message_info *info = message_info(timer->type);
	if (timer_has_body_inside(info))
		return (struct timer_body){.info = info};
	return (struct timer_body){info, timer->body.apart.at, timer->body.apart.size};
}

static inline void timer_body_free(struct timer_body body)
{
	if (!body.at)
		return;
	message_release(body.info, body.at);
	pool_give(pool_class_of(body.size), body.at);
}

// Copied at the start, so that a tick cannot lack it later.
static inline struct timer_body timer_body_copy(const struct message_info *info, const void *from)
{
	struct timer_body body = {.info = info};
	if (timer_has_body_inside(info))
		return body;

	body.size = message_size(info, from);
	body.at = pool_take(pool_class_of(body.size), body.size);
	message_copy(info, body.at, from);
	return body;
}

#endif
