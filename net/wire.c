/* Listeners and wires. All that crosses from one end to the other goes through carry() and
 * end_notify(), so that delay and loss have their place. */
#include "net/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mailbox/pool.h"

enum {
	WINDOW = 64 * 1024, // bytes that wait for the reader
	FIRST_PORT = 49152, // of those that nobody asked for
};

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

struct end *end_create(struct memory_network *network, size_t window)
{
	struct end *end = must_allocate_zeroed(sizeof(*end));

	end->window = window ? window : WINDOW;
	end->queue_end = &end->queue;
	end->callers_end = &end->callers;
	end->next = network->ends;
	end->link = &network->ends;
	if (end->next)
		end->next->link = &end->next;
	network->ends = end;
	return end;
}

static void free_end(struct end *end)
{
	*end->link = end->next;
	if (end->next)
		end->next->link = end->link;
	free(end->inbox);
	free(end);
}

// Something has changed for this end: it is to be visited.
void end_notify(struct end *end)
{
	if (end && end->socket)
		ready_add(end->ready, end->socket);
}

static void append(struct end ***ret_last, struct end *end)
{
	end->queue_next = NULL;
	**ret_last = end;
	*ret_last = &end->queue_next;
}

static struct end *take_first(struct end **first, struct end ***ret_last)
{
	struct end *end = *first;

	if (end && !(*first = end->queue_next))
		*ret_last = first;
	return end;
}

static struct end *listener_at(struct memory_network *network, const union address *address)
{
	for (struct end *end = network->ends; end; end = end->next) {
		if (end->listens && address_reaches(address, &end->local))
			return end;
	}
	return NULL;
}

static bool is_taken(struct memory_network *network, const union address *address)
{
	for (struct end *end = network->ends; end; end = end->next) {
		if (end->listens && (address_reaches(address, &end->local) ||
				     address_reaches(&end->local, address)))
			return true;
	}
	return false;
}

static uint16_t free_port(struct memory_network *network)
{
	if (network->next_port < FIRST_PORT)
		network->next_port = FIRST_PORT;
	return network->next_port++;
}

// ---- what crosses

// Copies what fits into the other side's window.
static size_t carry(struct end *from, const struct iovec *pieces, uint32_t count)
{
	struct end *to = from->peer;
	size_t taken = 0;

	if (!to->inbox)
		to->inbox = must_allocate(to->window);
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *at = pieces[i].iov_base;
		size_t left = least(pieces[i].iov_len, to->window - to->count);
		taken += left;
		while (left) {
			size_t place = (to->first + to->count) % to->window;
			size_t run = least(left, to->window - place);
			memcpy(to->inbox + place, at, run);
			to->count += run;
			at += run;
			left -= run;
		}
	}
	if (taken)
		end_notify(to);
	return taken;
}

ssize_t end_put(struct end *end, const struct iovec *pieces, uint32_t count)
{
	if (!end->connected)
		return -ENOTCONN;
	if (end->ended)
		return -EPIPE;
	if (!end->peer) {
		// As on a wire: what is written first is lost, and only its answer, a reset, tells.
		size_t lost = 0;
		for (uint32_t i = 0; i < count; i++)
			lost += pieces[i].iov_len;
		end->ended = true;
		end->broken = -ECONNRESET;
		end_notify(end);
		return (ssize_t)lost;
	}

	size_t taken = carry(end, pieces, count);
	return taken ? (ssize_t)taken : -EAGAIN;
}

void end_shutdown(struct end *end)
{
	if (end->ended)
		return;
	end->ended = true;
	if (end->peer) {
		end->peer->peer_ended = true;
		end_notify(end->peer);
	}
}

static void hang_up(struct end *end, bool reset)
{
	struct end *peer = end->peer;

	end_shutdown(end);
	if (!peer)
		return;
	if (reset) {
		peer->broken = -ECONNRESET;
		peer->ended = true;
	}
	peer->peer = NULL;
	end->peer = NULL;
	end_notify(peer);
}

// Lets callers in while there is room for them.
static void answer(struct memory_network *network, struct end *listener)
{
	while (listener->callers && listener->waiting < listener->backlog) {
		struct end *caller = take_first(&listener->callers, &listener->callers_end);
		struct end *served = end_create(network, listener->window);

		served->local = caller->peer_address;
		served->peer_address = caller->local;
		served->peer = caller;
		caller->peer = served;
		served->connected = caller->connected = true;
		caller->outcome = 0;
		append(&listener->queue_end, served);
		listener->waiting++;
		end_notify(caller);
		end_notify(listener);
	}
}

static void forget_caller(struct memory_network *network, struct end *caller)
{
	struct end *listener = listener_at(network, &caller->peer_address);
	if (!listener)
		return;
	for (struct end **at = &listener->callers; *at; at = &(*at)->queue_next) {
		if (*at == caller) {
			if (!(*at = caller->queue_next))
				listener->callers_end = at;
			return;
		}
	}
}

static void close_listener(struct end *listener)
{
	struct end *end;

	listener->listens = false;
	while ((end = take_first(&listener->queue, &listener->queue_end))) {
		hang_up(end, true);
		free_end(end);
	}
	while ((end = take_first(&listener->callers, &listener->callers_end))) {
		end->outcome = -ECONNREFUSED;
		end_notify(end);
	}
}

void end_close(struct memory_network *network, struct end *end, bool reset)
{
	if (end->listens)
		close_listener(end);
	else if (end->outcome > 0)
		forget_caller(network, end);
	else
		hang_up(end, reset);
	free_end(end);
}

int end_listen(struct memory_network *network, struct end *end, const union address *address,
	       int backlog)
{
	union address local = *address;

	if (!address_port(&local))
		address_set_port(&local, free_port(network));
	if (is_taken(network, &local))
		return -EADDRINUSE;
	end->listens = true;
	end->local = local;
	end->backlog = backlog > 0 ? backlog : 1;
	return 0;
}

void end_connect(struct memory_network *network, struct end *end, const union address *address)
{
	struct end *listener = listener_at(network, address);

	end->peer_address = end->local = *address;
	address_set_port(&end->local, free_port(network));
	end->outcome = 1;
	if (listener) {
		append(&listener->callers_end, end);
		answer(network, listener);
	} else {
		end->outcome = -ECONNREFUSED;
		end_notify(end);
	}
}

struct end *end_accept(struct memory_network *network, struct end *listener)
{
	struct end *end = take_first(&listener->queue, &listener->queue_end);

	if (end) {
		listener->waiting--;
		answer(network, listener);
	}
	return end;
}

size_t end_take(struct end *end, uint8_t *space, size_t room)
{
	size_t size = least(end->count, room);
	size_t run = least(size, end->window - end->first);

	memcpy(space, end->inbox + end->first, run);
	memcpy(space + run, end->inbox, size - run);
	end->first = (end->first + size) % end->window;
	end->count -= size;
	end_notify(end->peer); // which may wait for room to write into
	return size;
}

// ---- the network

struct memory_network *memory_network_create(void)
{
	struct memory_network *network = must_allocate_zeroed(sizeof(*network));
	union address here[2];

	address_parse("::1", 0, &here[0]);
	address_parse("127.0.0.1", 0, &here[1]);
	memory_network_name(network, "localhost", here, 2);
	return network;
}

void memory_network_name(struct memory_network *network, const char *host,
			 const union address *addresses, int count)
{
	struct name *name = must_allocate_zeroed(sizeof(*name));

	name->host = must_allocate(strlen(host) + 1);
	strcpy(name->host, host);
	name->count = count < NAME_ADDRESSES ? count : NAME_ADDRESSES;
	memcpy(name->addresses, addresses, (size_t)name->count * sizeof(*addresses));
	name->next = network->names;
	network->names = name;
}

void memory_network_destroy(struct memory_network *network)
{
	while (network->ends)
		free_end(network->ends);
	while (network->names) {
		struct name *name = network->names;
		network->names = name->next;
		free(name->host);
		free(name);
	}
	free(network);
}

int memory_network_find(struct memory_network *network, const char *host,
			union address *ret_addresses, int most)
{
	for (struct name *name = network->names; name; name = name->next) {
		if (strcmp(name->host, host))
			continue;
		int count = name->count < most ? name->count : most;
		memcpy(ret_addresses, name->addresses, (size_t)count * sizeof(*ret_addresses));
		return count;
	}
	return -ENOENT;
}
