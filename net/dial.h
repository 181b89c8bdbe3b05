/* What a connection has while it connects: where to, by when, and how far it is. */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include <noh/tcp.h>

#include "net/lookup.h"
#include "net/reactor.h"

struct connection;

struct dial {
	struct connection *connection;
	struct deadline deadline; // of the lookup, then of each try
	struct lookup *lookup;    // NULL: none was needed
	char *host;
	uint16_t port;
	int64_t within_ms, end_ms;
	struct noh_tcp_options options;

	// Written by the lookup, before ASK_FOUND.
	union address addresses[LOOKUP_ADDRESSES];
	int found; // how many, or a negative errno

	int count, next;
};

/* Copies all. */
struct dial *dial_create(const char *host, uint16_t port, int64_t within_ms,
			 const struct noh_tcp_options *options);

#endif
