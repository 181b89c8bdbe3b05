/* The state of a router, for its supervisor; router.c has what it does. */
#ifndef BROKER_ROUTER_H
#define BROKER_ROUTER_H

#include <noh/actor.h>

#include "broker/broker.h"

struct retained;
struct topics;

/* Starts with `broker` set. */
struct router {
	const struct broker *broker;
	struct topics *topics;
	struct retained *retained;
	uint64_t messages; // since the last mark
	uint64_t deliveries;
};

extern const struct noh_actor_type router_actor;

#endif
