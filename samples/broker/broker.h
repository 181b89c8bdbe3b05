/* What all actors of the broker know of it: its limits, and whom to turn to. Written before any
 * client is served, and never changed after. */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include <noh/actor.h>

#include "broker/outbox.h"
#include "broker/packet.h"
#include "broker/table.h"

enum { ROUTERS_MOST = 64 };

struct limits {
	struct packet_limits packet;
	struct outbox_limits outbox; // of one session
	size_t unsent_bytes;         // to a client that reads too slowly, before its session waits
	uint32_t retained;           // topics with a retained message
	uint32_t subscriptions;      // of one session, in each router
	uint32_t sessions;           // that outlive their connection
	int64_t session_ms;          // how long they do
	int64_t connect_ms;          // within which CONNECT must come
	int64_t keep_alive_percent;  // of what the client asked for, before it is given up
	uint32_t log_lines;          // a second, about clients that are turned away
};

struct broker {
	struct limits limits;
	const char **refused_filters; // as many as ...
	uint32_t refused_count;

	struct hash_key key;
	noh_actor journal;
	noh_actor directory;
	noh_actor routers[ROUTERS_MOST];
	uint32_t router_count;
};

/* The topics of which a router may keep a message: its share of all, and a little more where there
 * are several, since topics fall only nearly evenly upon them. */
static inline uint32_t router_retains_most(const struct broker *broker)
{
	uint32_t share = broker->limits.retained / broker->router_count;
	return broker->router_count > 1 ? share + share / 32 + 16 : share;
}

/* The number of the router of all messages of a topic. */
static inline uint32_t router_of(const struct broker *broker, struct span topic)
{
	if (broker->router_count == 1)
		return 0;
	return (uint32_t)(hash_text(&broker->key, topic) % broker->router_count);
}

#endif
