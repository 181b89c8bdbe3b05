/*
 * What the sockets of the in-memory network stand for: listeners, and the two ends of wires that
 * carry bytes between them. Knows no submits; whoever must look again is put on its poller's ready
 * list. For one thread.
 */
#ifndef NET_WIRE_H
#define NET_WIRE_H

#include <stddef.h>

#include "net/memory.h"
#include "net/ready.h"

enum { NAME_ADDRESSES = 8 };

// What a descriptor stands for: a listener, or one end of a connection.
struct end {
	struct end *next, **link; // in the network's list of all
	struct ready *ready;      // where it is put to be visited ...
	struct socket *socket;    // ... as; NULL until it is adopted
	union address local, peer_address;

	// Of a connection.
	struct end *peer; // NULL: not connected, or closed by the other side
	uint8_t *inbox;   // a ring of `window` bytes, made on first need
	size_t window, first, count;
	bool connected;
	bool ended;      // this side will write no more
	bool peer_ended; // nor will the other
	int broken;      // what reading says after the inbox is empty, once
	int outcome;     // of a connect: 1 while it is open

	// Of a listener.
	bool listens;
	int backlog, waiting;
	struct end *queue, **queue_end;     // accepted by the network, not yet by us
	struct end *callers, **callers_end; // connect, and there is no room for them yet
	struct end *queue_next;             // of an end that is in one of those
};

struct name {
	struct name *next;
	char *host;
	union address addresses[NAME_ADDRESSES];
	int count;
};

struct memory_network {
	struct end *ends;
	struct name *names;
	uint16_t next_port;
};

/* A listener, or the connecting end of a wire that is not there yet. `window` 0: the default. */
struct end *end_create(struct memory_network *network, size_t window);

/* Hangs up, or ends listening: queued peers are reset, callers refused. */
void end_close(struct memory_network *network, struct end *end, bool reset);

/* Something has changed for this end (or for NULL). */
void end_notify(struct end *end);

/* Listens at a free address; with port 0 chooses one. -EADDRINUSE. */
int end_listen(struct memory_network *network, struct end *end, const union address *address,
	       int backlog);

/* Begins to connect; `outcome` becomes 0 or a negative errno, now or later. */
void end_connect(struct memory_network *network, struct end *end, const union address *address);

/* The next peer of a listener, or NULL. */
struct end *end_accept(struct memory_network *network, struct end *listener);

/* Writes what fits into the other side's window: how much, -EAGAIN, or an error. */
ssize_t end_put(struct end *end, const struct iovec *pieces, uint32_t count);

/* Reads what has come. */
size_t end_take(struct end *end, uint8_t *space, size_t room);

/* The other side will read the end. */
void end_shutdown(struct end *end);

/* How many addresses the name has, or -ENOENT. */
int memory_network_find(struct memory_network *network, const char *host,
			union address *ret_addresses, int most);

#endif
