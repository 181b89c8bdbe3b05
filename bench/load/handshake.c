/* Blocking, in waves: simple, and quick because the answers of a wave are awaited together. */
#include "bench/load/handshake.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load/nats.h"
#include "bench/load/packet.h"

// Fewer than the backlog of any server's listener, so that no connect is left to a retry.
#define WAVE 50

static void send_all(struct connection *connection, const uint8_t *bytes, size_t size)
{
	while (size) {
		ssize_t sent = send(connection->fd, bytes, size, MSG_NOSIGNAL);
		if (sent < 0)
			die("the server does not take the handshake: %s", strerror(errno));
		bytes += sent;
		size -= (size_t)sent;
	}
}

static void await(struct connection *connection, unsigned number, const char *answer,
		  uint8_t *bytes, size_t size)
{
	size_t got = 0;

	while (got < size) {
		ssize_t more = recv(connection->fd, bytes + got, size - got, 0);
		if (more == 0)
			die("client %u: the server closed the connection instead of a %s", number,
			    answer);
		if (more < 0)
			die("client %u: no %s: %s", number, answer,
			    errno == EAGAIN ? "no answer within 10 s" : strerror(errno));
		got += (size_t)more;
	}
}

static void await_connack(struct connection *connection, unsigned number)
{
	uint8_t answer[4];

	await(connection, number, "CONNACK", answer, sizeof(answer));
	if (answer[0] != PACKET_CONNACK << 4 || answer[1] != 2)
		die("client %u: got 0x%02x, not a CONNACK: is this an MQTT 3.1.1 server?", number,
		    answer[0]);
	if (answer[3] != 0)
		die("client %u: the server refused CONNECT with code %u", number, answer[3]);
}

static void await_suback(struct connection *connection, unsigned number, unsigned qos)
{
	uint8_t answer[5];

	await(connection, number, "SUBACK", answer, sizeof(answer));
	if (answer[0] != PACKET_SUBACK << 4 || answer[1] != 3)
		die("client %u: got 0x%02x, not a SUBACK", number, answer[0]);
	if (answer[4] < qos)
		leave_out("the server grants QoS %u instead of %u", answer[4], qos);
	if (answer[4] > 2)
		leave_out("the server refuses the subscription (0x%02x)", answer[4]);
}

// NATS greets, and answers the PING behind what it was sent. Nothing else comes before.
static void await_pong(struct connection *connection, unsigned number)
{
	char answer[8192];
	size_t got = 0;

	do {
		if (got == sizeof(answer) - 1)
			die("client %u: too many words before a PONG", number);
		await(connection, number, "PONG", (uint8_t *)answer + got, 1);
		answer[++got] = '\0';
	} while (got < strlen(NATS_DONE) || strcmp(answer + got - strlen(NATS_DONE), NATS_DONE));
}

static void say_hello(const struct handshake *handshake, struct connection *connection,
		      unsigned number)
{
	uint8_t packet[PACKET_OVERHEAD(HANDSHAKE_TEXT_ROOM)];
	char id[HANDSHAKE_TEXT_ROOM];

	if (handshake->protocol == &protocol_nats) {
		send_all(connection, (const uint8_t *)NATS_CONNECT, strlen(NATS_CONNECT));
		return;
	}
	snprintf(id, sizeof(id), "load-%d-%u", (int)getpid(), number);
	send_all(connection, packet, packet_write_connect(packet, id));
}

static void subscribe(const struct handshake *handshake, struct connection *connection,
		      const char *filter)
{
	uint8_t packet[PACKET_OVERHEAD(HANDSHAKE_TEXT_ROOM)];

	if (handshake->protocol == &protocol_nats)
		send_all(connection, packet, nats_write_subscribe(packet, filter));
	else
		send_all(connection, packet,
			 packet_write_subscribe(packet, 1, filter, (int)handshake->qos));
}

static void shake(const struct handshake *handshake, struct connection **connections, unsigned from,
		  unsigned until)
{
	bool is_nats = handshake->protocol == &protocol_nats;
	char text[HANDSHAKE_TEXT_ROOM];
	bool subscribed[WAVE];

	for (unsigned at = from; at < until; at++) {
		connection_open(connections[at], handshake->server);
		say_hello(handshake, connections[at], at);
	}
	for (unsigned at = from; at < until; at++) {
		if (is_nats)
			await_pong(connections[at], at);
		else
			await_connack(connections[at], at);
		handshake->filter_of(handshake->context, at, text);
		subscribed[at - from] = *text != '\0';
		if (*text)
			subscribe(handshake, connections[at], text);
	}
	for (unsigned at = from; at < until; at++) {
		if (subscribed[at - from] && is_nats)
			await_pong(connections[at], at);
		else if (subscribed[at - from])
			await_suback(connections[at], at, handshake->qos);
		connection_make_nonblocking(connections[at]);
	}
}

void handshake_all(const struct handshake *handshake, struct connection **connections,
		   unsigned count)
{
	for (unsigned from = 0; from < count; from += WAVE)
		shake(handshake, connections, from, from + WAVE < count ? from + WAVE : count);
}
