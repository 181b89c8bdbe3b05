/* MQTT 3.1.1 packets as a client needs them, to bytes and back. Knows no sockets. */
#ifndef BENCH_LOAD_PACKET_H
#define BENCH_LOAD_PACKET_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

enum packet_type {
	PACKET_NONE,
	PACKET_CONNECT,
	PACKET_CONNACK,
	PACKET_PUBLISH,
	PACKET_PUBACK,
	PACKET_PUBREC,
	PACKET_PUBREL,
	PACKET_PUBCOMP,
	PACKET_SUBSCRIBE,
	PACKET_SUBACK,
	PACKET_PINGREQ = 12,
};

// A packet in place: `body` is what follows the remaining length, in the reader's buffer.
struct packet {
	uint8_t type;
	uint8_t flags;
	const uint8_t *body;
	size_t body_size;
};

struct packet_publish {
	const uint8_t *topic, *payload;
	size_t topic_size, payload_size;
	uint16_t id; // 0 at QoS 0
	uint8_t qos;
};

// What a packet with a topic or client id of that size takes at most beside its payload.
#define PACKET_OVERHEAD(text_size) ((text_size) + 32)

/* The writers return the bytes written; `to` has room (PACKET_OVERHEAD). */
size_t packet_write_connect(uint8_t *to, const char *client_id);
size_t packet_write_subscribe(uint8_t *to, uint16_t id, const char *filter, int qos);

/* All of a PUBLISH up to its payload. Where the packet id belongs at QoS 1 and 2 is told by
 * `ret_id_at`, 0 at QoS 0. */
size_t packet_write_publish_head(uint8_t *to, const char *topic, int qos, size_t payload_size,
				 size_t *ret_id_at);

/* PUBACK, PUBREC, PUBREL or PUBCOMP: always 4 bytes. */
#define PACKET_ACK_SIZE 4
static inline void packet_write_ack(uint8_t *to, enum packet_type type, uint16_t id)
{
	to[0] = (uint8_t)(type << 4 | (type == PACKET_PUBREL ? 2 : 0));
	to[1] = 2;
	to[2] = (uint8_t)(id >> 8);
	to[3] = (uint8_t)id;
}

/* Returns the size of the packet that `bytes` starts with, 0 if it is not whole yet, -EPROTO if
 * its length cannot be one. */
int64_t packet_read(const uint8_t *bytes, size_t size, struct packet *ret_packet);

/* Returns 0, or -EPROTO if it is too short or its QoS is 3. */
int packet_read_publish(const struct packet *packet, struct packet_publish *ret_publish);

/* The packet id of an acknowledgement, or -EPROTO. */
static inline int packet_ack_id(const struct packet *packet)
{
	return packet->body_size == 2 ? packet->body[0] << 8 | packet->body[1] : -EPROTO;
}

#endif
