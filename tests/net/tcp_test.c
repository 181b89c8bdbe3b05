/* TCP as actors see it: connecting and accepting, and how much is read and written at a time. What
 * needs a clock that jumps, or a kernel, is at the end. */
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>

#include "tests/net/both.h"
#include "tests/net/tcp_peers.h"

// ---- connecting and accepting

BOTH(echoes)
{
	uint16_t port;
	listens(&port, echo);
	noh_conn conn = connects(port);

	writes(conn, "hello ");
	writes(conn, "world");

	reads_text(conn, "hello world");
	noh_tcp_close(conn);
	return 0;
}

BOTH(connects_over_ipv6)
{
	noh_actor listener;
	int err = noh_tcp_listen(&listener, .address = "::1", .serve = &echo_actor);
	if (err == -EADDRNOTAVAIL || err == -EAFNOSUPPORT)
		return 0; // a machine without
	noh_check(!err);

	noh_conn conn = opened(noh_tcp_connect(.host = "::1", .port = port_of(listener)));

	writes(conn, "six");
	reads_text(conn, "six");
	return 0;
}

BOTH(tries_each_address_of_a_name)
{
	uint16_t port;
	listens(&port, echo);

	// "localhost" is ::1 too, where nobody listens.
	noh_conn conn = opened(noh_tcp_connect(.host = "localhost", .port = port));

	writes(conn, "by name");
	reads_text(conn, "by name");
	return 0;
}

BOTH(tells_that_a_connect_was_refused)
{
	noh_actor listener;
	noh_check(!noh_tcp_listen(&listener, .serve = &echo_actor));
	uint16_t port = port_of(listener);
	uint64_t monitor = noh_monitor(listener, true);
	noh_stop(listener);
	noh_check(noh_as(noh_receive(PATIENCE_MS, noh_down), noh_down)->monitor == monitor);
	lets_things_happen(({
		uint16_t other;
		listens(&other, echo);
		other;
	}));

	noh_conn conn = noh_tcp_connect(.host = "127.0.0.1", .port = port);

	noh_check(is_closed(conn) == -ECONNREFUSED);
	noh_check(noh_tcp_port(listener) == -ESRCH);
	return 0;
}

BOTH(accepts_all_of_many)
{
	enum { MANY = 100 };
	noh_conn conns[MANY];
	uint16_t port;
	listens(&port, echo);

	for (int i = 0; i < MANY; i++)
		conns[i] = noh_tcp_connect(.host = "127.0.0.1", .port = port);
	for (int i = 0; i < MANY; i++)
		noh_check(noh_as(noh_receive(PATIENCE_MS, noh_tcp_opened), noh_tcp_opened));
	for (int i = 0; i < MANY; i++) {
		char text[24];
		snprintf(text, sizeof(text), "number %d", i);
		writes(conns[i], text);
		reads_text(conns[i], text);
	}
	return 0;
}

BOTH(accepts_no_more_than_allowed_until_one_closes)
{
	noh_actor listener;
	struct tells state = {noh_self()};
	noh_check(!noh_tcp_listen(&listener, .serve = &tells_actor, .state = &state,
				  .max_connections = 2));
	noh_conn first = connects(port_of(listener));
	connects(port_of(listener));
	connects(port_of(listener)); // into the backlog
	hears("opened", NULL);
	hears("opened", NULL);
	lets_things_happen(({
		uint16_t other;
		listens(&other, echo);
		other;
	}));
	hears_no_more();

	noh_tcp_abort(first);

	hears("closed", NULL);
	hears_no_more(); // as long as its owner has not closed it too, it counts
	return 0;
}

BOTH(accepts_the_next_when_a_connection_is_gone)
{
	noh_actor listener;
	noh_check(!noh_tcp_listen(&listener, .serve = &echo_actor, .max_connections = 1));
	noh_conn first = connects(port_of(listener));
	noh_conn second = noh_tcp_connect(.host = "127.0.0.1", .port = port_of(listener));
	writes(first, "first");
	reads_text(first, "first");

	noh_tcp_close(first);

	opened(second);
	writes(second, "second");
	reads_text(second, "second");
	return 0;
}

BOTH(refuses_a_port_that_is_taken)
{
	noh_actor listener;
	noh_check(!noh_tcp_listen(&listener, .serve = &echo_actor));

	noh_check(noh_tcp_listen(NULL, .port = port_of(listener), .serve = &echo_actor) ==
		  -EADDRINUSE);
	noh_check(noh_tcp_listen(NULL, .address = "no address", .serve = &echo_actor) == -EINVAL);
	return 0;
}

BOTH(knows_both_addresses)
{
	uint16_t port;
	listens(&port, echo);
	noh_conn conn = connects(port);
	char peer[64];
	snprintf(peer, sizeof(peer), "127.0.0.1:%d", port);

	noh_check(!strcmp(noh_tcp_peer(conn), peer));
	noh_check(strcmp(noh_tcp_local(conn), peer));
	noh_check(!strncmp(noh_tcp_local(conn), "127.0.0.1:", 10));
	noh_tcp_close(conn);
	noh_check(!noh_tcp_peer(conn));
	return 0;
}

BOTH(writes_before_it_is_connected)
{
	uint16_t port;
	listens(&port, echo);

	noh_conn conn = noh_tcp_connect(.host = "127.0.0.1", .port = port);
	writes(conn, "early");

	opened(conn);
	reads_text(conn, "early");
	return 0;
}

// ---- flow

BOTH(reads_only_as_much_as_it_is_granted)
{
	uint16_t port, echo_port;
	listens(&echo_port, echo);
	listens(&port, floods, noh_self(), 300000);
	noh_conn conn = opened(noh_tcp_connect(.host = "127.0.0.1", .port = port,
					       .options.credit = NOH_CREDIT_BY_HAND));
	writes(conn, "x");
	hears("written", NULL);
	lets_things_happen(echo_port);
	noh_check(!noh_receive(0, noh_tcp_data));

	size_t got = 0;
	int messages = 0;
	while (got < 300000) {
		noh_check(!noh_tcp_read_more(conn, 1));
		const struct noh_tcp_data *data =
			noh_as(noh_receive(PATIENCE_MS, noh_tcp_data), noh_tcp_data);
		noh_check(data);
		for (size_t i = 0; i < data->bytes.size; i++)
			noh_check(data->bytes.at[i] == (got + i) % 251);
		got += data->bytes.size;
		if (messages++ < 3) {
			lets_things_happen(echo_port);
			noh_check(!noh_receive(0, noh_tcp_data));
		}
	}
	return 0;
}

BOTH(holds_a_fast_writer_back_and_loses_nothing)
{
	enum { MUCH = 3000000 };
	uint16_t port;
	listens(&port, floods, noh_self(), MUCH);
	noh_conn conn = connects(port);
	int64_t unsent;

	writes(conn, "x");
	hears("written", &unsent);
	noh_check(unsent == MUCH); // nothing goes out before the turn ends
	reads(conn, MUCH, NULL);

	hears("drained", &unsent);
	noh_check(unsent <= 128 * 1024);
	hears_no_more();
	return 0;
}

// Writes until it is refused, and never reads.
BOTH(refuses_writes_when_far_too_much_waits)
{
	static const char block[64 * 1024];
	uint16_t port;
	noh_actor listener;
	struct tells state = {noh_self()};
	noh_check(!noh_tcp_listen(&listener, .serve = &tells_actor, .state = &state,
				  .options.credit = NOH_CREDIT_BY_HAND));
	port = port_of(listener);
	noh_conn conn = connects(port);
	size_t total = 0;
	int err;

	while (!(err = noh_tcp_write(conn, noh_bytes_copy(block, sizeof(block))))) {
		total += sizeof(block);
		noh_check(total < 64 * 1024 * 1024);
		if (total % (16 * sizeof(block)) == 0)
			noh_yield();
	}

	noh_check(err == -ENOBUFS);
	noh_check(noh_tcp_unsent(conn) <= 4 * 1024 * 1024);
	noh_tcp_abort(conn);
	return 0;
}

BOTH(stops_reading_from_a_peer_that_does_not_read)
{
	// An echo that gets more than it gets rid of must not take up memory for all of it.
	enum { BLOCK = 64 * 1024 };
	static uint8_t block[BLOCK];
	uint16_t port;
	listens(&port, echo);
	noh_conn conn = opened(noh_tcp_connect(.host = "127.0.0.1", .port = port,
					       .options = {.credit = NOH_CREDIT_BY_HAND,
							   .unsent_limit = 32 * 1024 * 1024}));
	size_t sent = 0;
	for (size_t i = 0; i < BLOCK; i++)
		block[i] = (uint8_t)(i % 251);

	// What the echo, the kernel and the limits can hold is less than this.
	enum { MUCH = 251 * BLOCK };
	while (sent < MUCH) {
		for (size_t i = 0; i < BLOCK; i++)
			block[i] = (uint8_t)((sent + i) % 251);
		noh_check(!noh_tcp_write(conn, noh_bytes_copy(block, BLOCK)));
		sent += BLOCK;
	}
	noh_yield();
	noh_check(noh_tcp_unsent(conn) > 0); // held back

	noh_tcp_read_more(conn, 1000000);
	reads(conn, MUCH, NULL);
	noh_check(noh_tcp_unsent(conn) == 0);
	return 0;
}

BOTH(tells_the_writer_that_its_peer_died)
{
	uint16_t port;
	listens(&port, floods, noh_self(), 8000000);
	noh_conn conn = opened(noh_tcp_connect(.host = "127.0.0.1", .port = port,
					       .options.credit = NOH_CREDIT_BY_HAND));
	int64_t err;

	writes(conn, "x");
	hears("written", NULL);
	noh_tcp_abort(conn);

	hears("closed", &err);
	noh_check(err == -EPIPE || err == -ECONNRESET);
	return 0;
}

// ---- virtual time alone

SIMULATED(gives_up_connecting_in_time)
BODY(gives_up_connecting_in_time)
{
	noh_actor listener;
	noh_check(!noh_tcp_listen(&listener, .serve = &echo_actor, .max_connections = 1,
				  .backlog = 1));
	connects(port_of(listener));
	connects(port_of(listener)); // waits in the backlog, which is full now
	int64_t before = noh_now_ms();

	noh_conn conn =
		noh_tcp_connect(.host = "127.0.0.1", .port = port_of(listener), .within_ms = 3000);

	noh_check(is_closed(conn) == -ETIMEDOUT);
	noh_check(noh_now_ms() - before >= 3000 && noh_now_ms() - before <= 3002);
	return 0;
}

SIMULATED(tells_that_a_name_is_unknown)
BODY(tells_that_a_name_is_unknown)
{
	noh_conn conn = noh_tcp_connect(.host = "no.such.name.invalid", .port = 1);

	noh_check(is_closed(conn) == -ENOENT);
	return 0;
}

// ---- kernels alone

static void set_descriptors(rlim_t count)
{
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = count;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int waits_for_descriptors(void *unused)
{
	(void)unused;
	uint16_t port;
	listens(&port, echo);
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	noh_conn before = connects(port);
	writes(before, "before");
	reads_text(before, "before");

	// Room for our own end of the next connection, and none for the server's.
	noh_conn conns[64];
	int count = 0;
	set_descriptors(40);
	while (count < 64) {
		conns[count] = noh_tcp_connect(.host = "127.0.0.1", .port = port);
		const struct noh_delivery *in =
			noh_receive(PATIENCE_MS, noh_tcp_opened, noh_tcp_closed);
		if (noh_as(in, noh_tcp_closed)) {
			noh_check(noh_as(in, noh_tcp_closed)->err == -EMFILE);
			break;
		}
		count++;
	}
	noh_check(count > 0 && count < 64);
	writes(before, "goes on");
	reads_text(before, "goes on");

	set_descriptors(limit.rlim_cur);
	for (int i = 0; i < count; i++) {
		writes(conns[i], "late");
		reads_text(conns[i], "late");
	}
	return 0;
}

static int lines_logged;

static void count_lines(void *argument, enum noh_level level, noh_actor who, const char *line)
{
	(void)argument;
	(void)who;
	if (level == NOH_WARN && strstr(line, "connections wait"))
		__atomic_add_fetch(&lines_logged, 1, __ATOMIC_RELAXED);
}

Test(loopback, lets_peers_wait_while_descriptors_lack_and_says_so_once)
{
	cr_expect_eq(noh_run(waits_for_descriptors, NULL, .workers = 1, .log = count_lines), 0);
	cr_expect_eq(lines_logged, 1);
}
