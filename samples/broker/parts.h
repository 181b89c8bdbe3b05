/* What all clients of the broker share: directory, journal and routers. */
#ifndef BROKER_PARTS_H
#define BROKER_PARTS_H

#include "broker/broker.h"

/* Starts them, under a supervisor. Writes their handles to the broker, whose limits and key are
 * set, and the one limit that depends on how many routers there are. Fibers. */
void parts_start(struct broker *broker);

#endif
