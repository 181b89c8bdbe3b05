/* What a session has for its client: messages that wait to be sent, and those that were sent and
 * are not acknowledged yet, in the order in which they came. Knows no actors and no sockets; what
 * it hands out is to be encoded and sent by its user. */
#ifndef BROKER_OUTBOX_H
#define BROKER_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include <noh/bytes.h>

#include "broker/packet.h"

/* What one session may hold. */
struct outbox_limits {
	uint32_t messages;  // waiting and not acknowledged, together
	uint64_t bytes;     // of all bodies
	uint32_t in_flight; // sent and not acknowledged; at most 65,534
	uint32_t retained;  // that wait, beside `messages`: who subscribes gets all of them at once
};

enum outbox_stage {
	OUTBOX_PUBLISHED, // or about to be
	OUTBOX_RELEASED,  // QoS 2: PUBREC came, so now the client is owed a PUBREL
	OUTBOX_DONE,      // acknowledged, but an older one is not
};

struct outbox_message {
	noh_bytes body; // publication.h; outbox_add() says whose memory it is
	uint16_t id;    // 0 at QoS 0
	uint8_t qos;
	uint8_t stage;
	bool body_has_id : 1;
	bool retain : 1;
	bool sent_before : 1;
	uint16_t burst; // 0, or the body is one of so many packets (burst.h)
};

struct outbox_ring {
	uint32_t room; // a power of two
	uint32_t first;
	uint32_t count; // never 0: an empty ring is none
	struct outbox_message at[];
};

/* Empty when all zero, and holds no memory then. Small: there is one for each idle client. */
struct outbox {
	struct outbox_ring *waiting;
	struct outbox_ring *in_flight; // their packet ids follow one another
	uint64_t bytes;
	uint16_t sent;     // how many of those in flight were sent on this connection
	uint16_t handed;   // how many of those that wait outbox_next() gave since outbox_sent()
	uint16_t last_id;  // of the newest in flight
	uint32_t more;     // messages that wait in bursts, beside one each
	uint32_t retained; // of those that wait
};

/* What it could still take. */
struct outbox_room {
	uint32_t messages;
	uint64_t bytes;
};
struct outbox_room outbox_room(const struct outbox *outbox, const struct outbox_limits *limits);

/* Appends a message, and owns its body from now on: by noh_keep_bytes(), or without an owner from
 * malloc(). False, and nothing was taken, if it would be more than the limits allow. */
bool outbox_add(struct outbox *outbox, const struct outbox_limits *limits,
		const struct outbox_message *message);

/* What outbox_add() did not take. */
void outbox_drop_body(noh_bytes body);

/* The next message to send: its PUBLISH, or its PUBREL if the stage says so. NULL when there is
 * none, or too many are in flight. It lives until the next call, its body until outbox_sent(). */
const struct outbox_message *outbox_next(struct outbox *outbox, const struct outbox_limits *limits);

/* All that outbox_next() gave, at most 65,535, is sent: what had QoS 0 is forgotten. The other
 * functions, but for outbox_next(), take it to be so. */
void outbox_sent(struct outbox *outbox);

/* The client has sent PUBACK, PUBREC or PUBCOMP. Returns true if it is owed a PUBREL. */
bool outbox_acknowledge(struct outbox *outbox, enum packet_type type, uint16_t id);

/* The client is back: all that is not acknowledged will be sent again, before what waits. */
void outbox_start_over(struct outbox *outbox);

static inline uint32_t outbox_count(const struct outbox_ring *ring)
{
	return ring ? ring->count : 0;
}

/* Nothing waits and nothing is in flight. */
bool outbox_is_empty(const struct outbox *outbox);

void outbox_finish(struct outbox *outbox);

#endif
