/*
 * TCP as actors see it. The same sentences hold in a simulated runtime, whose network is in memory,
 * and in a real one on the loopback interface; what needs a clock that jumps, or a kernel, is at
 * the end. The body of each test is the root of a runtime.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <criterion/criterion.h>
#include <noh/noh.h>
#include <noh/test.h>

enum { PATIENCE_MS = 5000 };

#if defined(__SANITIZE_THREAD__)
enum { SEEDS = 1 }; // one thread races with nobody
#else
enum { SEEDS = 10 };
#endif

static int in_simulations(int (*body)(void *))
{
	const char *seeds = getenv("NOH_SEEDS");
	int count = seeds ? atoi(seeds) : SEEDS, status = 0;

	for (int seed = 1; seed <= count && !status; seed++)
		status = noh_simulate((uint64_t)seed, body, NULL);
	if (status)
		return status;

	// The network repeats with the seed too.
	uint64_t hash = noh_test_last_run().hash;
	status = noh_simulate((uint64_t)count, body, NULL);
	cr_expect_eq(noh_test_last_run().hash, hash, "another trace in the same run");
	return status;
}

#define SIMULATED(name)                                \
	static int name(void *unused);                 \
	Test(simulated, name)                          \
	{                                              \
		cr_expect_eq(in_simulations(name), 0); \
	}
#define REAL(name)                                                  \
	Test(loopback, name)                                        \
	{                                                           \
		cr_expect_eq(noh_run(name, NULL, .workers = 2), 0); \
	}
#define BODY(name) static int name(void *unused __attribute__((unused)))

#define BOTH(name) SIMULATED(name) REAL(name) BODY(name)

// ---- servers

NOH_MESSAGE(heard, (conn, conn), (str, what), (i64, number));

static void report(noh_actor to, noh_conn conn, const char *what, int64_t number)
{
	noh_send(to, heard, .conn = conn, .what = what, .number = number);
}

// Sends back what it gets.
struct echo {
	int unused;
};

static void echo_data(struct echo *self, const struct noh_tcp_data *msg)
{
	(void)self;
	noh_tcp_write(msg->conn, msg->bytes);
}

static void echo_closed(struct echo *self, const struct noh_tcp_closed *msg)
{
	(void)self;
	(void)msg;
	noh_stop(noh_self());
}

NOH_ACTOR(echo, (noh_tcp_data, echo_data), (noh_tcp_closed, echo_closed));

// Tells what happens to it, and does as the first byte of what it reads says.
struct tells {
	noh_actor root;
};

static void tells_opened(struct tells *self, const struct noh_tcp_opened *msg)
{
	report(self->root, msg->conn, "opened", (int64_t)noh_self().id);
}

static void tells_data(struct tells *self, const struct noh_tcp_data *msg)
{
	report(self->root, msg->conn, "data", (int64_t)msg->bytes.size);
	switch (msg->bytes.at[0]) {
	case 'a': // answers and ends
		noh_tcp_write(msg->conn, noh_bytes_copy("bye", 3));
		noh_stop(noh_self());
		break;
	case 'c': // answers and closes
		noh_tcp_write(msg->conn, noh_bytes_copy("bye", 3));
		noh_tcp_close(msg->conn);
		break;
	case 'f': // answers and fails
		noh_tcp_write(msg->conn, noh_bytes_copy("bye", 3));
		noh_fail("as it was told to");
	case 'k': // answers and is killed
		noh_tcp_write(msg->conn, noh_bytes_copy("bye", 3));
		noh_kill(noh_self());
		break;
	case 'r':
		noh_tcp_abort(msg->conn);
		break;
	case 'g': // goes to the root
		noh_tcp_give(msg->conn, self->root);
		break;
	case 'h': // answers and ends its writing
		noh_tcp_write(msg->conn, noh_bytes_copy("bye", 3));
		noh_tcp_half_close(msg->conn);
		break;
	}
}

static void tells_ended(struct tells *self, const struct noh_tcp_ended *msg)
{
	report(self->root, msg->conn, "ended", 0);
	noh_tcp_write(msg->conn, noh_bytes_copy("still here", 10));
	noh_tcp_close(msg->conn);
}

static void tells_drained(struct tells *self, const struct noh_tcp_drained *msg)
{
	report(self->root, msg->conn, "drained", (int64_t)noh_tcp_unsent(msg->conn));
}

static void tells_closed(struct tells *self, const struct noh_tcp_closed *msg)
{
	report(self->root, msg->conn, "closed", msg->err);
}

NOH_ACTOR(tells, (noh_tcp_opened, tells_opened), (noh_tcp_data, tells_data),
	  (noh_tcp_ended, tells_ended), (noh_tcp_drained, tells_drained),
	  (noh_tcp_closed, tells_closed));

// Writes much, as soon as it is asked to.
struct floods {
	noh_actor root;
	size_t bytes;
};

static void floods_data(struct floods *self, const struct noh_tcp_data *msg)
{
	uint8_t *bytes = noh_alloc(self->bytes);
	for (size_t i = 0; i < self->bytes; i++)
		bytes[i] = (uint8_t)(i % 251);
	noh_check(!noh_tcp_write(msg->conn, noh_bytes_copy(bytes, self->bytes)));
	noh_drop(bytes);
	report(self->root, msg->conn, "written", (int64_t)noh_tcp_unsent(msg->conn));
}

static void floods_drained(struct floods *self, const struct noh_tcp_drained *msg)
{
	report(self->root, msg->conn, "drained", (int64_t)noh_tcp_unsent(msg->conn));
}

static void floods_closed(struct floods *self, const struct noh_tcp_closed *msg)
{
	report(self->root, msg->conn, "closed", msg->err);
	noh_stop(noh_self());
}

NOH_ACTOR(floods, (noh_tcp_data, floods_data), (noh_tcp_drained, floods_drained),
	  (noh_tcp_closed, floods_closed));

// Connects in each of its lives, and fails when it is told to.
struct dialer {
	uint64_t port;
};

NOH_MESSAGE(breaks);

static void dialer_start(struct dialer *self, const struct noh_start *msg)
{
	(void)msg;
	noh_tcp_connect(.host = "127.0.0.1", .port = (uint16_t)self->port);
}

static void dialer_breaks(struct dialer *self, const struct breaks *msg)
{
	(void)self;
	(void)msg;
	noh_fail("as it was told to");
}

NOH_ACTOR(dialer, (noh_start, dialer_start), (breaks, dialer_breaks));

// ---- what the root does

static uint16_t port_of(noh_actor listener)
{
	int port = noh_tcp_port(listener);
	noh_check(port > 0);
	return (uint16_t)port;
}

#define listens(ret_port, type, ...)                                                              \
	do {                                                                                      \
		noh_actor listener_;                                                              \
		struct type state_ = {__VA_ARGS__};                                               \
		noh_check(!noh_tcp_listen(&listener_, .serve = &type##_actor, .state = &state_)); \
		*(ret_port) = port_of(listener_);                                                 \
	} while (0)

static noh_conn opened(noh_conn conn)
{
	const struct noh_delivery *in = noh_receive(PATIENCE_MS, noh_tcp_opened, noh_tcp_closed);
	noh_check(noh_as(in, noh_tcp_opened));
	noh_check(noh_as(in, noh_tcp_opened)->conn.id == conn.id);
	return conn;
}

static noh_conn connects(uint16_t port)
{
	return opened(noh_tcp_connect(.host = "127.0.0.1", .port = port));
}

static void writes(noh_conn conn, const char *text)
{
	noh_check(!noh_tcp_write(conn, noh_bytes_copy(text, strlen(text))));
}

// Reads exactly this much; what is in it must go on as the pattern of a flood, or be this text.
static void reads(noh_conn conn, size_t size, const char *text)
{
	for (size_t got = 0; got < size;) {
		const struct noh_delivery *in =
			noh_receive(PATIENCE_MS, noh_tcp_data, noh_tcp_closed);
		const struct noh_tcp_data *data = noh_as(in, noh_tcp_data);
		noh_check(data && data->conn.id == conn.id);
		for (size_t i = 0; i < data->bytes.size; i++, got++) {
			noh_check(got < size);
			noh_check(data->bytes.at[i] ==
				  (text ? (uint8_t)text[got] : (uint8_t)(got % 251)));
		}
	}
}

static void reads_text(noh_conn conn, const char *text)
{
	reads(conn, strlen(text), text);
}

static int64_t is_closed(noh_conn conn)
{
	const struct noh_delivery *in = noh_receive(PATIENCE_MS, noh_tcp_data, noh_tcp_closed);
	const struct noh_tcp_closed *closed = noh_as(in, noh_tcp_closed);
	noh_check(closed && closed->conn.id == conn.id);
	return closed->err;
}

// The next thing that a server tells.
static noh_conn hears(const char *what, int64_t *ret_number)
{
	const struct heard *heard = noh_as(noh_receive(PATIENCE_MS, heard), heard);
	noh_check(heard);
	if (strcmp(heard->what, what))
		noh_fail("heard %s, not %s", heard->what, what);
	if (ret_number)
		*ret_number = heard->number;
	return heard->conn;
}

static void hears_no_more(void)
{
	const struct heard *heard = noh_as(noh_receive(0, heard), heard);
	if (heard)
		noh_fail("heard %s", heard->what);
}

// Lets a round trip pass, so that whatever was under way has come.
static void lets_things_happen(uint16_t echo_port)
{
	noh_conn conn = connects(echo_port);
	for (int i = 0; i < 3; i++) {
		writes(conn, "ping");
		reads_text(conn, "ping");
	}
	noh_tcp_close(conn);
}

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

// ---- ends of connections

BOTH(reads_on_after_a_half_close)
{
	uint16_t port;
	listens(&port, echo);
	noh_conn conn = connects(port);

	writes(conn, "what comes back");
	noh_check(!noh_tcp_half_close(conn));
	noh_check(noh_tcp_write(conn, noh_bytes_copy("more", 4)) == -EPIPE);

	reads_text(conn, "what comes back");
	noh_check(is_closed(conn) == 0);
	return 0;
}

BOTH(tells_the_peers_half_close_once_and_still_writes)
{
	uint16_t port;
	listens(&port, tells, noh_self());
	noh_conn conn = connects(port);
	hears("opened", NULL);

	noh_tcp_half_close(conn);

	hears("ended", NULL);
	reads_text(conn, "still here");
	noh_check(is_closed(conn) == 0);
	hears_no_more();
	return 0;
}

// Answers the peer's end with its own.
struct polite {
	noh_actor root;
};

static void polite_ended(struct polite *self, const struct noh_tcp_ended *msg)
{
	report(self->root, msg->conn, "ended", 0);
	noh_tcp_half_close(msg->conn);
}

static void polite_closed(struct polite *self, const struct noh_tcp_closed *msg)
{
	report(self->root, msg->conn, "closed", msg->err);
	noh_stop(noh_self());
}

NOH_ACTOR(polite, (noh_tcp_ended, polite_ended), (noh_tcp_closed, polite_closed));

BOTH(is_closed_when_both_sides_have_ended)
{
	uint16_t port;
	int64_t err;
	listens(&port, polite, noh_self());
	noh_conn conn = connects(port);

	noh_tcp_half_close(conn);

	hears("ended", NULL);
	hears("closed", &err);
	noh_check(err == 0);
	noh_check(is_closed(conn) == 0);
	return 0;
}

BOTH(sends_what_was_written_before_a_close)
{
	uint16_t port;
	listens(&port, tells, noh_self());
	static const char *const ways[] = {"close", "a: end", "fail", "kill"};

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		noh_conn conn = connects(port);
		writes(conn, ways[i]);
		reads_text(conn, "bye");
		noh_check(is_closed(conn) == 0);
		hears("opened", NULL);
		hears("data", NULL);
	}
	hears_no_more();
	return 0;
}

BOTH(tells_a_reset)
{
	uint16_t port;
	listens(&port, tells, noh_self());
	noh_conn conn = connects(port);

	writes(conn, "reset");

	noh_check(is_closed(conn) == -ECONNRESET);
	return 0;
}

BOTH(tells_nothing_after_a_close)
{
	uint16_t port, echo_port;
	listens(&port, tells, noh_self());
	listens(&echo_port, echo);
	noh_conn conn = connects(port);

	writes(conn, "half");
	noh_check(noh_as(noh_receive(PATIENCE_MS, heard), heard)); // opened
	noh_check(noh_as(noh_receive(PATIENCE_MS, heard), heard)); // data: an answer is under way
	noh_tcp_close(conn);
	noh_check(noh_tcp_write(conn, noh_bytes_copy("?", 1)) == -EPIPE);
	lets_things_happen(echo_port);

	noh_check(!noh_receive(0, noh_tcp_data, noh_tcp_closed, noh_tcp_ended));
	return 0;
}

BOTH(is_nobody_elses)
{
	uint16_t port;
	listens(&port, tells, noh_self());
	noh_conn ours = connects(port);
	noh_conn theirs = hears("opened", NULL);

	noh_check(theirs.id != ours.id);
	noh_check(noh_tcp_write(theirs, noh_bytes_copy("?", 1)) == -EPIPE);
	noh_check(noh_tcp_give(theirs, noh_self()) == -ESRCH);
	noh_check(!noh_tcp_peer(theirs));
	noh_tcp_close(theirs);
	noh_tcp_abort((noh_conn){0});
	noh_tcp_abort((noh_conn){UINT64_MAX});

	writes(ours, "half");
	reads_text(ours, "bye");
	return 0;
}

BOTH(concerns_nobody_else_when_its_actor_fails)
{
	uint16_t port;
	listens(&port, tells, noh_self());
	noh_conn fails = connects(port), other = connects(port);

	writes(fails, "fail");
	reads_text(fails, "bye");
	noh_check(is_closed(fails) == 0);

	writes(other, "half");
	reads_text(other, "bye");
	return 0;
}

BOTH(is_closed_when_its_actor_starts_again)
{
	uint16_t port;
	listens(&port, tells, noh_self());
	struct dialer state = {.port = port};
	noh_actor dialer =
		noh_spawn_type(&dialer_actor, &state,
			       &(struct noh_spawn_options){.size = sizeof(struct noh_spawn_options),
							   .keeps_place = true,
							   .monitored = true});
	noh_conn first = hears("opened", NULL);

	noh_send(dialer, breaks);
	const struct noh_down *down = noh_as(noh_receive(PATIENCE_MS, noh_down), noh_down);
	noh_check(down && down->restarting);
	noh_check(hears("ended", NULL).id == first.id);
	noh_check(!noh_restart(dialer, &state));

	noh_check(hears("opened", NULL).id != first.id);
	hears_no_more();
	return 0;
}

BOTH(closes_all_when_the_listener_ends)
{
	noh_actor listener;
	noh_check(!noh_tcp_listen(&listener, .serve = &echo_actor));
	noh_conn conn = connects(port_of(listener));
	writes(conn, "x");
	reads_text(conn, "x");

	noh_stop(listener);

	noh_check(is_closed(conn) == 0);
	return 0;
}

// ---- owners

BOTH(goes_to_a_new_owner_with_all_that_was_not_handled)
{
	uint16_t port;
	listens(&port, tells, noh_self());
	noh_conn ours = connects(port);
	noh_conn theirs = hears("opened", NULL);

	writes(ours, "give");
	hears("data", NULL);
	for (int i = 0; i < 20; i++)
		writes(ours, "0123456789");
	opened(theirs);

	char all[201] = "";
	for (int i = 0; i < 20; i++)
		strcat(all, "0123456789");
	reads_text(theirs, all);
	writes(theirs, "thanks");
	reads_text(ours, "thanks");
	return 0;
}

// Gives its connection to the root, and takes its time to return from that.
struct slow_giver {
	noh_actor root;
};

NOH_MESSAGE(look_back);

static bool root_has_data; // set by the root's thread, awaited on the giver's

static void slow_giver_opened(struct slow_giver *self, const struct noh_tcp_opened *msg)
{
	noh_send(noh_self(), look_back);
	noh_tcp_give(msg->conn, self->root);
	int64_t end_ms = noh_now_ms() + PATIENCE_MS;
	while (!__atomic_load_n(&root_has_data, __ATOMIC_RELAXED) && noh_now_ms() < end_ms)
		;
}

static void slow_giver_look_back(struct slow_giver *self, const struct look_back *msg)
{
	(void)msg;
	report(self->root, (noh_conn){0}, "returned", 0);
}

NOH_ACTOR(slow_giver, (noh_tcp_opened, slow_giver_opened), (look_back, slow_giver_look_back));

static int stays_open_while_its_old_owner_has_not_returned(void *unused);
REAL(stays_open_while_its_old_owner_has_not_returned)
BODY(stays_open_while_its_old_owner_has_not_returned)
{
	uint16_t port;
	listens(&port, slow_giver, noh_self());
	noh_conn ours = noh_tcp_connect(.host = "127.0.0.1", .port = port);
	writes(ours, "x");

	const struct noh_tcp_data *data =
		noh_as(noh_receive(PATIENCE_MS, noh_tcp_data), noh_tcp_data);
	noh_check(data && data->conn.id != ours.id);
	noh_conn theirs = data->conn;
	__atomic_store_n(&root_has_data, true, __ATOMIC_RELAXED);
	hears("returned", NULL);

	writes(theirs, "still here");
	reads_text(ours, "still here");
	return 0;
}

NOH_MESSAGE(take, (conn, conn), (actor, from));

// Owns a connection that it was given, and hands it on and on.
struct relay {
	noh_actor root, next;
	uint32_t data_seen;
};

NOH_MESSAGE(meet, (actor, next));

static void relay_meet(struct relay *self, const struct meet *msg)
{
	self->next = msg->next;
}

static void relay_data(struct relay *self, const struct noh_tcp_data *msg)
{
	// In order: each byte is one more than the one before, whoever got that.
	for (size_t i = 0; i < msg->bytes.size; i++)
		report(self->root, msg->conn, "byte", msg->bytes.at[i]);
	noh_tcp_give(msg->conn, self->next);
}

NOH_ACTOR(relay, (meet, relay_meet), (noh_tcp_data, relay_data));

BOTH(keeps_the_order_while_it_goes_from_owner_to_owner)
{
	enum { BYTES = 120 };
	noh_actor a = noh_spawn(relay, .root = noh_self());
	noh_actor b = noh_spawn(relay, .root = noh_self(), .next = a);
	uint16_t port;
	noh_send(a, meet, .next = b);
	listens(&port, relay, .root = noh_self(), .next = b);
	noh_conn conn = connects(port);

	for (uint8_t i = 0; i < BYTES; i++) {
		noh_check(!noh_tcp_write(conn, noh_bytes_copy(&i, 1)));
		noh_yield();
	}
	for (int64_t i = 0; i < BYTES; i++) {
		int64_t byte;
		hears("byte", &byte);
		noh_check(byte == i);
	}
	return 0;
}

BOTH(is_closed_when_the_new_owner_is_gone)
{
	uint16_t port;
	listens(&port, echo);
	noh_conn conn = connects(port);
	noh_actor heir = noh_spawn(echo);
	uint64_t monitor = noh_monitor(heir, true);
	noh_stop(heir);
	noh_check(noh_as(noh_receive(PATIENCE_MS, noh_down), noh_down)->monitor == monitor);

	noh_check(noh_tcp_give(conn, heir) == -ESRCH);

	writes(conn, "still mine");
	reads_text(conn, "still mine");
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

SIMULATED(gives_what_is_unsent_four_seconds_after_a_close)
BODY(gives_what_is_unsent_four_seconds_after_a_close)
{
	uint16_t port;
	listens(&port, floods, noh_self(), 500000);
	noh_conn conn = opened(noh_tcp_connect(.host = "127.0.0.1", .port = port,
					       .options.credit = NOH_CREDIT_BY_HAND));
	writes(conn, "x");
	noh_conn theirs = hears("written", NULL);
	(void)theirs;
	noh_tcp_half_close(conn); // the server takes this for the end, and closes
	hears("closed", NULL);
	noh_sleep(3900);
	noh_tcp_read_more(conn, 1);
	noh_check(noh_as(noh_receive(100, noh_tcp_data), noh_tcp_data));

	noh_sleep(200); // now it is too late
	noh_tcp_read_more(conn, 1000);
	size_t got = 0;
	const struct noh_delivery *in;
	while ((in = noh_receive(PATIENCE_MS, noh_tcp_data, noh_tcp_closed)) &&
	       noh_as(in, noh_tcp_data))
		got += noh_as(in, noh_tcp_data)->bytes.size;
	noh_check(noh_as(in, noh_tcp_closed));
	noh_check(got < 400000);
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
