/* The bytes of MQTT 3.1.1 packets that a server sends, written to memory of the caller. Knows no
 * connections. */
#include "broker/encode.h"

#include <assert.h>

static uint8_t first_byte(enum packet_type type, uint8_t flags)
{
	return (uint8_t)(type << 4 | flags);
}

static size_t remaining_of(const struct publish_head *head)
{
	return (size_t)2 + head->topic_bytes + (head->qos ? ENCODE_ID_SIZE : 0) +
	       head->payload_bytes;
}

size_t encode_fixed_header(uint8_t to[static ENCODE_FIXED_HEADER_MAX], uint8_t first,
			   uint32_t remaining)
{
	size_t size = 0;

	assert(remaining <= ENCODE_REMAINING_MAX);
	to[size++] = first;
	while (remaining > 0x7f) {
		to[size++] = (uint8_t)(remaining | 0x80);
		remaining >>= 7;
	}
	to[size++] = (uint8_t)remaining;
	return size;
}

size_t encode_id(uint8_t to[static ENCODE_ID_SIZE], uint16_t id)
{
	to[0] = (uint8_t)(id >> 8);
	to[1] = (uint8_t)id;
	return ENCODE_ID_SIZE;
}

size_t encode_publish_head(uint8_t to[static ENCODE_PUBLISH_HEAD_MAX],
			   const struct publish_head *head)
{
	uint8_t flags = (uint8_t)(head->duplicate << 3 | head->qos << 1 | head->retain);
	size_t size;

	assert(head->qos < 3 && remaining_of(head) <= ENCODE_REMAINING_MAX);
	size = encode_fixed_header(to, first_byte(PACKET_PUBLISH, flags),
				   (uint32_t)remaining_of(head));
	return size + encode_id(to + size, head->topic_bytes);
}

size_t encode_publish_size(const struct publish_head *head)
{
	size_t remaining = remaining_of(head);
	size_t size = 2 + remaining;

	for (; remaining > 0x7f; remaining >>= 7)
		size++;
	return size;
}

size_t encode_acknowledgement(uint8_t to[static ENCODE_ACKNOWLEDGEMENT_SIZE], enum packet_type type,
			      uint16_t id)
{
	to[0] = first_byte(type, type == PACKET_PUBREL ? 0x02 : 0);
	to[1] = ENCODE_ID_SIZE;
	encode_id(to + 2, id);
	return ENCODE_ACKNOWLEDGEMENT_SIZE;
}

size_t encode_connack(uint8_t to[static ENCODE_CONNACK_SIZE], enum connack_code code,
		      bool session_present)
{
	// The standard: a refusal never says that a session is present.
	assert(!code || !session_present);
	to[0] = first_byte(PACKET_CONNACK, 0);
	to[1] = 2;
	to[2] = session_present;
	to[3] = (uint8_t)code;
	return ENCODE_CONNACK_SIZE;
}

size_t encode_pingresp(uint8_t to[static ENCODE_PINGRESP_SIZE])
{
	to[0] = first_byte(PACKET_PINGRESP, 0);
	to[1] = 0;
	return ENCODE_PINGRESP_SIZE;
}

size_t encode_suback_head(uint8_t to[static ENCODE_SUBACK_HEAD_MAX], uint16_t id,
			  uint32_t filter_count)
{
	size_t size = encode_fixed_header(to, first_byte(PACKET_SUBACK, 0),
					  ENCODE_ID_SIZE + filter_count);

	return size + encode_id(to + size, id);
}
