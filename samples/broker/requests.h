/* What the packets of a client ask for. */
#ifndef BROKER_REQUESTS_H
#define BROKER_REQUESTS_H

#include "broker/connection.h"

/* Acts on all packets that end in this slice, which was received after what came before it. */
void requests_take(struct connection *self, noh_bytes received);

#endif
