/* A connection's state, for the listener that starts it, and what its parts share: connection.c,
 * the actor; requests.c, what the client's packets ask for; replies.c, what it is answered. */
#ifndef BROKER_CONNECTION_H
#define BROKER_CONNECTION_H

#include <noh/actor.h>
#include <noh/tcp.h>
#include <noh/timer.h>

#include "broker/answers.h"
#include "broker/broker.h"
#include "broker/luggage.h"
#include "broker/reader.h"

enum connection_stage {
	CONNECTION_NEW,       // CONNECT has not come
	CONNECTION_ARRIVING,  // it has, and the session is looked for
	CONNECTION_ATTACHED,  // to its session
	CONNECTION_ABANDONED, // the client went while its session was looked for
	CONNECTION_LEAVING,   // it has said its last words, and others may still have some for it
};

/* Starts with `broker` set. There may be very many that say nothing for hours, so what only some
 * need is in memory of its own. */
struct connection {
	const struct broker *broker;
	noh_conn conn;
	noh_actor session;
	struct reader reader;
	struct answers answers;
	struct luggage *luggage; // NULL until it is needed
	noh_timer timer;
	int64_t heard_ms;     // when a packet came last
	uint32_t unconfirmed; // of the session's writes, in WRITE_COSTS
	uint16_t keep_alive_seconds;
	uint8_t stage;
	uint8_t reads; // slices that came since more were granted
};

_Static_assert(sizeof(struct connection) <= 96, "ten thousand idle ones should cost little");

extern const struct noh_actor_type connection_actor;

/* Nothing more is heard from the client, nor told to it. */
void connection_finish(struct connection *self);

/* The same, and the reason is logged. */
void connection_turn_away(struct connection *self, const char *why);

#endif
