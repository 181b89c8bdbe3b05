/* Connecting: finds the addresses of a name and tries one after the other, within the time given.
 * Runs in the reactor. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/connection.h"
#include "net/dial.h"

static struct poller *poller_of(struct connection *connection)
{
	return connection->reactor->poller;
}

struct dial *dial_create(const char *host, uint16_t port, int64_t within_ms,
			 const struct noh_tcp_options *options)
{
	struct dial *dial = must_allocate_zeroed(sizeof(*dial));

	dial->host = must_allocate(strlen(host) + 1);
	strcpy(dial->host, host);
	dial->port = port;
	dial->within_ms = within_ms;
	dial->options = *options;
	return dial;
}

void dial_cancel(struct connection *connection)
{
	struct dial *dial = dial_of(connection);
	if (!dial)
		return;

	if (dial->lookup)
		lookup_finish(dial->lookup);
	reactor_forget(&dial->deadline);
	free(dial->host);
	free(dial);
	connection_rare(connection)->dial = NULL;
}

static void give_up(struct connection *connection, int err)
{
	dial_cancel(connection);
	connection_failed(connection, err);
}

static int64_t ms_left(const struct connection *connection)
{
	return dial_of(connection)->end_ms - (int64_t)(connection->reactor->now_ns / 1000000);
}

static void try_next(struct connection *connection, int err)
{
	struct dial *dial = dial_of(connection);
	struct poller *poller = poller_of(connection);

	while (dial->next < dial->count) {
		int64_t left = ms_left(connection);
		int tries = dial->count - dial->next;
		if (left <= 0) {
			err = -ETIMEDOUT;
			break;
		}
		err = poller->ops->connect(poller, &connection->socket,
					   &dial->addresses[dial->next++], &dial->options);
		if (!err) {
			// A silent address leaves time for the others.
			reactor_expect(connection->reactor, &dial->deadline,
				       (left + tries - 1) / tries);
			return;
		}
	}
	give_up(connection, err);
}

static void time_is_up(struct deadline *deadline)
{
	struct dial *dial = (struct dial *)((char *)deadline - offsetof(struct dial, deadline));
	struct connection *connection = dial->connection;

	poller_of(connection)->ops->close(poller_of(connection), &connection->socket, true);
	try_next(connection, -ETIMEDOUT);
}

// On a thread of the lookups.
static void found(void *argument, int count, const union address *addresses)
{
	struct connection *connection = argument;
	struct dial *dial = dial_of(connection);

	if (count > 0)
		memcpy(dial->addresses, addresses, (size_t)count * sizeof(*addresses));
	dial->found = count;
	connection_ask(connection, ASK_FOUND);
}

void dial_start(struct connection *connection)
{
	struct dial *dial = dial_of(connection);
	struct poller *poller = poller_of(connection);

	dial->connection = connection;
	dial->deadline.passed = time_is_up;
	dial->end_ms = (int64_t)(connection->reactor->now_ns / 1000000) + dial->within_ms;
	reactor_expect(connection->reactor, &dial->deadline, dial->within_ms);

	int count = poller->ops->lookup(poller, dial->host, dial->port, dial->addresses,
					LOOKUP_ADDRESSES);
	if (count == -EAGAIN) {
		dial->lookup = lookup_start(dial->host, dial->port, found, connection);
		return;
	}
	if (count < 0) {
		give_up(connection, count);
		return;
	}
	dial->count = count;
	try_next(connection, -ENOENT);
}

void dial_found(struct connection *connection)
{
	struct dial *dial = dial_of(connection);
	if (!dial)
		return;
	if (dial->found < 0) {
		give_up(connection, dial->found);
		return;
	}
	dial->count = dial->found;
	try_next(connection, -ENOENT);
}

void dial_connected(struct connection *connection, int err)
{
	if (!err) {
		dial_cancel(connection);
		connection_connected(connection);
		return;
	}
	poller_of(connection)->ops->close(poller_of(connection), &connection->socket, false);
	try_next(connection, err);
}
