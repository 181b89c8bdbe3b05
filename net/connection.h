/*
 * A connection: what its owner's side (tcp.c, run by whoever runs the owning actor) and its
 * reactor's side (connection.c, run by whoever holds the reactor) know of it, and what they share.
 *
 * Connections lie in a table and their memory is only ever used as connections, so an id can be
 * looked up at any time. They are counted by references: the reactor's, until the descriptor is
 * closed, which happens only after the owner has closed; one for each message under way; one for a
 * command under way, and for the hook of an owner that closed while it was listed.
 *
 * What is written goes this way: noh_tcp_write() gathers; at the end of the turn the owner's worker
 * sends it itself, if nothing waits before it; the rest is handed over to the reactor. What is read
 * goes this way: the reactor reads while there is credit, and sends noh_tcp_data through a gate
 * that lets it pass only to the actor that owns the connection by then.
 */
#ifndef NET_CONNECTION_H
#define NET_CONNECTION_H

#include <noh/tcp.h>

#include "mailbox/atomic.h"
#include "net/outgoing.h"
#include "net/poller.h"
#include "net/reactor.h"
#include "runtime/seams.h"

struct dial;
struct stream;
struct listener;

enum {
	DEFAULT_CREDIT = 16,
	DEFAULT_UNSENT_LIMIT = 256 * 1024,
	DEFAULT_LINGER_MS = 4000,
	PIECES_A_WRITE = 64,   // of the owner's own, which needs them only while it writes
	PIECES_A_SENDING = 60, // of the reactor's, which keeps them: see struct sending
};

// What an owner asks of the reactor, in the order in which it is done.
enum {
	ASK_REGISTER = 1 << 0, // a descriptor that was accepted
	ASK_CONNECT = 1 << 1,  // to dial
	ASK_FOUND = 1 << 2,    // a lookup has ended
	ASK_WRITE = 1 << 3,    // what was handed over
	ASK_PROMISE = 1 << 4,  // more than the limit waits: noh_tcp_drained when it does not
	ASK_FAIL = 1 << 5,     // a write by the owner has failed
	ASK_HALF_CLOSE = 1 << 6,
	ASK_GRANT = 1 << 7, // there is credit again, or all of the old owner's data is back
	ASK_GIVE = 1 << 9,
	ASK_CLOSE = 1 << 10,
	ASK_ABORT = 1 << 11,
};

// Of struct connection.
enum {
	IS_OPEN = 1 << 0,    // adopted or connected
	IS_READING = 1 << 1, // a read is submitted
	IS_WRITING = 1 << 2, // a write is submitted
	IS_ABOVE = 1 << 3,   // the limit was exceeded; no reading until it is half empty
	HAS_ENDED = 1 << 4,  // the peer has ended its writing
	HAS_FAILED = 1 << 5, // nothing can be written or read any more: `err`
	TOLD_ENDED = 1 << 6,
	TOLD_CLOSED = 1 << 7,
	ENDS_WRITING = 1 << 8, // a half-close waits for what is unsent
	ENDED_WRITING = 1 << 12,
	IS_GIVEN = 1 << 9,    // waits for the old owner's messages
	IS_CLOSING = 1 << 10, // the owner has closed; what is unsent still goes out
	IS_DONE = 1 << 11,    // closed
};

// A message's bytes that came back.
struct given_back {
	struct given_back *next;
	noh_bytes bytes;
};

// A message about a connection under way, other than its data. There are several noh_tcp_opened
// when an owner has given the connection on meanwhile.
struct notice {
	struct gate gate; // first
	struct connection *connection;
	uint64_t owner; // that is told
	bool taken;     // a noh_tcp_opened, by it: it knows
};

// What waits at the reactor to be sent, while the kernel does not take it.
struct sending {
	struct outgoing outgoing;
	struct deadline closes; // the end of lingering
	struct connection *connection;
	struct iovec pieces[PIECES_A_SENDING]; // of the write under way
};

_Static_assert(sizeof(struct sending) <= 1024, "a block of the pool");

// What few connections need: made by the owner. The reactor looks at it after it was asked to, or
// when it has seen that there is no owner.
struct connection_rare {
	struct stream *stream; // the owner's: what a fiber reads in line
	struct dial *dial;     // the reactor's: while it connects
	uint64_t give_to;      // the next owner, while it is being given
	void *back;            // struct given_back: what the old one had not handled, newest first
	struct given_back *late; // the reactor's: was read when nobody owned it
};

struct connection {
	// Constant while it has its id.
	uint32_t index;
	uint32_t generation; // advanced when it is freed; read by whoever looks an id up
	struct net_reactor *reactor;
	uint32_t unsent_limit;
	uint32_t credit; // NOH_CREDIT_BY_HAND
	struct gate data_gate;

	// Shared, each changed by both sides.
	uint64_t traffic; // references, data messages retired, stall; below
	uint64_t owner;   // the handle; 0: closed, or being given away
	void *handed;     // over, for the reactor to send
	uint64_t unsent;  // bytes of it that the kernel does not have yet

	// The owner's side.
	_Alignas(CACHE_LINE) struct owned owned;
	struct turn_end flush;
	struct outgoing gathered;
	void *rare;              // struct connection_rare, or NULL: connection_rare()
	uint32_t in_hand;        // data messages admitted and not retired
	uint16_t write_error;    // of the owner's own writes; a positive errno; read by both sides
	uint8_t drained_out;     // a noh_tcp_drained is under way; set by both sides
	bool may_send : 1;       // it is open: the owner may write by itself
	bool above : 1;          // more than the limit was unsent; noh_tcp_drained is promised
	bool ended_writing : 1;  // noh_tcp_half_close()
	bool closed_in_hand : 1; // noh_tcp_closed was admitted
	bool gives : 1;          // goes to the next owner when the turn ends
	bool closed_before_flush : 1; // the hook, which is still listed, has a reference

	// The reactor's side, but for the first two.
	_Alignas(CACHE_LINE) struct open_socket
		open;     // its command is the owner's way to the reactor
	uint32_t granted; // by hand, in all
	uint32_t flags;
	uint32_t delivered; // data messages, in all
	int err;
	int32_t linger_ms;
	struct socket socket;
	struct listener *listener; // that accepted it, or NULL
	struct sending *sending;   // or NULL
};

_Static_assert(sizeof(struct connection) <= 4 * CACHE_LINE, "ten thousand idle ones are usual");

/* Any thread. A connection with the reactor's one reference, owned by `owner` (0: nobody yet). */
struct connection *connection_create(struct net_reactor *reactor, uint64_t owner,
				     const struct noh_tcp_options *options);

/* Any thread. The connection that an id names, or NULL. What it says of its owner is true at least
 * if that is the caller. */
struct connection *connection_find(uint64_t id);

/* Any thread that holds the last reference. connections.c */
void connection_free(struct connection *connection);

static inline uint64_t connection_id(const struct connection *connection)
{
	return (uint64_t)connection->generation << 32 | (connection->index + 1);
}

/* Whoever runs the owner. The connection, if it is this actor's. */
struct connection *connection_mine(noh_conn conn);

/* Whoever runs the owner. There will be a noh_tcp_drained, or an end. */
void connection_promise_drained(struct connection *connection);

/* Any thread that may look at it. */
static inline struct connection_rare *connection_rare(const struct connection *connection)
{
	// Pairs with connection_need_rare().
	return (struct connection_rare *)load_acquire((void *const *)&connection->rare);
}

/* Whoever runs the owner. */
struct connection_rare *connection_need_rare(struct connection *connection);

/* Any thread. */
void connection_retain(struct connection *connection);
void connection_release(struct connection *connection);

/* Any thread that may still look at it. */
void connection_ask(struct connection *connection, uint32_t what);

// ---- traffic: references in the low half, a bit that says that the reactor waits for the next
// ---- retired message, and how many data messages have been retired

#define TRAFFIC_REFERENCE UINT64_C(1)
#define TRAFFIC_STALLED (UINT64_C(1) << 32)
#define TRAFFIC_RETIRED (UINT64_C(1) << 33)
#define TRAFFIC_RETIRED_SHIFT 33

/* Holder. Data messages that have been sent and are not done with. */
static inline uint32_t connection_in_flight(const struct connection *connection, uint64_t traffic)
{
	return (connection->delivered - (uint32_t)(traffic >> TRAFFIC_RETIRED_SHIFT)) &
	       (UINT32_MAX >> 1);
}

// ---- between the two sides

/* The gates, which run on the owner's side. tcp.c */
extern const struct gate_ops opened_gate_ops, data_gate_ops, ended_gate_ops, drained_gate_ops,
	closed_gate_ops;
void connection_owner_ended(struct owned *owned);
void connection_flush(struct turn_end *hook);

/* Holder. The handle; 0: closed or given away, and the command is on its way. */
static inline uint64_t connection_owner(const struct connection *connection)
{
	return ck_pr_load_64(&connection->owner);
}

/* Holder: what the owner is told, each once, if there is one. notices.c */
void connection_tell_opened(struct connection *connection);
void connection_tell_ended(struct connection *connection);
void connection_tell_closed(struct connection *connection);
/* The holder, or whoever runs the owner: noh_tcp_drained, if that is not under way yet. */
void connection_tell_drained(struct connection *connection);

/* Holder: the commands. connection.c */
void connection_run(struct command *command, uint32_t asked);

// ---- between connection.c and dial.c

/* Holder. The socket is connected, or will never be. */
void connection_connected(struct connection *connection);
void connection_failed(struct connection *connection, int err);

/* Holder. What it dials by, or NULL. */
static inline struct dial *dial_of(const struct connection *connection)
{
	const struct connection_rare *rare = connection_rare(connection);
	return rare ? rare->dial : NULL;
}

/* Holder. */
void dial_start(struct connection *connection);
void dial_found(struct connection *connection);
void dial_connected(struct connection *connection, int err);
void dial_cancel(struct connection *connection);

#endif
