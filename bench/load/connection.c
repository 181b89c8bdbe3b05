/* Sockets for a load of many thousands: blocking while they are opened, never afterwards. */
#include "bench/load/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define HANDSHAKE_SECONDS 10
#define LEFT_OUT_STATUS 77
#define OTHER_FILES 16 // standard streams, epoll, what /proc needs

static void say(const char *format, va_list arguments)
{
	fflush(stdout);
	fputs("noh-load: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
}

void die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(format, arguments);
	va_end(arguments);
	exit(1);
}

void leave_out(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(format, arguments);
	va_end(arguments);
	exit(LEFT_OUT_STATUS);
}

void connection_reserve(unsigned count)
{
	struct rlimit limit;
	rlim_t needed = (rlim_t)count + OTHER_FILES;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		die("cannot read the limit of open files: %s", strerror(errno));
	if (limit.rlim_cur >= needed)
		return;
	if (limit.rlim_max < needed)
		die("%u connections need %llu open files, but the hard limit is %llu (ulimit -Hn)",
		    count, (unsigned long long)needed, (unsigned long long)limit.rlim_max);
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		die("cannot raise the limit of open files: %s", strerror(errno));
}

void connection_open(struct connection *connection, const struct sockaddr_in *address)
{
	struct timeval limit = {.tv_sec = HANDSHAKE_SECONDS};
	int yes = 1;

	*connection = (struct connection){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	if (connection->fd < 0)
		die("cannot open a socket: %s", strerror(errno));
	setsockopt(connection->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(connection->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));

	if (connect(connection->fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
		return;
	if (errno == EADDRNOTAVAIL)
		die("no local port is left: more connections to one server than "
		    "/proc/sys/net/ipv4/ip_local_port_range allows");
	die("cannot connect to port %u: %s", ntohs(address->sin_port),
	    errno == EINPROGRESS ? "no answer within 10 s" : strerror(errno));
}

void connection_make_nonblocking(struct connection *connection)
{
	int flags = fcntl(connection->fd, F_GETFL);

	if (flags < 0 || fcntl(connection->fd, F_SETFL, flags | O_NONBLOCK) != 0)
		die("cannot make a socket non-blocking: %s", strerror(errno));
}

void connection_close(struct connection *connection)
{
	close(connection->fd);
	free(connection->out);
	free(connection->rest);
	*connection = (struct connection){.fd = -1};
}

uint8_t *connection_stage(struct connection *connection, size_t size)
{
	if (connection->out_room - connection->out_until >= size)
		return connection->out + connection->out_until;

	size_t unsent = connection_unsent(connection);
	if (connection->out_from) {
		memmove(connection->out, connection->out + connection->out_from, unsent);
		connection->out_from = 0;
		connection->out_until = unsent;
	}
	if (connection->out_room - unsent < size) {
		connection->out_room = 2 * (unsent + size);
		connection->out = realloc(connection->out, connection->out_room);
		if (!connection->out)
			die("out of memory");
	}
	return connection->out + connection->out_until;
}

void connection_answer(struct connection *connection, const char *words)
{
	memcpy(connection_stage(connection, strlen(words)), words, strlen(words));
	connection_staged(connection, strlen(words));
}

int connection_flush(struct connection *connection)
{
	size_t unsent = connection_unsent(connection);
	if (unsent == 0)
		return 0;

	ssize_t sent = send(connection->fd, connection->out + connection->out_from, unsent,
			    MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;

	connection->out_from += (size_t)sent;
	if (connection->out_from == connection->out_until)
		connection->out_from = connection->out_until = 0;
	return 0;
}

ssize_t connection_receive(struct connection *connection, struct reading *reading, bool *ret_more)
{
	size_t kept = connection->rest_size;
	size_t room = reading->room - kept;

	*ret_more = false;
	ssize_t got = recv(connection->fd, reading->buffer + kept, room, MSG_DONTWAIT);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (got == 0)
		return -ECONNRESET;

	if (kept)
		memcpy(reading->buffer, connection->rest, kept);
	connection->rest_size = 0;
	*ret_more = (size_t)got == room;
	return (ssize_t)kept + got;
}

void connection_keep(struct connection *connection, const uint8_t *bytes, size_t size)
{
	if (connection->rest_room < size) {
		connection->rest_room = size < 256 ? 256 : 2 * size;
		free(connection->rest);
		connection->rest = malloc(connection->rest_room);
		if (!connection->rest)
			die("out of memory");
	}
	if (size)
		memcpy(connection->rest, bytes, size);
	connection->rest_size = size;
}
