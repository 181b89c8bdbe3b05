/* Reads lines in place; a message is a line that ends with its size, and the payload behind. */
#include "bench/load/nats.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define LINE_MOST 4096

size_t nats_write_subscribe(uint8_t *to, const char *subject)
{
	return (size_t)sprintf((char *)to, "SUB %s 1\r\nPING\r\n", subject);
}

size_t nats_write_publish_head(uint8_t *to, const char *subject, size_t payload_size)
{
	char line[PACKET_OVERHEAD(LINE_MOST)];
	int size = snprintf(line, sizeof(line), "PUB %s %zu\r\n", subject, payload_size);

	memcpy(to, line, (size_t)size); // without the end of the text, where the payload begins
	return (size_t)size;
}

static bool starts_with(const uint8_t *line, size_t size, const char *word)
{
	return size >= strlen(word) && memcmp(line, word, strlen(word)) == 0;
}

// The last number of a line; that it is one is checked where the payload's end is.
static size_t last_number(const uint8_t *line, size_t size)
{
	size_t value = 0, by = 1;

	while (size && line[--size] >= '0' && line[size] <= '9') {
		value += by * (size_t)(line[size] - '0');
		by *= 10;
	}
	return value;
}

int64_t nats_read(const uint8_t *bytes, size_t size, struct packet *ret_packet)
{
	const uint8_t *end = memchr(bytes, '\n', size < LINE_MOST ? size : LINE_MOST);
	if (!end)
		return size < LINE_MOST ? 0 : -EPROTO;

	size_t line = (size_t)(end - bytes) + 1;
	*ret_packet = (struct packet){.body = bytes, .body_size = line};
	if (line < NATS_LINE_END_SIZE || end[-1] != '\r' || starts_with(bytes, line, "-ERR"))
		return -EPROTO;
	if (starts_with(bytes, line, "PING"))
		ret_packet->type = PACKET_PINGREQ;
	if (!starts_with(bytes, line, "MSG "))
		return (int64_t)line;

	size_t whole = line + last_number(bytes, line - NATS_LINE_END_SIZE) + NATS_LINE_END_SIZE;
	if (size < whole)
		return 0;
	if (memcmp(bytes + whole - NATS_LINE_END_SIZE, NATS_LINE_END, NATS_LINE_END_SIZE) != 0)
		return -EPROTO;
	ret_packet->type = PACKET_PUBLISH;
	ret_packet->body_size = whole;
	return (int64_t)whole;
}

int nats_read_publish(const struct packet *packet, struct packet_publish *ret_publish)
{
	const uint8_t *topic = packet->body + strlen("MSG ");
	size_t rest = packet->body_size - strlen("MSG ");
	const uint8_t *topic_end = memchr(topic, ' ', rest);
	const uint8_t *line_end = memchr(topic, '\n', rest);

	if (!topic_end || topic_end > line_end)
		return -EPROTO;
	*ret_publish = (struct packet_publish){
		.topic = topic,
		.topic_size = (size_t)(topic_end - topic),
		.payload = line_end + 1,
		.payload_size = (size_t)(packet->body + packet->body_size - line_end - 1) -
				NATS_LINE_END_SIZE,
	};
	return 0;
}
