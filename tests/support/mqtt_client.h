/* The packets of an MQTT 3.1.1 client as bytes, for tests and load. Shares no code with the broker,
 * so that the two check each other; knows no sockets. Each function returns how many bytes it
 * wrote to `to`, which must have the room. */
#ifndef TESTS_SUPPORT_MQTT_CLIENT_H
#define TESTS_SUPPORT_MQTT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mqtt_connect {
	const char *client_id; // NULL is the empty one
	bool keep_session;     // clean session 0
	uint16_t keep_alive_seconds;
	const char *will_topic; // NULL: no will
	const char *will_payload;
	uint8_t will_qos;
	bool will_retain;
	const char *user;
	const char *password;
};
size_t mqtt_client_connect(uint8_t *to, const struct mqtt_connect *connect);

struct mqtt_publish {
	const char *topic;
	const void *payload;
	size_t payload_bytes;
	uint16_t id; // where qos > 0
	uint8_t qos;
	bool retain;
	bool duplicate;
};
size_t mqtt_client_publish(uint8_t *to, const struct mqtt_publish *publish);

size_t mqtt_client_subscribe(uint8_t *to, uint16_t id, const char *filter, uint8_t qos);
size_t mqtt_client_unsubscribe(uint8_t *to, uint16_t id, const char *filter);
size_t mqtt_client_puback(uint8_t *to, uint16_t id);
size_t mqtt_client_pubrec(uint8_t *to, uint16_t id);
size_t mqtt_client_pubrel(uint8_t *to, uint16_t id);
size_t mqtt_client_pubcomp(uint8_t *to, uint16_t id);
size_t mqtt_client_pingreq(uint8_t *to);
size_t mqtt_client_disconnect(uint8_t *to);

#endif
