/* One socket to the server with what could not be sent or understood yet; knows no packets. */
#ifndef BENCH_LOAD_CONNECTION_H
#define BENCH_LOAD_CONNECTION_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct connection {
	int fd;
	// What is to be sent: taken from the front, added at the end.
	uint8_t *out;
	size_t out_from, out_until, out_room;
	// The start of a packet whose rest has not come.
	uint8_t *rest;
	size_t rest_size, rest_room;
};

// The buffer that all connections read into, one at a time.
struct reading {
	uint8_t *buffer;
	size_t room;
};

// What a program that cannot go on says before it exits with status 1.
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

// The same with status 77: the server does not do what was asked for, and nothing is wrong.
void leave_out(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Raises the limit of open files so far that `count` sockets fit, or dies saying why not. */
void connection_reserve(unsigned count);

/* Connects and stays blocking with a time limit, for the handshake. Dies if it cannot. */
void connection_open(struct connection *connection, const struct sockaddr_in *address);

/* From here on nothing on this socket waits. */
void connection_make_nonblocking(struct connection *connection);

void connection_close(struct connection *connection);

/* Room for `size` more bytes at the end of what is to be sent; say how many were used. */
uint8_t *connection_stage(struct connection *connection, size_t size);
static inline void connection_staged(struct connection *connection, size_t size)
{
	connection->out_until += size;
}

/* Adds a few words to what is to be sent. */
void connection_answer(struct connection *connection, const char *words);

static inline size_t connection_unsent(const struct connection *connection)
{
	return connection->out_until - connection->out_from;
}

/* Sends what the socket takes. 0 or negative errno of a broken connection. */
int connection_flush(struct connection *connection);

/* Reads behind what was kept. Returns how many bytes are now at `reading->buffer`, 0 if nothing
 * new came, negative errno, -ECONNRESET also for the end of the stream. `ret_more` tells that
 * the buffer was too small for all that waits. */
ssize_t connection_receive(struct connection *connection, struct reading *reading, bool *ret_more);

/* Keeps the start of a packet for the next connection_receive(). */
void connection_keep(struct connection *connection, const uint8_t *bytes, size_t size);

#endif
