/* MQTT 3.1.1 control packets: what one says, and why one is refused. Knows no connections and no
 * sessions; reader.h makes frames of a stream. */
#ifndef BROKER_PACKET_H
#define BROKER_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/text.h"

enum packet_type {
	PACKET_CONNECT = 1,
	PACKET_CONNACK,
	PACKET_PUBLISH,
	PACKET_PUBACK,
	PACKET_PUBREC,
	PACKET_PUBREL,
	PACKET_PUBCOMP,
	PACKET_SUBSCRIBE,
	PACKET_SUBACK,
	PACKET_UNSUBSCRIBE,
	PACKET_UNSUBACK,
	PACKET_PINGREQ,
	PACKET_PINGRESP,
	PACKET_DISCONNECT,
};

/* The second byte of a CONNACK. */
enum connack_code {
	CONNACK_ACCEPTED,
	CONNACK_BAD_PROTOCOL,
	CONNACK_BAD_CLIENT_ID,
	CONNACK_UNAVAILABLE,
	CONNACK_BAD_PASSWORD,
	CONNACK_NOT_ALLOWED,
};

/* What one peer may send us; 0 stands for "no limit". */
struct packet_limits {
	uint32_t packet_bytes; // header included
	uint32_t client_id_bytes;
	struct topic_limits topic;
};

/* Why a peer is turned away. Its connection ends; if `connack` is not 0, it is told so first. */
struct refusal {
	const char *reason; // a constant text for the log: "packet id is 0"
	enum connack_code connack;
};

/* A whole packet as it came, without its length. */
struct frame {
	uint8_t first;    // type and flags
	bool in_place;    // `body` lies in the reader's input; else the reader gathered it
	struct span body; // see reader_next() for how long it lives
};

/* All spans point into the frame's body. */
struct packet_connect {
	struct span client_id;
	struct span will_topic;
	struct span will_payload;
	struct span user;
	struct span password;
	uint16_t keep_alive_seconds;
	uint8_t will_qos;
	bool clean_session;
	bool has_will;
	bool will_retain;
	bool has_user;
	bool has_password;
};

struct packet_publish {
	struct span topic;
	struct span payload;
	uint8_t qos;
	bool duplicate;
	bool retain;
};

struct packet {
	enum packet_type type;
	uint16_t id; // 0 where there is none
	union {
		struct packet_connect connect;
		struct packet_publish publish;
		struct span
			filters; // SUBSCRIBE, UNSUBSCRIBE: checked; walk it with packet_next_*()
	};
};

/* May a packet of this first byte come from a client or from a server at all? NULL or why not. */
const char *packet_first_byte_fault(uint8_t first);

static inline enum packet_type packet_type_of(uint8_t first)
{
	return first >> 4;
}

/* Reads what a client may send (and PUBLISH and its acknowledgements from a server), and checks
 * all that the standard asks for. Returns 0 or -EPROTO with a refusal. */
int packet_parse(const struct frame *frame, const struct packet_limits *limits,
		 struct packet *ret_packet, struct refusal *ret_refusal);

/* Takes the next filter from a parsed packet's `filters`; false at the end. */
bool packet_next_subscription(struct span *filters, struct span *ret_filter, uint8_t *ret_qos);
bool packet_next_filter(struct span *filters, struct span *ret_filter);

#endif
