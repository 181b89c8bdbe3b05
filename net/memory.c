/* The poller on the network within the process: where what is submitted meets what lies in the
 * wires. */
#include "net/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <noh/tcp.h>

#include "mailbox/pool.h"
#include "net/intake.h"
#include "net/ready.h"
#include "net/wire.h"

enum { READS_A_VISIT = 16 };

struct memory_poller {
	struct poller base;
	struct memory_network *network;
	struct intake intake;
	struct ready ready;
};

static struct memory_poller *as_memory(struct poller *poller)
{
	return (struct memory_poller *)poller;
}

static struct end *end_of(intptr_t descriptor)
{
	return (struct end *)descriptor;
}

// ---- what is submitted

static int memory_listen(struct poller *poller, const union address *address, int backlog,
			 const struct noh_tcp_options *options, intptr_t *ret_descriptor)
{
	struct memory_network *network = as_memory(poller)->network;
	struct end *end = end_create(network, options->receive_buffer_bytes);
	int err = end_listen(network, end, address, backlog);
	if (err) {
		end_close(network, end, false);
		return err;
	}
	*ret_descriptor = (intptr_t)end;
	return 0;
}

static int memory_adopt(struct poller *base, struct socket *socket)
{
	struct end *end = end_of(socket->descriptor);

	end->ready = &as_memory(base)->ready;
	end->socket = socket;
	socket->read_size = READ_LEAST;
	return 0;
}

static void memory_discard(struct poller *poller, intptr_t descriptor)
{
	end_close(as_memory(poller)->network, end_of(descriptor), false);
}

static int memory_connect(struct poller *base, struct socket *socket, const union address *address,
			  const struct noh_tcp_options *options)
{
	struct memory_network *network = as_memory(base)->network;
	struct end *end = end_create(network, options->receive_buffer_bytes);

	socket->descriptor = (intptr_t)end;
	socket->wants = WANTS_CONNECT;
	memory_adopt(base, socket);
	end_connect(network, end, address);
	return 0;
}

static void memory_close(struct poller *base, struct socket *socket, bool reset)
{
	if (socket->descriptor == NO_DESCRIPTOR)
		return;
	struct end *end = end_of(socket->descriptor);

	ready_remove(&as_memory(base)->ready, socket);
	socket->descriptor = NO_DESCRIPTOR;
	socket->wants = socket->has = 0;
	end->socket = NULL;
	end_close(as_memory(base)->network, end, reset);
}

static void submit(struct socket *socket, uint8_t what)
{
	socket->wants |= what;
	end_notify(end_of(socket->descriptor));
}

static void memory_accept(struct poller *poller, struct socket *socket)
{
	(void)poller;
	submit(socket, WANTS_ACCEPT);
}

static void memory_read(struct poller *poller, struct socket *socket)
{
	(void)poller;
	submit(socket, WANTS_READ);
}

static void memory_write(struct poller *poller, struct socket *socket, const struct iovec *pieces,
			 uint32_t count)
{
	(void)poller;
	assert(!(socket->wants & WANTS_WRITE));
	socket->pieces = pieces;
	socket->piece_count = (uint16_t)count;
	submit(socket, WANTS_WRITE);
}

static ssize_t memory_send_now(struct poller *poller, intptr_t descriptor,
			       const struct iovec *pieces, uint32_t count)
{
	(void)poller;
	return end_put(end_of(descriptor), pieces, count);
}

static int memory_shutdown(struct poller *poller, struct socket *socket)
{
	(void)poller;
	end_shutdown(end_of(socket->descriptor));
	return 0;
}

static int memory_address(struct poller *poller, intptr_t descriptor, bool of_peer,
			  union address *ret_address)
{
	struct end *end = end_of(descriptor);
	(void)poller;

	if (of_peer && (!end->connected || end->broken))
		return -ENOTCONN;
	*ret_address = of_peer ? end->peer_address : end->local;
	return 0;
}

static int memory_lookup(struct poller *poller, const char *host, uint16_t port,
			 union address *ret_addresses, int most)
{
	if (most < 1)
		return 0;
	if (!address_parse(host, port, ret_addresses))
		return 1;

	int count = memory_network_find(as_memory(poller)->network, host, ret_addresses, most);
	for (int i = 0; i < count; i++)
		address_set_port(&ret_addresses[i], port);
	return count;
}

// ---- visiting

static void visit_accept(struct memory_poller *poller, struct socket *socket)
{
	struct end *listener = end_of(socket->descriptor), *end;

	while ((end = end_accept(poller->network, listener))) {
		bool goes_on =
			socket->events->accepted(socket, 0, (intptr_t)end, &end->peer_address);
		if (!goes_on) {
			socket->wants &= (uint8_t)~WANTS_ACCEPT;
			return;
		}
		if (socket->descriptor == NO_DESCRIPTOR)
			return;
	}
}

static void visit_read(struct memory_poller *poller, struct socket *socket)
{
	struct end *end = end_of(socket->descriptor);

	for (int i = 0; i < READS_A_VISIT && end->count; i++) {
		size_t room;
		uint8_t *space = intake_space(&poller->intake, socket->read_size, &room);
		size_t got = end_take(end, space, room);

		socket->read_size = intake_next_size(socket->read_size, got, room);
		if (!socket->events->was_read(socket, 0, intake_take(&poller->intake, got))) {
			socket->wants &= (uint8_t)~WANTS_READ;
			return;
		}
		if (socket->descriptor == NO_DESCRIPTOR)
			return;
	}
	if (end->count) {
		end_notify(end);
	} else if (end->broken || end->peer_ended) {
		int err = end->broken;
		socket->wants &= (uint8_t)~WANTS_READ;
		socket->events->was_read(socket, err, (noh_bytes){0});
	}
}

static void visit_write(struct socket *socket)
{
	ssize_t taken = end_put(end_of(socket->descriptor), socket->pieces, socket->piece_count);
	if (taken == -EAGAIN)
		return;
	socket->wants &= (uint8_t)~WANTS_WRITE;
	socket->events->wrote(socket, taken);
}

// Each step may close the socket, which clears what it wants.
static void visit(struct memory_poller *poller, struct socket *socket)
{
	if (socket->wants & WANTS_CONNECT && end_of(socket->descriptor)->outcome <= 0) {
		socket->wants &= (uint8_t)~WANTS_CONNECT;
		socket->events->connected(socket, end_of(socket->descriptor)->outcome);
	}
	if (socket->wants & WANTS_ACCEPT)
		visit_accept(poller, socket);
	if (socket->wants & WANTS_READ)
		visit_read(poller, socket);
	if (socket->wants & WANTS_WRITE)
		visit_write(socket);
}

// ---- the poller

static void memory_wait(struct poller *poller, uint64_t now_ns, uint64_t until_ns, uint32_t room)
{
	(void)poller;
	(void)now_ns;
	(void)until_ns;
	(void)room;
}

static void memory_tell(struct poller *base, uint32_t room)
{
	struct memory_poller *poller = as_memory(base);

	for (uint32_t i = 0; i <= room && poller->ready.count; i++)
		visit(poller, ready_take(&poller->ready));
}

static bool memory_is_ready(struct poller *poller)
{
	return as_memory(poller)->ready.count > 0;
}

static void memory_ring(struct poller *poller)
{
	(void)poller;
}

static void memory_destroy(struct poller *base)
{
	intake_finish(&as_memory(base)->intake);
	free(base);
}

static const struct poller_ops memory_ops = {
	.listen = memory_listen,
	.adopt = memory_adopt,
	.discard = memory_discard,
	.connect = memory_connect,
	.close = memory_close,
	.accept = memory_accept,
	.read = memory_read,
	.write = memory_write,
	.send_now = memory_send_now,
	.shutdown = memory_shutdown,
	.address = memory_address,
	.lookup = memory_lookup,
	.wait = memory_wait,
	.tell = memory_tell,
	.is_ready = memory_is_ready,
	.ring = memory_ring,
	.destroy = memory_destroy,
};

int memory_poller_create(struct memory_network *network, struct poller **ret_poller)
{
	struct memory_poller *poller = must_allocate_zeroed(sizeof(*poller));

	poller->base.ops = &memory_ops;
	poller->network = network;
	ready_init(&poller->ready);
	*ret_poller = &poller->base;
	return 0;
}
