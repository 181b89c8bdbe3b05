/* Opens many sessions with a broker, some with a subscription, and waits for the server's consent.
 */
#ifndef BENCH_LOAD_HANDSHAKE_H
#define BENCH_LOAD_HANDSHAKE_H

#include <netinet/in.h>

#include "bench/load/connection.h"
#include "bench/load/protocol.h"

#define HANDSHAKE_TEXT_ROOM 64

struct handshake {
	const struct sockaddr_in *server;
	const struct protocol *protocol;
	unsigned qos; // of subscriptions
	/* Writes the filter that client `number` subscribes to; empty: it does not subscribe. */
	void (*filter_of)(const void *context, unsigned number, char filter[HANDSHAKE_TEXT_ROOM]);
	const void *context;
};

/* Dies with a sentence if the server refuses anything or does not answer within 10 s. The
 * sockets do not block afterwards. */
void handshake_all(const struct handshake *handshake, struct connection **connections,
		   unsigned count);

#endif
