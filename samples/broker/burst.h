/* A burst: PUBLISH packets at QoS 0 on one topic that came one behind the other. Subscribers get
 * the very same bytes, so the broker passes it on as one slice. Knows no actors. */
#ifndef BROKER_BURST_H
#define BROKER_BURST_H

#include <noh/bytes.h>

#include "broker/packet.h"

/* Starts empty, all zero. */
struct burst {
	struct span packets; // as they came, lent
	struct span topic;   // of each of them
	uint32_t count;
};

/* Appends the packet of a frame that was found in `received`. False if it does not belong here:
 * then nothing has changed. */
bool burst_add(struct burst *burst, noh_bytes received, const struct frame *frame,
	       const struct packet *packet);

/* The topic of a burst's packets. */
struct span burst_topic(noh_bytes packets);

/* The first packets of it, as many as are at most `count` and `bytes`. */
struct burst burst_front(noh_bytes packets, uint32_t count, uint64_t bytes);

#endif
