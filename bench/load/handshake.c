/* Blocking, in waves: simple, and quick because the answers of a wave are awaited together. */
#include "bench/load/handshake.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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

static void await_suback(struct connection *connection, unsigned number)
{
	uint8_t answer[5];

	await(connection, number, "SUBACK", answer, sizeof(answer));
	if (answer[0] != PACKET_SUBACK << 4 || answer[1] != 3)
		die("client %u: got 0x%02x, not a SUBACK", number, answer[0]);
	if (answer[4] > 2)
		die("client %u: the server refused the subscription (0x%02x)", number, answer[4]);
}

static void shake(const struct handshake *handshake, struct connection **connections, unsigned from,
		  unsigned until)
{
	uint8_t packet[PACKET_OVERHEAD(HANDSHAKE_TEXT_ROOM)];
	char text[HANDSHAKE_TEXT_ROOM];
	bool subscribed[WAVE];

	for (unsigned at = from; at < until; at++) {
		connection_open(connections[at], handshake->server);
		snprintf(text, sizeof(text), "load-%d-%u", (int)getpid(), at);
		send_all(connections[at], packet, packet_write_connect(packet, text));
	}
	for (unsigned at = from; at < until; at++) {
		await_connack(connections[at], at);
		handshake->filter_of(handshake->context, at, text);
		subscribed[at - from] = *text != '\0';
		if (*text)
			send_all(connections[at], packet,
				 packet_write_subscribe(packet, 1, text, (int)handshake->qos));
	}
	for (unsigned at = from; at < until; at++) {
		if (subscribed[at - from])
			await_suback(connections[at], at);
		connection_make_nonblocking(connections[at]);
	}
}

void handshake_all(const struct handshake *handshake, struct connection **connections,
		   unsigned count)
{
	for (unsigned from = 0; from < count; from += WAVE)
		shake(handshake, connections, from, from + WAVE < count ? from + WAVE : count);
}
