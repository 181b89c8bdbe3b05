/* What tests of TCP talk to, servers that echo, tell what happens to them or write much; and how
 * their root talks to these: what it does, and what it expects to come next. */
#ifndef TESTS_NET_TCP_PEERS_H
#define TESTS_NET_TCP_PEERS_H

#include <string.h>

#include <noh/noh.h>

enum { PATIENCE_MS = 5000 };

// ---- servers

NOH_MESSAGE(heard, (conn, conn), (str, what), (i64, number));

static inline void report(noh_actor to, noh_conn conn, const char *what, int64_t number)
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

// ---- what the root does

static inline uint16_t port_of(noh_actor listener)
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

static inline noh_conn opened(noh_conn conn)
{
	const struct noh_delivery *in = noh_receive(PATIENCE_MS, noh_tcp_opened, noh_tcp_closed);
	noh_check(noh_as(in, noh_tcp_opened));
	noh_check(noh_as(in, noh_tcp_opened)->conn.id == conn.id);
	return conn;
}

static inline noh_conn connects(uint16_t port)
{
	return opened(noh_tcp_connect(.host = "127.0.0.1", .port = port));
}

static inline void writes(noh_conn conn, const char *text)
{
	noh_check(!noh_tcp_write(conn, noh_bytes_copy(text, strlen(text))));
}

// Reads exactly this much; what is in it must go on as the pattern of a flood, or be this text.
static inline void reads(noh_conn conn, size_t size, const char *text)
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

static inline void reads_text(noh_conn conn, const char *text)
{
	reads(conn, strlen(text), text);
}

static inline int64_t is_closed(noh_conn conn)
{
	const struct noh_delivery *in = noh_receive(PATIENCE_MS, noh_tcp_data, noh_tcp_closed);
	const struct noh_tcp_closed *closed = noh_as(in, noh_tcp_closed);
	noh_check(closed && closed->conn.id == conn.id);
	return closed->err;
}

// The next thing that a server tells.
static inline noh_conn hears(const char *what, int64_t *ret_number)
{
	const struct heard *heard = noh_as(noh_receive(PATIENCE_MS, heard), heard);
	noh_check(heard);
	if (strcmp(heard->what, what))
		noh_fail("heard %s, not %s", heard->what, what);
	if (ret_number)
		*ret_number = heard->number;
	return heard->conn;
}

static inline void hears_no_more(void)
{
	const struct heard *heard = noh_as(noh_receive(0, heard), heard);
	if (heard)
		noh_fail("heard %s", heard->what);
}

// Lets a round trip pass, so that whatever was under way has come.
static inline void lets_things_happen(uint16_t echo_port)
{
	noh_conn conn = connects(echo_port);
	for (int i = 0; i < 3; i++) {
		writes(conn, "ping");
		reads_text(conn, "ping");
	}
	noh_tcp_close(conn);
}

#endif
