/* What the reactors of one runtime share: who they are, and which of them takes a new connection.
 */
#ifndef NET_NETWORK_H
#define NET_NETWORK_H

#include "runtime/runtime.h"
#include "runtime/seams.h"

struct memory_network;
struct net_reactor;

struct network {
	struct seams seams;            // first: a runtime leads back here by it
	struct memory_network *memory; // the network within the process; NULL: the kernel's
	struct net_reactor *reactors[WORKER_LIMIT]; // by worker; all are there before one runs
	uint32_t reactor_count;

	// All actors have ended. Written before the runtime runs; called once, before the first
	// reactor goes.
	void (*ends)(struct network *network);
	uint64_t end_ns; // then: until when what was written may still be sent
};

/* The seams of a runtime that is to have a network. */
void network_init(struct network *network, struct memory_network *memory);

/* Any thread. The home of a connection that came to `reactor`: homes fill, they do not spread, so
 * it stays there until that reactor's own work takes half of its core. */
struct net_reactor *network_place(struct network *network, struct net_reactor *reactor);

#endif
