/* The reactor: what a worker waits in. Joins a poller, which waits for I/O, with a timekeeper. */
#ifndef NET_REACTOR_H
#define NET_REACTOR_H

#include "net/poller.h"
#include "runtime/seams.h"

/* Takes the poller: destroyed with the reactor. */
struct reactor *net_reactor_create(struct worker *home, struct poller *poller, unsigned tick_bits);

#endif
