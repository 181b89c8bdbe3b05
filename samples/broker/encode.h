/* The bytes of MQTT 3.1.1 packets that a server sends, written to memory of the caller. Knows no
 * connections; each function returns how many bytes it wrote. */
#ifndef BROKER_ENCODE_H
#define BROKER_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/packet.h"

enum {
	ENCODE_SUBACK_FAILURE = 0x80,

	ENCODE_FIXED_HEADER_MAX = 5,
	ENCODE_PUBLISH_HEAD_MAX = ENCODE_FIXED_HEADER_MAX + 2,
	ENCODE_ID_SIZE = 2,
	ENCODE_ACKNOWLEDGEMENT_SIZE = 4,
	ENCODE_CONNACK_SIZE = 4,
	ENCODE_PINGRESP_SIZE = 2,
	ENCODE_SUBACK_HEAD_MAX = ENCODE_FIXED_HEADER_MAX + ENCODE_ID_SIZE,

	ENCODE_REMAINING_MAX = 268435455,
};

/* Type, flags and remaining length. */
size_t encode_fixed_header(uint8_t to[static ENCODE_FIXED_HEADER_MAX], uint8_t first,
			   uint32_t remaining);

/* A PUBLISH goes out in pieces, so that topic and payload are shared by all subscribers:
 *
 *	[head] [topic] [id, if QoS > 0] [payload]
 *
 * Only head and id are made for each of them. The head ends with the length of the topic. */
struct publish_head {
	uint8_t qos;
	bool duplicate;
	bool retain;
	uint16_t topic_bytes;
	uint32_t payload_bytes;
};
size_t encode_publish_head(uint8_t to[static ENCODE_PUBLISH_HEAD_MAX],
			   const struct publish_head *head);
size_t encode_id(uint8_t to[static ENCODE_ID_SIZE], uint16_t id);

/* All of the packet, id included; what encode_publish_head() will announce. */
size_t encode_publish_size(const struct publish_head *head);

/* PUBACK, PUBREC, PUBREL, PUBCOMP and UNSUBACK. */
size_t encode_acknowledgement(uint8_t to[static ENCODE_ACKNOWLEDGEMENT_SIZE], enum packet_type type,
			      uint16_t id);

size_t encode_connack(uint8_t to[static ENCODE_CONNACK_SIZE], enum connack_code code,
		      bool session_present);
size_t encode_pingresp(uint8_t to[static ENCODE_PINGRESP_SIZE]);

/* A byte for each filter follows: the granted QoS, or ENCODE_SUBACK_FAILURE. */
size_t encode_suback_head(uint8_t to[static ENCODE_SUBACK_HEAD_MAX], uint16_t id,
			  uint32_t filter_count);

#endif
