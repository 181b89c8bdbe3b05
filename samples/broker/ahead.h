/* How far a client's requests are ahead of the routers, and what it sent that waits until these
 * have caught up. Knows no routers but by number, and no connections. */
#ifndef BROKER_AHEAD_H
#define BROKER_AHEAD_H

#include <stdbool.h>
#include <stdint.h>

#include <noh/bytes.h>

/* What a router is sent costs its bytes, and some more for itself and for each that it is delivered
 * to. Routers are asked at times to confirm that they have come so far; with too much unconfirmed
 * nothing more of the client is looked at. */
enum {
	AHEAD_COSTS = 512,
	AHEAD_COSTS_DELIVERED = 16,
	AHEAD_COSTS_AT_FIRST = 8192, // until a router has said how many deliveries there are
	AHEAD_MARKED_AT = 128 * 1024,
	AHEAD_MOST = 3 * AHEAD_MARKED_AT,

	AHEAD_READS = 32,               // slices that may be under way from the socket
	AHEAD_SLICES = AHEAD_READS + 1, // and what came too early
};

struct ahead_slices {
	uint32_t count;
	noh_bytes at[AHEAD_SLICES]; // kept
};

struct ahead_of_router {
	uint32_t unmarked;
	uint32_t costs; // of each message, beside its bytes
};

struct ahead {
	uint64_t marked;   // cost that routers were asked to confirm, and have not yet
	uint64_t unmarked; // and what they were sent since
	struct ahead_slices *slices;
	bool ends; // nothing follows the slices
	struct ahead_of_router of[];
};

/* For handlers of the connection, whose memory it is. NULL is nothing ahead, and is replaced where
 * something is added. */

/* A router was sent so many bytes. True if it is time to mark. */
bool ahead_add(struct ahead **ahead, uint32_t router_count, uint32_t router, size_t bytes);

/* The router is asked to confirm what it was sent since the last mark: returns the cost. */
uint32_t ahead_mark(struct ahead *ahead, uint32_t router);

/* It does. Of late it made so many deliveries of a message. */
void ahead_confirmed(struct ahead *ahead, uint32_t router, uint64_t cost, uint64_t deliveries);

static inline bool ahead_is_too_far(const struct ahead *ahead)
{
	return ahead && ahead->marked + ahead->unmarked >= AHEAD_MOST;
}

static inline bool ahead_is_marked(const struct ahead *ahead)
{
	return ahead && ahead->marked;
}

static inline bool ahead_waits(const struct ahead *ahead)
{
	return ahead && ahead->slices && ahead->slices->count;
}

/* Lets a slice wait, which lives until the handler returns, behind those that wait already. */
void ahead_wait(struct ahead *ahead, noh_bytes slice);

/* The first slice that waits, or what is left of it. */
noh_bytes ahead_first(const struct ahead *ahead);

/* All but so many of its last bytes are taken. */
void ahead_leave(struct ahead *ahead, size_t left);

#endif
