/* One publishing client: turns what it may send into packets, and takes the acknowledgements.
 * Knows no subscribers. */
#ifndef BENCH_LOAD_PUBLISHER_H
#define BENCH_LOAD_PUBLISHER_H

#include "bench/load/connection.h"
#include "bench/load/pace.h"
#include "bench/load/protocol.h"

// What each payload begins with, in the order of this machine, which alone reads it.
struct stamp {
	uint32_t publisher;
	uint32_t sequence;
	uint64_t time_ns; // when it was sent, or should have been
};

_Static_assert(sizeof(struct stamp) == 16, "options.c promises it");

struct publisher {
	struct connection connection;
	uint32_t number;
	unsigned qos;
	const struct protocol *protocol;
	// A whole publication, in which only packet id and stamp change.
	uint8_t *packet;
	struct publish_form form;

	uint32_t allowed; // how many may have been sent by now, whatever the window says
	uint32_t sent;
	uint32_t settled; // out of the window again: received by all, or acknowledged
	uint32_t window;
	bool waits_in_line; // to be visited once the events at hand are handled

	// QoS 1 and 2: ids that are free, oldest first, and the step that each id in use is at.
	uint16_t *free_ids;
	uint32_t free_from, free_count;
	uint8_t *id_steps;
};

/* `payload` is of `size` bytes, its stamp yet empty. Does not connect. */
void publisher_init(struct publisher *publisher, uint32_t number, const char *topic,
		    const uint8_t *payload, const struct options *options);
void publisher_finish(struct publisher *publisher);

/* Sends as much as allowance, window and socket let it. 0 or negative errno. */
int publisher_send(struct publisher *publisher, struct pace *pace);

/* Takes all acknowledgements that have come. 0, negative errno, or -EPROTO for a packet that
 * nobody asked for. */
int publisher_receive(struct publisher *publisher, struct reading *reading);

#endif
