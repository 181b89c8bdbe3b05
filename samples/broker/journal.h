/* The state of the journal, for its supervisor; journal.c has what it does. */
#ifndef BROKER_JOURNAL_H
#define BROKER_JOURNAL_H

#include <noh/actor.h>

#include "broker/broker.h"

/* Starts with `broker` set. */
struct journal {
	const struct broker *broker;
	uint32_t lines; // of this second
	uint32_t left_out;
	bool is_counting; // the second has begun
};

extern const struct noh_actor_type journal_actor;

#endif
