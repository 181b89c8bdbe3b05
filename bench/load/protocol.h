/* What clients speak with a broker: MQTT, or NATS's own protocol. Knows no sockets, but for finding
 * out which of the two a server speaks. */
#ifndef BENCH_LOAD_PROTOCOL_H
#define BENCH_LOAD_PROTOCOL_H

#include <netinet/in.h>

#include "bench/load/packet.h"

// A whole publication and where to put in it what changes from one to the next.
struct publish_form {
	size_t size;
	size_t topic_end;
	size_t payload_at;
	size_t id_at; // 0 at QoS 0
};

struct protocol {
	const char *name;
	unsigned qos_most;
	/* All but the payload, whose place is left as it is. */
	void (*write_publish)(uint8_t *to, const char *topic, int qos, size_t payload_size,
			      struct publish_form *ret_form);
	/* As packet_read(): what needs an answer or carries a payload has the type that MQTT would
	 * give it, all else PACKET_NONE. */
	int64_t (*read)(const uint8_t *bytes, size_t size, struct packet *ret_packet);
	int (*read_publish)(const struct packet *packet, struct packet_publish *ret_publish);
	const char *pong; // answers a PACKET_PINGREQ
};

extern const struct protocol protocol_mqtt, protocol_nats;

/* A NATS server speaks first, an MQTT broker never does. Dies if it cannot connect. */
const struct protocol *protocol_of(const struct sockaddr_in *server);

#endif
