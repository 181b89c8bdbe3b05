/*
 * Sockets that note what a poller tells them, and two ends of a connection made of them: what the
 * tests of pollers share. Drives the pollers directly: no runtime, no actors.
 */
#ifndef TESTS_SUPPORT_POLLER_PROBE_H
#define TESTS_SUPPORT_POLLER_PROBE_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>
#include <noh/tcp.h>

#include "net/memory.h"
#include "net/poller.h"

static struct poller *poller;
static struct memory_network *network;

// A test's body runs once on each back end.
#define BOTH(name)                                             \
	static void name(void);                                \
	Test(epoll, name)                                      \
	{                                                      \
		cr_assert_eq(epoll_poller_create(&poller), 0); \
		name();                                        \
		poller->ops->destroy(poller);                  \
	}                                                      \
	Test(memory, name)                                     \
	{                                                      \
		network = memory_network_create();             \
		memory_poller_create(network, &poller);        \
		name();                                        \
		poller->ops->destroy(poller);                  \
		memory_network_destroy(network);               \
	}                                                      \
	static void name(void)

// A socket that notes what it is told.
struct probe {
	struct socket socket;
	intptr_t accepted[300];
	int accepts, accepts_wanted, accept_err;
	union address peer;
	int connected; // 1: not yet
	char *bytes;   // all that was read
	size_t size;
	int reads, reads_wanted, read_ends, read_err;
	int writes;
	ssize_t wrote;
	bool closes; // itself, when told
};

static inline bool was_accepted(struct socket *socket, int err, intptr_t descriptor,
				const union address *peer)
{
	struct probe *probe = (struct probe *)socket;

	if (err) {
		probe->accept_err = err;
		return false;
	}
	probe->peer = *peer;
	probe->accepted[probe->accepts++] = descriptor;
	return probe->accepts < probe->accepts_wanted;
}

static inline void was_connected(struct socket *socket, int err)
{
	((struct probe *)socket)->connected = err;
}

static inline bool was_read(struct socket *socket, int err, noh_bytes bytes)
{
	struct probe *probe = (struct probe *)socket;

	if (!bytes.size) {
		probe->read_ends++;
		probe->read_err = err;
		return false;
	}
	probe->bytes = realloc(probe->bytes, probe->size + bytes.size);
	memcpy(probe->bytes + probe->size, bytes.at, bytes.size);
	probe->size += bytes.size;
	probe->reads++;
	if (probe->closes)
		poller->ops->close(poller, socket, false);
	return probe->reads < probe->reads_wanted;
}

static inline void wrote(struct socket *socket, ssize_t taken)
{
	struct probe *probe = (struct probe *)socket;

	probe->writes++;
	probe->wrote = taken;
}

static const struct socket_events events = {was_accepted, was_connected, was_read, wrote};
static const struct noh_tcp_options defaults;
static const struct noh_tcp_options narrow = {.send_buffer_bytes = 16 * 1024,
					      .receive_buffer_bytes = 16 * 1024};

static inline void start(struct probe *probe)
{
	*probe = (struct probe){.socket = {.events = &events, .descriptor = NO_DESCRIPTOR},
				.connected = 1,
				.accepts_wanted = 1000,
				.reads_wanted = 1000000};
}

static inline uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline void poll_once(uint64_t now, uint64_t until)
{
	poller->ops->wait(poller, now, until, 64);
	poller->ops->tell(poller, 64);
}

// Lets the poller work until the condition holds; the in-memory one never has to wait for it.
#define until(condition)                                                           \
	do {                                                                       \
		uint64_t now_ = now_ns(), deadline_ = now_ + UINT64_C(5000000000); \
		while (!(condition) && (now_ = now_ns()) < deadline_ &&            \
		       (!network || poller->ops->is_ready(poller)))                \
			poll_once(now_, deadline_);                                \
		cr_assert(condition);                                              \
	} while (0)

// Lets the poller do what it can do by now.
static inline void settle(void)
{
	for (int i = 0; i < 5; i++)
		poll_once(1, 0);
}

static inline union address address_of(struct socket *socket, bool of_peer)
{
	union address address = {0};
	cr_assert_eq(poller->ops->address(poller, socket->descriptor, of_peer, &address), 0);
	return address;
}

static inline uint16_t port_of(struct socket *socket, bool of_peer)
{
	union address address = address_of(socket, of_peer);
	return address_port(&address);
}

static inline union address loopback(uint16_t port)
{
	union address address;
	cr_assert_eq(address_parse("127.0.0.1", port, &address), 0);
	return address;
}

static inline union address listens_with(struct probe *listener, int backlog,
					 const struct noh_tcp_options *options)
{
	union address any = loopback(0);

	start(listener);
	cr_assert_eq(
		poller->ops->listen(poller, &any, backlog, options, &listener->socket.descriptor),
		0);
	cr_assert_eq(poller->ops->adopt(poller, &listener->socket), 0);
	return address_of(&listener->socket, false);
}

static inline union address listens(struct probe *listener)
{
	return listens_with(listener, 128, &defaults);
}

static inline void finish(struct probe *probe)
{
	poller->ops->close(poller, &probe->socket, false);
	free(probe->bytes);
}

static inline void adopt(struct probe *probe, intptr_t descriptor)
{
	start(probe);
	probe->socket.descriptor = descriptor;
	cr_assert_eq(poller->ops->adopt(poller, &probe->socket), 0);
}

// Two ends of one connection, and its listener.
static struct probe listener, ours, theirs;

static inline void connect_with(const struct noh_tcp_options *options)
{
	union address at = listens_with(&listener, 128, options);

	start(&ours);
	poller->ops->accept(poller, &listener.socket);
	cr_assert_eq(poller->ops->connect(poller, &ours.socket, &at, options), 0);
	until(ours.connected == 0 && listener.accepts == 1);
	adopt(&theirs, listener.accepted[0]);
}

static inline void finish_all(void)
{
	finish(&ours);
	finish(&theirs);
	finish(&listener);
}

static inline ssize_t sends(struct probe *probe, const char *text)
{
	struct iovec piece = {(char *)text, strlen(text)};
	return poller->ops->send_now(poller, probe->socket.descriptor, &piece, 1);
}

// Fills the way to the peer, and tells how much went in.
static inline size_t fills(struct probe *probe)
{
	static char bytes[4096];
	struct iovec piece = {bytes, sizeof(bytes)};
	size_t total = 0;
	ssize_t sent;

	while ((sent = poller->ops->send_now(poller, probe->socket.descriptor, &piece, 1)) > 0)
		total += (size_t)sent;
	cr_assert_eq(sent, -EAGAIN);
	return total;
}

#define expect_bytes(probe, text)                                      \
	do {                                                           \
		until((probe).size >= strlen(text));                   \
		cr_expect_eq((probe).size, strlen(text));              \
		cr_expect(!memcmp((probe).bytes, text, strlen(text))); \
	} while (0)

#endif
