/* MQTT 3.1.1 control packets: what one says, and why one is refused. Knows no connections and no
 * sessions. */
#include "broker/packet.h"

#include <errno.h>

enum {
	PROTOCOL_LEVEL = 4,

	CONNECT_RESERVED = 0x01,
	CONNECT_CLEAN = 0x02,
	CONNECT_WILL = 0x04,
	CONNECT_WILL_QOS = 0x18,
	CONNECT_WILL_RETAIN = 0x20,
	CONNECT_PASSWORD = 0x40,
	CONNECT_USER = 0x80,

	PUBLISH_RETAIN = 0x01,
	PUBLISH_QOS = 0x06,
	PUBLISH_DUPLICATE = 0x08,
};

static int refuse(struct refusal *ret_refusal, const char *reason)
{
	*ret_refusal = (struct refusal){.reason = reason};
	return -EPROTO;
}

static int refuse_telling(struct refusal *ret_refusal, enum connack_code code, const char *reason)
{
	*ret_refusal = (struct refusal){.reason = reason, .connack = code};
	return -EPROTO;
}

/* The take_* functions move `rest` forward past what they return; false if it is too short. */
static bool take_bytes(struct span *rest, size_t size, struct span *ret_bytes)
{
	if (rest->size < size)
		return false;
	*ret_bytes = (struct span){rest->at, size};
	rest->at += size;
	rest->size -= size;
	return true;
}

static bool take_byte(struct span *rest, uint8_t *ret_value)
{
	struct span one;

	if (!take_bytes(rest, 1, &one))
		return false;
	*ret_value = one.at[0];
	return true;
}

static bool take_number(struct span *rest, uint16_t *ret_value)
{
	struct span two;

	if (!take_bytes(rest, 2, &two))
		return false;
	*ret_value = (uint16_t)(two.at[0] << 8 | two.at[1]);
	return true;
}

static bool take_prefixed(struct span *rest, struct span *ret_bytes)
{
	uint16_t size;

	return take_number(rest, &size) && take_bytes(rest, size, ret_bytes);
}

const char *packet_first_byte_fault(uint8_t first)
{
	uint8_t flags = first & 0x0f;

	switch (packet_type_of(first)) {
	case PACKET_PUBLISH:
		if ((flags & PUBLISH_QOS) == PUBLISH_QOS)
			return "QoS is 3";
		if ((flags & PUBLISH_DUPLICATE) && !(flags & PUBLISH_QOS))
			return "DUP is set at QoS 0";
		return NULL;
	case PACKET_PUBREL:
	case PACKET_SUBSCRIBE:
	case PACKET_UNSUBSCRIBE:
		return flags == 0x02 ? NULL : "reserved flags are wrong";
	case PACKET_CONNECT:
	case PACKET_CONNACK:
	case PACKET_PUBACK:
	case PACKET_PUBREC:
	case PACKET_PUBCOMP:
	case PACKET_SUBACK:
	case PACKET_UNSUBACK:
	case PACKET_PINGREQ:
	case PACKET_PINGRESP:
	case PACKET_DISCONNECT:
		return flags ? "reserved flags are wrong" : NULL;
	}
	return "packet type is reserved";
}

static const char *connect_flags_fault(uint8_t flags)
{
	if (flags & CONNECT_RESERVED)
		return "reserved connect flag is set";
	if ((flags & CONNECT_WILL_QOS) == CONNECT_WILL_QOS)
		return "will QoS is 3";
	if (!(flags & CONNECT_WILL) && (flags & (CONNECT_WILL_QOS | CONNECT_WILL_RETAIN)))
		return "will flags without a will";
	if (!(flags & CONNECT_USER) && (flags & CONNECT_PASSWORD))
		return "password without a user name";
	return NULL;
}

/* Protocol name and level come first in every version: whatever follows them in another version
 * is not looked at. */
static int parse_protocol(struct span *rest, struct refusal *ret_refusal)
{
	struct span name;
	uint8_t level;

	if (!take_prefixed(rest, &name) || !take_byte(rest, &level))
		return refuse(ret_refusal, "packet is too short");
	if (span_equal(name, span_of("MQIsdp")))
		return refuse_telling(ret_refusal, CONNACK_BAD_PROTOCOL, "protocol is MQTT 3.1");
	if (!span_equal(name, span_of("MQTT")))
		return refuse(ret_refusal, "protocol is not MQTT");
	if (level != PROTOCOL_LEVEL)
		return refuse_telling(ret_refusal, CONNACK_BAD_PROTOCOL, "protocol level is not 4");
	return 0;
}

/* The fields after the fixed part, in the order of the standard. */
static bool take_connect_payload(struct span *rest, struct packet_connect *connect)
{
	if (!take_prefixed(rest, &connect->client_id))
		return false;
	if (connect->has_will && (!take_prefixed(rest, &connect->will_topic) ||
				  !take_prefixed(rest, &connect->will_payload)))
		return false;
	if (connect->has_user && !take_prefixed(rest, &connect->user))
		return false;
	return !connect->has_password || take_prefixed(rest, &connect->password);
}

static const char *connect_texts_fault(const struct packet_connect *connect,
				       const struct packet_limits *limits)
{
	const char *fault = text_fault(connect->client_id);

	if (!fault && connect->has_will)
		fault = topic_name_fault(connect->will_topic, &limits->topic);
	if (!fault && connect->has_user)
		fault = text_fault(connect->user);
	return fault;
}

static int parse_connect(struct span rest, const struct packet_limits *limits,
			 struct packet_connect *connect, struct refusal *ret_refusal)
{
	uint8_t flags;
	const char *fault;
	int err = parse_protocol(&rest, ret_refusal);

	if (err)
		return err;
	if (!take_byte(&rest, &flags) || !take_number(&rest, &connect->keep_alive_seconds))
		return refuse(ret_refusal, "packet is too short");
	fault = connect_flags_fault(flags);
	if (fault)
		return refuse(ret_refusal, fault);

	connect->clean_session = flags & CONNECT_CLEAN;
	connect->has_will = flags & CONNECT_WILL;
	connect->will_qos = (flags & CONNECT_WILL_QOS) >> 3;
	connect->will_retain = flags & CONNECT_WILL_RETAIN;
	connect->has_user = flags & CONNECT_USER;
	connect->has_password = flags & CONNECT_PASSWORD;

	if (!take_connect_payload(&rest, connect))
		return refuse(ret_refusal, "packet is too short");
	if (rest.size)
		return refuse(ret_refusal, "packet has bytes after its end");
	fault = connect_texts_fault(connect, limits);
	if (fault)
		return refuse(ret_refusal, fault);

	if (!connect->client_id.size && !connect->clean_session)
		return refuse_telling(ret_refusal, CONNACK_BAD_CLIENT_ID,
				      "client id is empty but the session is to be kept");
	if (limits->client_id_bytes && connect->client_id.size > limits->client_id_bytes)
		return refuse_telling(ret_refusal, CONNACK_BAD_CLIENT_ID,
				      "client id is longer than allowed");
	return 0;
}

static int take_id(struct span *rest, uint16_t *ret_id, struct refusal *ret_refusal)
{
	if (!take_number(rest, ret_id))
		return refuse(ret_refusal, "packet is too short");
	if (!*ret_id)
		return refuse(ret_refusal, "packet id is 0");
	return 0;
}

static int parse_publish(const struct frame *frame, const struct packet_limits *limits,
			 struct packet *packet, struct refusal *ret_refusal)
{
	struct packet_publish *publish = &packet->publish;
	struct span rest = frame->body;
	const char *fault;

	publish->qos = (frame->first & PUBLISH_QOS) >> 1;
	publish->duplicate = frame->first & PUBLISH_DUPLICATE;
	publish->retain = frame->first & PUBLISH_RETAIN;

	if (!take_prefixed(&rest, &publish->topic))
		return refuse(ret_refusal, "packet is too short");
	fault = topic_name_fault(publish->topic, &limits->topic);
	if (fault)
		return refuse(ret_refusal, fault);
	if (publish->qos) {
		int err = take_id(&rest, &packet->id, ret_refusal);
		if (err)
			return err;
	}
	publish->payload = rest;
	return 0;
}

static int parse_acknowledgement(struct span rest, struct packet *packet,
				 struct refusal *ret_refusal)
{
	int err = take_id(&rest, &packet->id, ret_refusal);

	if (err)
		return err;
	return rest.size ? refuse(ret_refusal, "packet has bytes after its end") : 0;
}

static int parse_filters(struct span rest, const struct packet_limits *limits,
			 struct packet *packet, struct refusal *ret_refusal)
{
	int err = take_id(&rest, &packet->id, ret_refusal);

	if (err)
		return err;
	if (!rest.size)
		return refuse(ret_refusal, "packet names no filter");

	packet->filters = rest;
	while (rest.size) {
		struct span filter;
		uint8_t qos = 0;

		if (!take_prefixed(&rest, &filter) ||
		    (packet->type == PACKET_SUBSCRIBE && !take_byte(&rest, &qos)))
			return refuse(ret_refusal, "packet is too short");
		const char *fault = topic_filter_fault(filter, &limits->topic);
		if (fault)
			return refuse(ret_refusal, fault);
		if (qos > 3)
			return refuse(ret_refusal, "reserved bits of a requested QoS are set");
		if (qos == 3)
			return refuse(ret_refusal, "requested QoS is 3");
	}
	return 0;
}

int packet_parse(const struct frame *frame, const struct packet_limits *limits,
		 struct packet *ret_packet, struct refusal *ret_refusal)
{
	const char *fault = packet_first_byte_fault(frame->first);

	if (fault)
		return refuse(ret_refusal, fault);

	*ret_packet = (struct packet){.type = packet_type_of(frame->first)};
	switch (ret_packet->type) {
	case PACKET_CONNECT:
		return parse_connect(frame->body, limits, &ret_packet->connect, ret_refusal);
	case PACKET_PUBLISH:
		return parse_publish(frame, limits, ret_packet, ret_refusal);
	case PACKET_PUBACK:
	case PACKET_PUBREC:
	case PACKET_PUBREL:
	case PACKET_PUBCOMP:
		return parse_acknowledgement(frame->body, ret_packet, ret_refusal);
	case PACKET_SUBSCRIBE:
	case PACKET_UNSUBSCRIBE:
		return parse_filters(frame->body, limits, ret_packet, ret_refusal);
	case PACKET_PINGREQ:
	case PACKET_DISCONNECT:
		return frame->body.size ? refuse(ret_refusal, "packet has bytes after its end") : 0;
	case PACKET_CONNACK:
	case PACKET_SUBACK:
	case PACKET_UNSUBACK:
	case PACKET_PINGRESP:
		break;
	}
	return refuse(ret_refusal, "only a server sends this packet");
}

bool packet_next_subscription(struct span *filters, struct span *ret_filter, uint8_t *ret_qos)
{
	return take_prefixed(filters, ret_filter) && take_byte(filters, ret_qos);
}

bool packet_next_filter(struct span *filters, struct span *ret_filter)
{
	return take_prefixed(filters, ret_filter);
}
