/* Writes and reads MQTT 3.1.1 packets in place, without copies of payloads. */
#include "bench/load/packet.h"

#include <string.h>

#define LENGTH_BYTES_MOST 4

static uint8_t *put_u16(uint8_t *to, unsigned value)
{
	*to++ = (uint8_t)(value >> 8);
	*to++ = (uint8_t)value;
	return to;
}

static uint8_t *put_text(uint8_t *to, const char *text)
{
	size_t size = strlen(text);

	to = put_u16(to, (unsigned)size);
	memcpy(to, text, size);
	return to + size;
}

static uint8_t *put_length(uint8_t *to, size_t length)
{
	do {
		uint8_t digit = length & 0x7f;
		length >>= 7;
		*to++ = length ? digit | 0x80 : digit;
	} while (length);
	return to;
}

size_t packet_write_connect(uint8_t *to, const char *client_id)
{
	uint8_t *at = to;

	*at++ = PACKET_CONNECT << 4;
	at = put_length(at, 2 + 4 + 1 + 1 + 2 + 2 + strlen(client_id));
	at = put_text(at, "MQTT");
	*at++ = 4;           // protocol 3.1.1
	*at++ = 2;           // clean session
	at = put_u16(at, 0); // no keep-alive: a measurement sends no pings
	at = put_text(at, client_id);
	return (size_t)(at - to);
}

size_t packet_write_subscribe(uint8_t *to, uint16_t id, const char *filter, int qos)
{
	uint8_t *at = to;

	*at++ = PACKET_SUBSCRIBE << 4 | 2;
	at = put_length(at, 2 + 2 + strlen(filter) + 1);
	at = put_u16(at, id);
	at = put_text(at, filter);
	*at++ = (uint8_t)qos;
	return (size_t)(at - to);
}

size_t packet_write_publish_head(uint8_t *to, const char *topic, int qos, size_t payload_size,
				 size_t *ret_id_at)
{
	uint8_t *at = to;

	*at++ = (uint8_t)(PACKET_PUBLISH << 4 | qos << 1);
	at = put_length(at, 2 + strlen(topic) + (qos ? 2 : 0) + payload_size);
	at = put_text(at, topic);
	*ret_id_at = qos ? (size_t)(at - to) : 0;
	if (qos)
		at = put_u16(at, 0);
	return (size_t)(at - to);
}

int64_t packet_read(const uint8_t *bytes, size_t size, struct packet *ret_packet)
{
	size_t length = 0;
	size_t at = 1;
	unsigned shift = 0;

	do {
		if (at > LENGTH_BYTES_MOST)
			return -EPROTO;
		if (at >= size)
			return 0;
		length |= (size_t)(bytes[at] & 0x7f) << shift;
		shift += 7;
	} while (bytes[at++] & 0x80);

	if (size - at < length)
		return 0;

	ret_packet->type = bytes[0] >> 4;
	ret_packet->flags = bytes[0] & 0x0f;
	ret_packet->body = bytes + at;
	ret_packet->body_size = length;
	return (int64_t)(at + length);
}

int packet_read_publish(const struct packet *packet, struct packet_publish *ret_publish)
{
	const uint8_t *body = packet->body;
	uint8_t qos = packet->flags >> 1 & 3;

	if (qos == 3 || packet->body_size < 2)
		return -EPROTO;

	size_t topic_size = (size_t)body[0] << 8 | body[1];
	size_t head = 2 + topic_size + (qos ? 2 : 0);
	if (packet->body_size < head)
		return -EPROTO;

	ret_publish->qos = qos;
	ret_publish->topic = body + 2;
	ret_publish->topic_size = topic_size;
	ret_publish->id = qos ? (uint16_t)(body[head - 2] << 8 | body[head - 1]) : 0;
	ret_publish->payload = body + head;
	ret_publish->payload_size = packet->body_size - head;
	return 0;
}
