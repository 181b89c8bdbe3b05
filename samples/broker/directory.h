/* The state of the directory, for its supervisor; directory.c has what it does. */
#ifndef BROKER_DIRECTORY_H
#define BROKER_DIRECTORY_H

#include <noh/actor.h>

#include "broker/broker.h"

/* Starts with `broker` set. */
struct directory {
	const struct broker *broker;
	struct table by_id;      // of client
	struct table by_session; // all of them, also those without an id
	uint32_t kept;           // sessions that outlive their connection
};

extern const struct noh_actor_type directory_actor;

#endif
