/* What a client has left with its connection for later: a will, the packet ids of what it has not
 * released, bytes that came too early, and what the routers have not confirmed. Most clients leave
 * nothing, and cost nothing then. */
#ifndef BROKER_LUGGAGE_H
#define BROKER_LUGGAGE_H

#include <noh/bytes.h>

#include "broker/ahead.h"
#include "broker/broker.h"
#include "broker/ids.h"

struct luggage {
	struct ids unreleased; // what it published at QoS 2 and has not released
	noh_bytes will;        // publication.h; empty: it has none
	uint8_t will_qos;
	bool will_retain;
	uint8_t *held; // of malloc()
	size_t held_size;
	struct ahead *ahead; // of the routers; NULL: it has published nothing yet
};

/* All are for handlers of the connection, whose memory it is; NULL is luggage in which there is
 * nothing, and is replaced where something is put in. */

void luggage_keep_will(struct luggage **luggage, const struct packet_connect *connect);
void luggage_drop_will(struct luggage *luggage);

/* Publishes the will, once. */
void luggage_publish_will(struct luggage *luggage, const struct broker *broker);

/* False if the id is there already. */
bool luggage_add_id(struct luggage **luggage, uint16_t id);
void luggage_remove_id(struct luggage *luggage, uint16_t id);

/* Appends bytes to those that are held. False if these would be more than `most`. */
bool luggage_hold(struct luggage **luggage, const uint8_t *at, size_t size, size_t most);

/* All that was held, as a slice that lives until the handler returns; empty if nothing was. */
noh_bytes luggage_take_held(struct luggage *luggage);

/* See ahead_add(). */
bool luggage_add_ahead(struct luggage **luggage, const struct broker *broker, uint32_t router,
		       size_t bytes);

/* NULL if there is nothing. */
static inline struct ahead *luggage_ahead(const struct luggage *luggage)
{
	return luggage ? luggage->ahead : NULL;
}

/* Frees what the actor's end does not free. */
void luggage_finish(struct luggage *luggage);

#endif
