/*
 * A network within the process: listeners by address, connections as two bounded queues of bytes,
 * names from a table of its own. For one thread, which drives all pollers of a network; nothing
 * waits, nothing is random. The same calls in the same order give the same events.
 */
#ifndef NET_MEMORY_H
#define NET_MEMORY_H

#include "net/poller.h"

struct memory_network;

struct memory_network *memory_network_create(void);

/* A poller whose sockets are this network's. */
int memory_poller_create(struct memory_network *network, struct poller **ret_poller);

/* Lets the network know a name; "localhost" it knows: ::1 and 127.0.0.1. Copies both. */
void memory_network_name(struct memory_network *network, const char *host,
			 const union address *addresses, int count);

/* All of its pollers are destroyed. */
void memory_network_destroy(struct memory_network *network);

#endif
