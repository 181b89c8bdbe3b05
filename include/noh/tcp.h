/* TCP: listeners and connections whose events are messages. A connection belongs to one actor. */
#ifndef NOH_TCP_H
#define NOH_TCP_H

#include <noh/actor.h>

NOH_BEGIN

#define NOH_CREDIT_BY_HAND UINT32_MAX

/* How the socket of a connection behaves; zero means the default. */
struct noh_tcp_options {
	bool delay;           // gather small segments (Nagle); default off
	int64_t keep_alive_s; // probes after so much silence; default off
	int64_t linger_ms;    // what a close waits for the peer; -1: a close resets at once
	size_t send_buffer_bytes, receive_buffer_bytes; // the kernel's default
	size_t unsent_limit; // 256 KiB: above it reading pauses, and noh_tcp_drained is promised
	uint32_t credit;     // 16 unhandled noh_tcp_data; NOH_CREDIT_BY_HAND: noh_tcp_read_more()
};

/* What noh_tcp_listen() needs: `noh_tcp_listen(&listener, .address = "127.0.0.1", .port = 7000,
 * .serve = &echo_actor)`. */
struct noh_listen {
	size_t size;
	const char *address;                // a numeric address; default 127.0.0.1
	uint16_t port;                      // 0: any free one, see noh_tcp_port()
	const struct noh_actor_type *serve; // each connection gets an actor of this type; NULL:
					    // all become the caller's ...
	const void *state;      // ... that starts with these bytes
	size_t max_connections; // 0: as many as descriptors allow; beyond it peers wait in the
				// backlog
	int backlog;            // 1024
	struct noh_tcp_options options;
};

/* Listens. Synchronous. Handlers, fibers. Copies its options. The listener is an actor and a child
 * of the caller; the actors that serve are children of the listener, and a failure of one ends its
 * connection only. `ret_listener` may be NULL. Returns 0 or a negative errno (-EADDRINUSE, ...). */
#define noh_tcp_listen(ret_listener, ...) \
	noh_tcp_listen_with(ret_listener, \
			    NOH_VALUE(noh_listen, .size = sizeof(struct noh_listen), __VA_ARGS__))
int noh_tcp_listen_with(noh_actor *ret_listener, const struct noh_listen *options);

/* The port of a listener, or -ESRCH. Any thread. */
int noh_tcp_port(noh_actor listener);

/* What noh_tcp_connect() needs. Each address of the name is tried in turn. */
struct noh_connect {
	size_t size;
	const char *host; // a name or a numeric address
	uint16_t port;
	int64_t within_ms; // for all tries together: 10000
	struct noh_tcp_options options;
};

/* Connects. Handlers, fibers. The running actor gets noh_tcp_opened, or noh_tcp_closed with the
 * error of the last address tried. Returns the connection's id at once. */
#define noh_tcp_connect(...)  \
	noh_tcp_connect_with( \
		NOH_VALUE(noh_connect, .size = sizeof(struct noh_connect), __VA_ARGS__))
noh_conn noh_tcp_connect_with(const struct noh_connect *options);

/* Sends bytes: gathered, and flushed when the turn ends. Retains the slice (copies borrowed
 * memory). Owner only. Returns 0; -EPIPE closed for writing; -ENOBUFS when far more than the unsent
 * limit waits already: nothing was taken. */
int noh_tcp_write(noh_conn conn, noh_bytes bytes);

/* Bytes taken by noh_tcp_write() that the kernel does not have yet. Owner only. */
size_t noh_tcp_unsent(noh_conn conn);

/* Grants more noh_tcp_data to a connection whose credit goes by hand. Owner only. */
int noh_tcp_read_more(noh_conn conn, uint32_t credit);

/* Makes another actor the owner: it gets noh_tcp_opened, then all data that this one has not
 * handled yet, in order. Owner only. Returns 0; -ESRCH. */
int noh_tcp_give(noh_conn conn, noh_actor to);

/* Ends writing after what was written (the peer reads the end); reading goes on. Owner only. */
int noh_tcp_half_close(noh_conn conn);

/* Closes after what was written is sent, at most the linger time. No message of the connection
 * arrives after this call. Owner only. */
void noh_tcp_close(noh_conn conn);

/* Closes at once with a reset; what was not sent is lost. Owner only. */
void noh_tcp_abort(noh_conn conn);

/* "127.0.0.1:7000" of the peer or of this side; lives as long as a message. Owner only. NULL when
 * the connection is gone. */
const char *noh_tcp_peer(noh_conn conn);
const char *noh_tcp_local(noh_conn conn);

// ---- in line: fibers that read and write one after the other, instead of handling messages

/* Connects, and waits: `err = noh_tcp_dial(&conn, .host = "example.org", .port = 80)`. Fibers.
 * Returns 0, or the negative errno of the last address tried. */
#define noh_tcp_dial(ret_conn, ...) \
	noh_tcp_dial_with(ret_conn, \
			  NOH_VALUE(noh_connect, .size = sizeof(struct noh_connect), __VA_ARGS__))
int noh_tcp_dial_with(noh_conn *ret_conn, const struct noh_connect *options);

/* Waits for the next connection that becomes this fiber's: that it is spawned to serve, that its
 * listener without `serve` has accepted, or that was given to it. Fibers. `within_ms` as of
 * noh_receive(). Returns 0; -ETIMEDOUT. */
int noh_tcp_accept(int64_t within_ms, noh_conn *ret_conn);

/* Waits until `least` bytes have come (0: any), and gets at most `most` of those that have (0:
 * all). Other mail stays queued; what is lent, and the message in hand, stay so. The bytes are lent
 * until the next read of this connection, or its end, whichever comes first. Fibers, owner only.
 * Returns 0, with fewer than `least` bytes only when the peer has ended, and none after that (it
 * can still be written to; the connection stays until noh_tcp_close() or the fiber's end);
 * -ETIMEDOUT: nothing was taken; -EPIPE: not this fiber's; or what broke it. Whoever reads in line
 * leaves its noh_tcp_data and noh_tcp_closed to these calls. */
int noh_tcp_read(noh_conn conn, size_t least, size_t most, int64_t within_ms, noh_bytes *ret_bytes);

/* The same up to and with the first byte `end`: `noh_tcp_read_to(conn, '\n', 1000, 5000, &line)`.
 * Without it only when the peer has ended. -EMSGSIZE: it is not among the first `most` bytes;
 * nothing was taken. */
int noh_tcp_read_to(noh_conn conn, char end, size_t most, int64_t within_ms, noh_bytes *ret_bytes);

/* As noh_tcp_write(), but if more than the unsent limit is waiting already it waits first until
 * that is half as much. Fibers, owner only. Returns 0; -ETIMEDOUT: nothing was taken; -EPIPE. */
int noh_tcp_write_within(noh_conn conn, noh_bytes bytes, int64_t within_ms);

// ---- the messages of a connection

/* The first message of a connection to its owner, also after noh_tcp_give(). */
NOH_LIBRARY_MESSAGE(noh_tcp_opened, (conn, conn), (str, peer));
NOH_LIBRARY_MESSAGE(noh_tcp_data, (conn, conn), (bytes, bytes));
/* The peer ended its writing (half-close); this side can still write. Sent only to actors with
 * handlers that accept it; others, and fibers, get noh_tcp_closed. */
NOH_LIBRARY_MESSAGE(noh_tcp_ended, (conn, conn));
/* What was unsent has fallen below half the limit again, after it was above it. */
NOH_LIBRARY_MESSAGE(noh_tcp_drained, (conn, conn));
/* The last message of a connection, unless its owner has closed it: 0 when both sides have ended
 * their writing, or the negative errno that broke it. */
NOH_LIBRARY_MESSAGE(noh_tcp_closed, (conn, conn), (i64, err));

NOH_END
#endif
