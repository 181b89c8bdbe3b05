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
	const struct noh_actor_type *serve; // each connection gets an actor of this type ...
	const void *state;                  // ... that starts with these bytes
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
