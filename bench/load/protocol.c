/* The two protocols as tables of functions, and how they are told apart. */
#include "bench/load/protocol.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/load/connection.h"
#include "bench/load/nats.h"

#define FIRST_WORD_MS 100

static void write_mqtt_publish(uint8_t *to, const char *topic, int qos, size_t payload_size,
			       struct publish_form *ret_form)
{
	size_t id_at, head = packet_write_publish_head(to, topic, qos, payload_size, &id_at);

	*ret_form = (struct publish_form){
		.size = head + payload_size,
		.topic_end = id_at ? id_at : head,
		.payload_at = head,
		.id_at = id_at,
	};
}

const struct protocol protocol_mqtt = {
	.name = "mqtt",
	.qos_most = 2,
	.write_publish = write_mqtt_publish,
	.read = packet_read,
	.read_publish = packet_read_publish,
	.pong = "\xd0", // never needed: a broker sends no PINGREQ
};

static void write_nats_publish(uint8_t *to, const char *topic, int qos, size_t payload_size,
			       struct publish_form *ret_form)
{
	size_t head = nats_write_publish_head(to, topic, payload_size);

	(void)qos;
	memcpy(to + head + payload_size, NATS_LINE_END, NATS_LINE_END_SIZE);
	*ret_form = (struct publish_form){
		.size = head + payload_size + NATS_LINE_END_SIZE,
		.topic_end = NATS_PUBLISH_TOPIC_AT + strlen(topic),
		.payload_at = head,
	};
}

const struct protocol protocol_nats = {
	.name = "nats",
	.write_publish = write_nats_publish,
	.read = nats_read,
	.read_publish = nats_read_publish,
	.pong = "PONG" NATS_LINE_END,
};

const struct protocol *protocol_of(const struct sockaddr_in *server)
{
	struct connection connection;
	char word[4];

	connection_open(&connection, server);
	struct pollfd awaited = {.fd = connection.fd, .events = POLLIN};
	bool speaks = poll(&awaited, 1, FIRST_WORD_MS) == 1 &&
		      recv(connection.fd, word, sizeof(word), 0) == sizeof(word) &&
		      memcmp(word, "INFO", sizeof(word)) == 0;
	connection_close(&connection);
	return speaks ? &protocol_nats : &protocol_mqtt;
}
