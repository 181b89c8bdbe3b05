/*
 * What every poller promises of connections, as sentences that each back end is held to; and what
 * each does alone.
 */
#include <sys/resource.h>

#include "tests/support/poller_probe.h"

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
