/* What a connection writes to its client. A write that is refused for want of room ends the
 * connection. */
#ifndef BROKER_REPLIES_H
#define BROKER_REPLIES_H

#include "broker/connection.h"

void reply_bytes(struct connection *self, noh_bytes bytes);
void reply_acknowledgement(struct connection *self, enum packet_type type, uint16_t id);
void reply_connack(struct connection *self, enum connack_code code, bool present);
void reply_pingresp(struct connection *self);

/* All answers that are due. */
void reply_answers(struct connection *self);

#endif
