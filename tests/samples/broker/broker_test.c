/* The broker as a whole in a simulated runtime, whose clients are the root: every schedule of its
 * actors that a seed makes, hours that pass in no time, and parts that fail. */
#include <stdio.h>
#include <string.h>

#include <noh/noh.h>

#include "broker/connection.h"
#include "broker/packet.h"
#include "broker/parts.h"
#include "tests/support/mqtt_client.h"
#include "tests/support/seeds.h"

enum { PATIENCE_MS = 60000, CLIENTS = 4, SESSION_MS = 3600 * 1000 };

// ---- clients

struct client {
	noh_conn conn;
	bool ended;
	size_t size;
	uint8_t got[64 * 1024];
};

struct received {
	uint8_t first;
	uint16_t id;      // of an acknowledgement, or of a PUBLISH
	uint8_t second;   // of a CONNACK: the code; of a SUBACK: the QoS
	bool present;     // of a CONNACK
	char payload[64]; // of a PUBLISH
};

static struct broker broker;
static int port;
static struct client clients[CLIENTS];

static void start(void)
{
	struct connection fresh = {.broker = &broker};
	noh_actor listener;

	broker = (struct broker){
		.limits = {.packet = {.packet_bytes = 1 << 20},
			   .outbox = {.messages = 1000,
				      .bytes = 1 << 20,
				      .in_flight = 20,
				      .retained = 100},
			   .unsent_bytes = 256 * 1024,
			   .retained = 100,
			   .subscriptions = 10,
			   .sessions = 10,
			   .session_ms = SESSION_MS,
			   .connect_ms = 10000,
			   .keep_alive_percent = 150,
			   .log_lines = 10},
		.key = {{1, 2}},
	};
	memset(clients, 0, sizeof(clients));
	parts_start(&broker);
	noh_check(!noh_tcp_listen(&listener, .serve = &connection_actor, .state = &fresh));
	port = noh_tcp_port(listener);
}

static struct client *client_of(noh_conn conn)
{
	for (int i = 0; i < CLIENTS; i++) {
		if (clients[i].conn.id == conn.id)
			return &clients[i];
	}
	return NULL;
}

/* Waits for one message and notes it; false if none came in time. */
static bool hear(int64_t within_ms)
{
	const struct noh_delivery *in =
		noh_receive(within_ms, noh_tcp_opened, noh_tcp_data, noh_tcp_closed);
	const struct noh_tcp_data *data = noh_as(in, noh_tcp_data);
	const struct noh_tcp_closed *closed = noh_as(in, noh_tcp_closed);
	struct client *client;

	if (data && (client = client_of(data->conn))) {
		noh_check(client->size + data->bytes.size <= sizeof(client->got));
		memcpy(client->got + client->size, data->bytes.at, data->bytes.size);
		client->size += data->bytes.size;
	}
	if (closed && (client = client_of(closed->conn)))
		client->ended = true;
	return in;
}

static void send_bytes(struct client *client, const uint8_t *bytes, size_t size)
{
	noh_tcp_write(client->conn, noh_bytes_copy(bytes, size));
}

/* The next packet is whole: its size, else 0. All here are shorter than 128 bytes. */
static size_t whole(const struct client *client)
{
	if (client->size < 2 || client->size < 2u + client->got[1])
		return 0;
	return 2u + client->got[1];
}

static struct received next(struct client *client)
{
	struct received packet = {0};
	const uint8_t *at = client->got + 2;
	size_t size;

	while (!(size = whole(client)))
		noh_check(hear(PATIENCE_MS) && !client->ended);
	packet.first = client->got[0];
	if (packet.first >> 4 == PACKET_PUBLISH) {
		size_t start = 2u + (size_t)(at[0] << 8 | at[1]);
		if (packet.first & 6) {
			packet.id = (uint16_t)(at[start] << 8 | at[start + 1]);
			start += 2;
		}
		snprintf(packet.payload, sizeof(packet.payload), "%.*s", (int)(size - 2 - start),
			 at + start);
	} else if (packet.first >> 4 == PACKET_CONNACK) {
		packet.present = at[0];
		packet.second = at[1];
	} else if (size >= 4) {
		packet.id = (uint16_t)(at[0] << 8 | at[1]);
		packet.second = size > 4 ? at[2] : 0;
	}
	client->size -= size;
	memmove(client->got, client->got + size, client->size);
	return packet;
}

static void expect(struct client *client, enum packet_type type, uint16_t id)
{
	struct received packet = next(client);

	if (packet.first >> 4 != (int)type || packet.id != id)
		noh_fail("wanted packet type %d of id %d, got %d of %d", type, id,
			 packet.first >> 4, packet.id);
}

static void dial(struct client *client)
{
	memset(client, 0, sizeof(*client)); // too large to be made on the stack first
	client->conn = noh_tcp_connect(.host = "127.0.0.1", .port = (uint16_t)port);
}

static void send_connect(struct client *client, const char *name, bool keep)
{
	struct mqtt_connect connect = {.client_id = name, .keep_session = keep};
	uint8_t bytes[256];

	send_bytes(client, bytes, mqtt_client_connect(bytes, &connect));
}

/* Returns whether a session was present. */
static bool enter(struct client *client, const char *name, bool keep)
{
	struct received packet;

	dial(client);
	send_connect(client, name, keep);
	packet = next(client);
	noh_check(packet.first == PACKET_CONNACK << 4 && !packet.second);
	return packet.present;
}

static void subscribe_to(struct client *client, const char *filter, uint8_t qos)
{
	uint8_t bytes[256];

	send_bytes(client, bytes, mqtt_client_subscribe(bytes, 1, filter, qos));
	expect(client, PACKET_SUBACK, 1);
}

static void publish_number(struct client *client, const char *topic, uint8_t qos, int number)
{
	uint8_t bytes[256];
	char payload[16];
	struct mqtt_publish publish = {
		.topic = topic, .payload = payload, .id = (uint16_t)(number + 1), .qos = qos};

	publish.payload_bytes = (size_t)snprintf(payload, sizeof(payload), "%d", number);
	send_bytes(client, bytes, mqtt_client_publish(bytes, &publish));
}

static void acknowledge(struct client *client, size_t (*write)(uint8_t *to, uint16_t id),
			uint16_t id)
{
	uint8_t bytes[8];

	send_bytes(client, bytes, write(bytes, id));
}

/* The next message's number; whatever handshake it asks for is done. Answers to other questions
 * that come before it are left out. */
static int next_number(struct client *client)
{
	struct received packet = next(client);

	while (packet.first >> 4 != PACKET_PUBLISH) {
		if (packet.first >> 4 == PACKET_PUBREL)
			acknowledge(client, mqtt_client_pubcomp, packet.id);
		packet = next(client);
	}
	if (packet.first & 2)
		acknowledge(client, mqtt_client_puback, packet.id);
	if (packet.first & 4)
		acknowledge(client, mqtt_client_pubrec, packet.id);
	return atoi(packet.payload);
}

static void expect_end(struct client *client)
{
	while (!client->ended)
		noh_check(hear(PATIENCE_MS));
}

static void leave(struct client *client)
{
	noh_tcp_close(client->conn);
}

// ---- what holds in every schedule

Simulated(broker, keeps_the_order_of_a_topic_across_its_qualities)
{
	struct client *publisher = &clients[0], *reader = &clients[1], *other = &clients[2];

	start();
	enter(publisher, "publisher", false);
	enter(reader, "reader", false);
	enter(other, "other", false);
	subscribe_to(reader, "a/+", 2);
	subscribe_to(other, "a/b", 1);

	for (int i = 0; i < 60; i++)
		publish_number(publisher, "a/b", (uint8_t)(i % 3), i);

	for (int i = 0; i < 60; i++) {
		noh_check(next_number(reader) == i);
		noh_check(next_number(other) == i);
	}
}

Simulated(broker, acknowledges_in_the_order_of_what_was_published)
{
	struct client *publisher = &clients[0];

	start();
	enter(publisher, "publisher", false);
	for (int i = 0; i < 40; i++)
		publish_number(publisher, i % 3 ? "a" : "b", 1, i);

	for (int i = 0; i < 40; i++)
		expect(publisher, PACKET_PUBACK, (uint16_t)(i + 1));
}

Simulated(broker, loses_nothing_when_the_newest_of_three_takes_over)
{
	struct client *publisher = &clients[0];

	start();
	enter(publisher, "publisher", false);
	enter(&clients[1], "reader", true);
	subscribe_to(&clients[1], "a", 1);
	publish_number(publisher, "a", 1, 0);
	noh_check(next_number(&clients[1]) == 0);

	for (int i = 2; i < CLIENTS; i++) {
		dial(&clients[i]);
		send_connect(&clients[i], "reader", true);
		publish_number(publisher, "a", 1, i - 1);
	}
	expect_end(&clients[1]);

	// Whichever came last has the session, and sees what the others have not acknowledged.
	while (!clients[2].ended && !clients[3].ended)
		noh_check(hear(PATIENCE_MS));
	struct client *last = clients[2].ended ? &clients[3] : &clients[2];
	struct received packet = next(last);
	noh_check(packet.first == PACKET_CONNACK << 4 && packet.present);
	noh_check(next_number(last) == 1);
	noh_check(next_number(last) == 2);
}

Simulated(broker, parts_with_a_client_that_goes_while_its_session_is_sought)
{
	start();
	for (int i = 0; i < 5; i++) {
		dial(&clients[0]);
		send_connect(&clients[0], "hasty", true);
		noh_sleep(i);
		leave(&clients[0]);
	}
	enter(&clients[1], "hasty", true);
	subscribe_to(&clients[1], "a", 0);
	publish_number(&clients[1], "a", 0, 7);
	noh_check(next_number(&clients[1]) == 7);
}

// ---- time

Simulated(broker, keeps_a_session_as_long_as_it_says)
{
	start();
	noh_check(!enter(&clients[0], "away", true));
	leave(&clients[0]);
	noh_test_advance(SESSION_MS - 60000);
	noh_check(enter(&clients[0], "away", true));
	leave(&clients[0]);
	noh_test_advance(SESSION_MS + 1);
	noh_check(!enter(&clients[0], "away", true));
	noh_test_advance(SESSION_MS * 2); // while it is there nothing is forgotten
	noh_check(!clients[0].ended);
	leave(&clients[0]);
	noh_check(enter(&clients[1], "away", true));
}

Simulated(broker, waits_for_connect_only_so_long)
{
	int64_t start_ms;

	start();
	dial(&clients[0]);
	start_ms = noh_now_ms();
	expect_end(&clients[0]);
	noh_check(noh_now_ms() >= start_ms + 10000 && noh_now_ms() < start_ms + 10100);
}

// ---- failures

/* Whatever part fails: all clients are told by the end of their connections, and begin anew. */
static void begins_anew_after(noh_actor *part)
{
	start();
	enter(&clients[0], "publisher", true);
	enter(&clients[1], "reader", true);
	subscribe_to(&clients[1], "a", 1);
	publish_number(&clients[0], "a", 1, 1);

	noh_kill(*part);
	expect_end(&clients[0]);
	expect_end(&clients[1]);

	noh_check(!enter(&clients[2], "publisher", true));
	noh_check(!enter(&clients[3], "reader", true));
	subscribe_to(&clients[3], "a", 1);
	publish_number(&clients[2], "a", 1, 2);
	noh_check(next_number(&clients[3]) == 2);
}

Simulated(broker, begins_anew_when_the_directory_has_failed)
{
	begins_anew_after(&broker.directory);
}

Simulated(broker, begins_anew_when_a_router_has_failed)
{
	begins_anew_after(&broker.routers[0]);
}

Simulated(broker, goes_on_when_the_journal_has_failed)
{
	static const uint8_t nonsense[] = {0xff, 0xff};

	start();
	enter(&clients[0], "lasting", false);
	noh_kill(broker.journal);
	dial(&clients[1]);
	send_bytes(&clients[1], nonsense, sizeof(nonsense));
	expect_end(&clients[1]);

	subscribe_to(&clients[0], "a", 0);
	publish_number(&clients[0], "a", 0, 3);
	noh_check(next_number(&clients[0]) == 3);
}

// ---- limits

Simulated(broker, turns_away_who_subscribes_to_too_much)
{
	char filter[16];

	start();
	enter(&clients[0], "eager", false);
	for (int i = 0; i < 10; i++) {
		snprintf(filter, sizeof(filter), "a/%d", i);
		subscribe_to(&clients[0], filter, 0);
	}
	uint8_t bytes[64];
	send_bytes(&clients[0], bytes, mqtt_client_subscribe(bytes, 2, "one/more", 0));
	expect_end(&clients[0]);
}
