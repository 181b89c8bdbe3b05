/* The state of a session, for the directory that starts it; session.c has what it does. */
#ifndef BROKER_SESSION_H
#define BROKER_SESSION_H

#include <noh/actor.h>
#include <noh/timer.h>

#include "broker/broker.h"
#include "broker/ids.h"

/* Starts with `broker` and `is_kept` set. */
struct session {
	const struct broker *broker;
	noh_actor connection; // NOH_NOBODY while the client is away
	noh_actor next;       // takes over when that one has said its last words
	struct outbox outbox;
	struct ids *unreleased; // between two connections; NULL: none
	noh_timer expiry;
	uint32_t attachments;   // as the directory has counted them
	uint32_t unconfirmed;   // of what was written to the connection, in WRITE_COSTS
	bool is_kept;           // outlives its connection
	bool was_here;          // some connection was attached before
	bool flushes;           // a flush is under way
	bool overflows;         // and that was told
	bool concludes;         // will end as soon as nobody sends it anything more
	uint16_t remembered_by; // while it does: routers
};

_Static_assert(sizeof(struct session) <= 96, "ten thousand idle ones should cost little");

extern const struct noh_actor_type session_actor;

#endif
