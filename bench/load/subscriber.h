/* One subscribing client: reads, judges and acknowledges what it gets. Knows publishers only by
 * the stamps in payloads. */
#ifndef BENCH_LOAD_SUBSCRIBER_H
#define BENCH_LOAD_SUBSCRIBER_H

#include "bench/load/connection.h"
#include "bench/load/flow.h"
#include "bench/load/histogram.h"
#include "bench/load/publisher.h"

struct subscriber;

/* Called when the next expected message of a publisher moved from `from` to `until`. */
typedef void (*subscriber_advanced_fn)(void *context, uint32_t publisher, uint32_t from,
				       uint32_t until);

// What all subscribers of a run share.
struct subscribers {
	const struct protocol *protocol;
	struct reading reading;
	const uint8_t *payload; // as the publishers send it, but for the stamp
	size_t payload_size;
	const struct publisher *publishers;
	struct histogram latency;
	uint64_t received;   // each message once a subscriber
	uint64_t damaged;    // payload, topic or publisher not what was sent
	uint64_t unreleased; // QoS 2: PUBREC sent, PUBREL not come yet
	subscriber_advanced_fn on_advanced;
	void *context;
};

struct subscriber {
	struct connection connection;
	unsigned qos;
	uint32_t first_publisher, publisher_count; // whom it must hear
	struct flow *flows;                        // of each of them
};

void subscriber_init(struct subscriber *subscriber, unsigned qos, uint32_t first_publisher,
		     uint32_t publisher_count);
void subscriber_finish(struct subscriber *subscriber);

/* Takes all that has come and sends the acknowledgements. 0, negative errno, or -EPROTO. */
int subscriber_receive(struct subscriber *subscriber, struct subscribers *shared);

#endif
