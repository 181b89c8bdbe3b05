/* The list of sockets that a poller must visit without being told so by anyone; in order. Used by
 * the pollers alone. */
#ifndef NET_READY_H
#define NET_READY_H

#include "net/poller.h"

struct ready {
	struct socket *first, **end;
	uint32_t count;
};

static inline void ready_init(struct ready *ready)
{
	*ready = (struct ready){.end = &ready->first};
}

/* Once, however often it is called. */
static inline void ready_add(struct ready *ready, struct socket *socket)
{
	if (socket->ready_link)
		return;
	socket->ready_next = NULL;
	socket->ready_link = ready->end;
	*ready->end = socket;
	ready->end = &socket->ready_next;
	ready->count++;
}

/* Harmless when it is not in the list. */
static inline void ready_remove(struct ready *ready, struct socket *socket)
{
	if (!socket->ready_link)
		return;
	*socket->ready_link = socket->ready_next;
	if (socket->ready_next)
		socket->ready_next->ready_link = socket->ready_link;
	else
		ready->end = socket->ready_link;
	socket->ready_link = NULL;
	ready->count--;
}

static inline struct socket *ready_take(struct ready *ready)
{
	struct socket *first = ready->first;
	if (first)
		ready_remove(ready, first);
	return first;
}

#endif
