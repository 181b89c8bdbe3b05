/* What the packets of a client ask for. */
#ifndef BROKER_REQUESTS_H
#define BROKER_REQUESTS_H

#include "broker/connection.h"

/* Acts on all packets that end in this slice, which was received after what came before it; or lets
 * them wait. */
void requests_take(struct connection *self, noh_bytes received);

/* The same for what has waited, since the client was too far ahead of the routers. */
void requests_go_on(struct connection *self);

/* Does something wait? */
bool requests_wait(const struct connection *self);

#endif
