/*
 * What every poller promises, as one list of sentences that each back end is held to. Drives the
 * pollers directly: no runtime, no actors.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

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

static bool was_accepted(struct socket *socket, int err, intptr_t descriptor,
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

static void was_connected(struct socket *socket, int err)
{
	((struct probe *)socket)->connected = err;
}

static bool was_read(struct socket *socket, int err, noh_bytes bytes)
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

static void wrote(struct socket *socket, ssize_t taken)
{
	struct probe *probe = (struct probe *)socket;

	probe->writes++;
	probe->wrote = taken;
}

static const struct socket_events events = {was_accepted, was_connected, was_read, wrote};
static const struct noh_tcp_options defaults;
static const struct noh_tcp_options narrow = {.send_buffer_bytes = 16 * 1024,
					      .receive_buffer_bytes = 16 * 1024};

static void start(struct probe *probe)
{
	*probe = (struct probe){.socket = {.events = &events, .descriptor = NO_DESCRIPTOR},
				.connected = 1,
				.accepts_wanted = 1000,
				.reads_wanted = 1000000};
}

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void poll_once(uint64_t now, uint64_t until)
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
static void settle(void)
{
	for (int i = 0; i < 5; i++)
		poll_once(1, 0);
}

static union address address_of(struct socket *socket, bool of_peer)
{
	union address address = {0};
	cr_assert_eq(poller->ops->address(poller, socket->descriptor, of_peer, &address), 0);
	return address;
}

static uint16_t port_of(struct socket *socket, bool of_peer)
{
	union address address = address_of(socket, of_peer);
	return address_port(&address);
}

static union address loopback(uint16_t port)
{
	union address address;
	cr_assert_eq(address_parse("127.0.0.1", port, &address), 0);
	return address;
}

static union address listens_with(struct probe *listener, int backlog,
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

static union address listens(struct probe *listener)
{
	return listens_with(listener, 128, &defaults);
}

static void finish(struct probe *probe)
{
	poller->ops->close(poller, &probe->socket, false);
	free(probe->bytes);
}

static void adopt(struct probe *probe, intptr_t descriptor)
{
	start(probe);
	probe->socket.descriptor = descriptor;
	cr_assert_eq(poller->ops->adopt(poller, &probe->socket), 0);
}

// Two ends of one connection, and its listener.
static struct probe listener, ours, theirs;

static void connect_with(const struct noh_tcp_options *options)
{
	union address at = listens_with(&listener, 128, options);

	start(&ours);
	poller->ops->accept(poller, &listener.socket);
	cr_assert_eq(poller->ops->connect(poller, &ours.socket, &at, options), 0);
	until(ours.connected == 0 && listener.accepts == 1);
	adopt(&theirs, listener.accepted[0]);
}

static void finish_all(void)
{
	finish(&ours);
	finish(&theirs);
	finish(&listener);
}

static ssize_t sends(struct probe *probe, const char *text)
{
	struct iovec piece = {(char *)text, strlen(text)};
	return poller->ops->send_now(poller, probe->socket.descriptor, &piece, 1);
}

// Fills the way to the peer, and tells how much went in.
static size_t fills(struct probe *probe)
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

BOTH(connects_and_accepts)
{
	connect_with(&defaults);

	cr_expect_eq(address_port(&listener.peer), port_of(&ours.socket, false));
	cr_expect_eq(port_of(&ours.socket, true), port_of(&listener.socket, false));
	cr_expect_eq(port_of(&theirs.socket, true), port_of(&ours.socket, false));
	finish_all();
}

BOTH(tells_a_refused_connect)
{
	struct probe probe;
	union address nobody = listens(&probe);
	finish(&probe);

	start(&probe);
	int err = poller->ops->connect(poller, &probe.socket, &nobody, &defaults);
	if (!err) {
		until(probe.connected != 1);
		err = probe.connected;
	}

	cr_expect_eq(err, -ECONNREFUSED);
	finish(&probe);
}

BOTH(refuses_to_listen_twice_on_one_port)
{
	struct probe probe;
	union address at = listens(&probe);
	intptr_t second;

	cr_expect_eq(poller->ops->listen(poller, &at, 1, &defaults, &second), -EADDRINUSE);
	finish(&probe);
	cr_expect_eq(poller->ops->listen(poller, &at, 1, &defaults, &second), 0);
	poller->ops->discard(poller, second);
}

BOTH(accepts_all_of_many)
{
	enum { CALLERS = 200 };
	static struct probe callers[CALLERS];
	union address at = listens(&listener);

	poller->ops->accept(poller, &listener.socket);
	for (int i = 0; i < CALLERS; i++) {
		start(&callers[i]);
		cr_assert_eq(poller->ops->connect(poller, &callers[i].socket, &at, &defaults), 0);
	}
	until(listener.accepts == CALLERS);

	for (int i = 0; i < CALLERS; i++) {
		until(callers[i].connected == 0);
		finish(&callers[i]);
		poller->ops->discard(poller, listener.accepted[i]);
	}
	finish(&listener);
}

BOTH(accepts_no_more_than_it_is_asked_to)
{
	static struct probe callers[3];
	union address at = listens(&listener);

	listener.accepts_wanted = 2;
	poller->ops->accept(poller, &listener.socket);
	for (int i = 0; i < 3; i++) {
		start(&callers[i]);
		cr_assert_eq(poller->ops->connect(poller, &callers[i].socket, &at, &defaults), 0);
	}
	until(callers[0].connected == 0 && callers[1].connected == 0 && callers[2].connected == 0);
	settle();
	cr_expect_eq(listener.accepts, 2);

	poller->ops->accept(poller, &listener.socket);
	until(listener.accepts == 3);
	for (int i = 0; i < 3; i++) {
		finish(&callers[i]);
		poller->ops->discard(poller, listener.accepted[i]);
	}
	finish(&listener);
}

BOTH(carries_bytes_both_ways)
{
	connect_with(&defaults);
	poller->ops->read(poller, &ours.socket);
	poller->ops->read(poller, &theirs.socket);

	cr_expect_eq(sends(&ours, "from here"), 9);
	expect_bytes(theirs, "from here");
	cr_expect_eq(sends(&theirs, "from there"), 10);
	expect_bytes(ours, "from there");
	finish_all();
}

BOTH(gathers_pieces_in_order)
{
	struct iovec pieces[] = {{"ab", 2}, {"", 0}, {"cde", 3}};
	connect_with(&defaults);
	poller->ops->read(poller, &theirs.socket);

	cr_expect_eq(poller->ops->send_now(poller, ours.socket.descriptor, pieces, 3), 5);

	expect_bytes(theirs, "abcde");
	finish_all();
}

BOTH(reads_what_came_before_the_read_was_submitted)
{
	connect_with(&defaults);
	sends(&ours, "early");
	settle();
	cr_expect_eq(theirs.reads, 0);

	poller->ops->read(poller, &theirs.socket);

	expect_bytes(theirs, "early");
	finish_all();
}

BOTH(keeps_what_nobody_wants_to_read_yet)
{
	connect_with(&defaults);
	theirs.reads_wanted = 1;
	poller->ops->read(poller, &theirs.socket);
	sends(&ours, "first");
	expect_bytes(theirs, "first");

	sends(&ours, "second");
	settle();
	cr_expect_eq(theirs.size, 5);

	theirs.reads_wanted = 2;
	poller->ops->read(poller, &theirs.socket);
	expect_bytes(theirs, "firstsecond");
	finish_all();
}

BOTH(tells_the_end_of_the_peers_writing_once)
{
	connect_with(&defaults);
	poller->ops->read(poller, &theirs.socket);
	sends(&ours, "all");
	cr_assert_eq(poller->ops->shutdown(poller, &ours.socket), 0);

	until(theirs.read_ends);
	settle();

	cr_expect_eq(theirs.read_ends, 1);
	cr_expect_eq(theirs.read_err, 0);
	cr_expect_eq(theirs.size, 3);
	finish_all();
}

BOTH(still_writes_to_a_peer_that_has_ended)
{
	connect_with(&defaults);
	poller->ops->read(poller, &ours.socket);
	poller->ops->read(poller, &theirs.socket);
	cr_assert_eq(poller->ops->shutdown(poller, &ours.socket), 0);
	until(theirs.read_ends);

	cr_expect_eq(sends(&theirs, "answer"), 6);

	expect_bytes(ours, "answer");
	cr_expect_eq(sends(&ours, "more"), -EPIPE);
	finish_all();
}

BOTH(sends_what_was_taken_before_a_close)
{
	connect_with(&defaults);
	poller->ops->read(poller, &theirs.socket);
	sends(&ours, "last words");
	poller->ops->close(poller, &ours.socket, false);

	until(theirs.read_ends);

	cr_expect_eq(theirs.read_err, 0);
	cr_expect_eq(theirs.size, 10);
	finish_all();
}

BOTH(loses_nothing_of_what_was_sent_when_it_closes_with_input_unread)
{
	connect_with(&defaults);
	poller->ops->read(poller, &theirs.socket);
	sends(&theirs, "never read");
	settle();
	sends(&ours, "last words");
	poller->ops->close(poller, &ours.socket, false);

	until(theirs.read_ends);

	cr_expect_eq(theirs.read_err, 0);
	cr_expect_eq(theirs.size, 10);
	finish_all();
}

BOTH(resets_when_asked_to)
{
	connect_with(&defaults);
	poller->ops->read(poller, &theirs.socket);
	poller->ops->close(poller, &ours.socket, true);

	until(theirs.read_ends);

	cr_expect_eq(theirs.read_err, -ECONNRESET);
	finish_all();
}

BOTH(answers_writes_to_a_peer_that_is_gone_with_an_error)
{
	connect_with(&defaults);
	poller->ops->close(poller, &theirs.socket, false);
	ssize_t sent = 0;

	until((sent = sends(&ours, "anybody there?")) < 0);

	cr_expect(sent == -EPIPE || sent == -ECONNRESET);
	finish_all();
}

BOTH(takes_no_more_than_fits_from_a_fast_writer)
{
	connect_with(&narrow);

	size_t taken = fills(&ours);

	cr_expect_lt(taken, 2 * 1024 * 1024);
	finish_all();
}

BOTH(ends_a_write_when_there_is_room_again)
{
	connect_with(&narrow);
	size_t taken = fills(&ours);
	struct iovec piece = {"more", 4};
	poller->ops->write(poller, &ours.socket, &piece, 1);
	settle();
	cr_expect_eq(ours.writes, 0);

	poller->ops->read(poller, &theirs.socket);
	until(ours.writes);

	cr_expect_eq(ours.wrote, 4);
	until(theirs.size == taken + 4);
	cr_expect(!memcmp(theirs.bytes + taken, "more", 4));
	finish_all();
}

BOTH(carries_a_large_amount_whole_and_in_order)
{
	enum { SIZE = 3 * 1000 * 1000 };
	uint8_t *bytes = malloc(SIZE);
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 24);
	connect_with(&defaults);
	poller->ops->read(poller, &theirs.socket);

	for (size_t sent = 0; sent < SIZE; sent += (size_t)ours.wrote) {
		struct iovec piece = {bytes + sent, SIZE - sent};
		int before = ours.writes;
		poller->ops->write(poller, &ours.socket, &piece, 1);
		until(ours.writes > before);
		cr_assert_gt(ours.wrote, 0);
	}
	until(theirs.size == SIZE);

	cr_expect(!memcmp(theirs.bytes, bytes, SIZE));
	cr_expect_lt(theirs.reads, 3000); // reads have grown with what came
	free(bytes);
	finish_all();
}

BOTH(tells_a_write_under_way_that_the_peer_is_gone)
{
	connect_with(&narrow);
	fills(&ours);
	struct iovec piece = {"more", 4};
	poller->ops->write(poller, &ours.socket, &piece, 1);
	settle();
	poller->ops->close(poller, &theirs.socket, true);

	until(ours.writes);

	// A kernel may report the reset to whichever call comes first.
	cr_expect(ours.wrote == -EPIPE || ours.wrote == -ECONNRESET);
	finish_all();
}

BOTH(tells_nothing_after_a_close)
{
	connect_with(&defaults);
	poller->ops->read(poller, &theirs.socket);
	sends(&ours, "too late");
	poller->ops->close(poller, &theirs.socket, false);
	settle();

	cr_expect_eq(theirs.reads, 0);
	cr_expect_eq(theirs.read_ends, 0);
	cr_expect_eq(theirs.socket.descriptor, NO_DESCRIPTOR);
	poller->ops->close(poller, &theirs.socket, false);
	finish_all();
}

BOTH(may_be_closed_by_what_it_tells)
{
	connect_with(&defaults);
	theirs.closes = true;
	poller->ops->read(poller, &theirs.socket);
	sends(&ours, "enough");

	expect_bytes(theirs, "enough");
	settle();

	cr_expect_eq(theirs.socket.descriptor, NO_DESCRIPTOR);
	cr_expect_eq(theirs.reads, 1);
	finish_all();
}

BOTH(refuses_after_the_listener_is_closed)
{
	union address at = listens(&listener);
	struct probe caller;
	start(&caller);
	cr_assert_eq(poller->ops->connect(poller, &caller.socket, &at, &defaults), 0);
	until(caller.connected == 0);
	poller->ops->read(poller, &caller.socket);

	finish(&listener);
	until(caller.read_ends); // it was never accepted
	cr_expect_eq(caller.read_err, -ECONNRESET);
	finish(&caller);

	start(&caller);
	int err = poller->ops->connect(poller, &caller.socket, &at, &defaults);
	if (!err) {
		until(caller.connected != 1);
		err = caller.connected;
	}
	cr_expect_eq(err, -ECONNREFUSED);
	finish(&caller);
}

BOTH(serves_the_others_when_one_never_stops_sending)
{
	struct probe quiet, peer;
	union address at;
	connect_with(&defaults);
	at = address_of(&listener.socket, false);
	start(&quiet);
	cr_assert_eq(poller->ops->connect(poller, &quiet.socket, &at, &defaults), 0);
	until(listener.accepts == 2 && quiet.connected == 0);
	adopt(&peer, listener.accepted[1]);
	poller->ops->read(poller, &theirs.socket);
	poller->ops->read(poller, &peer.socket);

	fills(&ours);
	sends(&quiet, "me too");
	int visits = 0;
	while (!peer.reads && visits++ < 20)
		poll_once(1, 0);

	cr_expect_eq(peer.reads, 1);
	finish(&quiet);
	finish(&peer);
	finish_all();
}

BOTH(knows_numeric_addresses_without_waiting)
{
	union address found[4];

	cr_expect_eq(poller->ops->lookup(poller, "127.0.0.1", 80, found, 4), 1);
	cr_expect_eq(address_port(&found[0]), 80);
	cr_expect_eq(poller->ops->lookup(poller, "::1", 80, found, 4), 1);
	cr_expect_eq(found[0].any.sa_family, AF_INET6);
	cr_expect_lt(poller->ops->lookup(poller, "no.such.name.invalid", 80, found, 4), 0);
}

// ---- epoll alone

Test(epoll, waits_until_its_deadline_and_not_much_less)
{
	cr_assert_eq(epoll_poller_create(&poller), 0);
	uint64_t before = now_ns();

	poll_once(before, before + 3300000);

	cr_expect_geq(now_ns() - before, 3300000);
	poller->ops->destroy(poller);
}

Test(epoll, remembers_a_ring_for_the_next_wait)
{
	cr_assert_eq(epoll_poller_create(&poller), 0);

	for (int i = 0; i < 3; i++) {
		poller->ops->ring(poller);
		poll_once(now_ns(), UINT64_MAX); // or this never ends
	}
	poller->ops->destroy(poller);
}

Test(epoll, tells_that_descriptors_are_exhausted_and_accepts_later)
{
	cr_assert_eq(epoll_poller_create(&poller), 0);
	union address at = listens(&listener);
	struct probe caller;
	struct rlimit limit;
	start(&caller);
	cr_assert_eq(poller->ops->connect(poller, &caller.socket, &at, &defaults), 0);
	until(caller.connected == 0);

	getrlimit(RLIMIT_NOFILE, &limit);
	struct rlimit none = {.rlim_cur = 3, .rlim_max = limit.rlim_max};
	setrlimit(RLIMIT_NOFILE, &none);
	poller->ops->accept(poller, &listener.socket);
	until(listener.accept_err);
	setrlimit(RLIMIT_NOFILE, &limit);
	cr_expect_eq(listener.accept_err, -EMFILE);
	cr_expect_eq(listener.accepts, 0);

	poller->ops->accept(poller, &listener.socket);
	until(listener.accepts == 1);
	poller->ops->discard(poller, listener.accepted[0]);
	finish(&caller);
	finish(&listener);
	poller->ops->destroy(poller);
}

// ---- the network in memory alone

Test(memory, lets_callers_wait_while_the_backlog_is_full)
{
	network = memory_network_create();
	memory_poller_create(network, &poller);
	static struct probe callers[3];
	union address at = listens_with(&listener, 2, &defaults);

	for (int i = 0; i < 3; i++) {
		start(&callers[i]);
		poller->ops->connect(poller, &callers[i].socket, &at, &defaults);
	}
	settle();
	cr_expect_eq(callers[1].connected, 0);
	cr_expect_eq(callers[2].connected, 1);

	poller->ops->accept(poller, &listener.socket);
	until(callers[2].connected == 0 && listener.accepts == 3);
	for (int i = 0; i < 3; i++) {
		finish(&callers[i]);
		poller->ops->discard(poller, listener.accepted[i]);
	}
	finish(&listener);
	poller->ops->destroy(poller);
	memory_network_destroy(network);
}

Test(memory, knows_the_names_it_was_told)
{
	network = memory_network_create();
	memory_poller_create(network, &poller);
	union address found[4], two[2] = {loopback(0), loopback(0)};
	address_parse("10.0.0.7", 0, &two[0]);
	memory_network_name(network, "example", two, 2);

	cr_expect_eq(poller->ops->lookup(poller, "example", 80, found, 4), 2);
	char text[ADDRESS_TEXT];
	address_print(&found[0], text);
	cr_expect_str_eq(text, "10.0.0.7:80");
	poller->ops->destroy(poller);
	memory_network_destroy(network);
}
