/* The packets of an MQTT 3.1.1 client as bytes, for tests and load. Shares no code with the broker,
 * so that the two check each other; knows no sockets. */
#include "tests/support/mqtt_client.h"

#include <string.h>

static uint8_t *put_number(uint8_t *at, size_t number)
{
	*at++ = (uint8_t)(number / 256);
	*at++ = (uint8_t)(number % 256);
	return at;
}

static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t size)
{
	if (size)
		memcpy(at, bytes, size);
	return at + size;
}

static uint8_t *put_text(uint8_t *at, const char *text)
{
	size_t size = text ? strlen(text) : 0;

	return put_bytes(put_number(at, size), text, size);
}

static size_t text_size(const char *text)
{
	return 2 + (text ? strlen(text) : 0);
}

static uint8_t *put_header(uint8_t *at, uint8_t first, size_t remaining)
{
	*at++ = first;
	for (; remaining >= 128; remaining /= 128)
		*at++ = (uint8_t)(128 + remaining % 128);
	*at++ = (uint8_t)remaining;
	return at;
}

size_t mqtt_client_connect(uint8_t *to, const struct mqtt_connect *connect)
{
	size_t remaining = 10 + text_size(connect->client_id);
	uint8_t flags = connect->keep_session ? 0 : 0x02;
	uint8_t *at;

	if (connect->will_topic) {
		remaining += text_size(connect->will_topic) + text_size(connect->will_payload);
		flags |= 0x04 | connect->will_qos << 3 | (connect->will_retain ? 0x20 : 0);
	}
	if (connect->user) {
		remaining += text_size(connect->user);
		flags |= 0x80;
	}
	if (connect->password) {
		remaining += text_size(connect->password);
		flags |= 0x40;
	}

	at = put_header(to, 0x10, remaining);
	at = put_text(at, "MQTT");
	*at++ = 4;
	*at++ = flags;
	at = put_number(at, connect->keep_alive_seconds);
	at = put_text(at, connect->client_id);
	if (connect->will_topic)
		at = put_text(put_text(at, connect->will_topic), connect->will_payload);
	if (connect->user)
		at = put_text(at, connect->user);
	if (connect->password)
		at = put_text(at, connect->password);
	return (size_t)(at - to);
}

size_t mqtt_client_publish(uint8_t *to, const struct mqtt_publish *publish)
{
	size_t remaining =
		text_size(publish->topic) + (publish->qos ? 2 : 0) + publish->payload_bytes;
	uint8_t flags = (uint8_t)(publish->duplicate << 3 | publish->qos << 1 | publish->retain);
	uint8_t *at = put_text(put_header(to, 0x30 | flags, remaining), publish->topic);

	if (publish->qos)
		at = put_number(at, publish->id);
	return (size_t)(put_bytes(at, publish->payload, publish->payload_bytes) - to);
}

size_t mqtt_client_subscribe(uint8_t *to, uint16_t id, const char *filter, uint8_t qos)
{
	uint8_t *at = put_header(to, 0x82, 2 + text_size(filter) + 1);

	at = put_text(put_number(at, id), filter);
	*at++ = qos;
	return (size_t)(at - to);
}

size_t mqtt_client_unsubscribe(uint8_t *to, uint16_t id, const char *filter)
{
	uint8_t *at = put_header(to, 0xa2, 2 + text_size(filter));

	return (size_t)(put_text(put_number(at, id), filter) - to);
}

static size_t acknowledge(uint8_t *to, uint8_t first, uint16_t id)
{
	return (size_t)(put_number(put_header(to, first, 2), id) - to);
}

size_t mqtt_client_puback(uint8_t *to, uint16_t id)
{
	return acknowledge(to, 0x40, id);
}

size_t mqtt_client_pubrec(uint8_t *to, uint16_t id)
{
	return acknowledge(to, 0x50, id);
}

size_t mqtt_client_pubrel(uint8_t *to, uint16_t id)
{
	return acknowledge(to, 0x62, id);
}

size_t mqtt_client_pubcomp(uint8_t *to, uint16_t id)
{
	return acknowledge(to, 0x70, id);
}

size_t mqtt_client_pingreq(uint8_t *to)
{
	return (size_t)(put_header(to, 0xc0, 0) - to);
}

size_t mqtt_client_disconnect(uint8_t *to)
{
	return (size_t)(put_header(to, 0xe0, 0) - to);
}
