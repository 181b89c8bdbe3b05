/* The owner's side of a connection: the public calls, what happens at the end of a turn, and the
 * gates that its messages pass. Runs on whichever worker runs the owner. */
#include <errno.h>
#include <string.h>

#include <noh/memory.h>
#include <noh/tcp.h>

#include "mailbox/atomic.h"
#include "net/connection.h"
#include "net/dial.h"
#include "net/intake.h"
#include "net/stream.h"
#include "runtime/life.h"
#include "runtime/worker.h"

enum {
	CONNECT_MS = 10000,
	UNSENT_FACTOR = 8, // times the limit: then noh_tcp_write() refuses
};

// True for the actor that runs, which then has it among what it owns.
static inline bool is_mine(struct connection *connection)
{
	// (Nothing here waits, so it stays on its thread.)
	uint64_t self = this_worker ? this_worker->self : 0;

	// Pairs with go_to_new_owner(), connection_create().
	if (!self || load_acquire_64(&connection->owner) != self)
		return false;
	if (!connection->owned.link)
		own(&connection->owned);
	return true;
}

static inline struct connection *mine(noh_conn conn)
{
	struct connection *connection = connection_find(conn.id);
	return connection && is_mine(connection) ? connection : NULL;
}

struct connection *connection_mine(noh_conn conn)
{
	return mine(conn);
}

static bool i_accept(const struct noh_message_type *message)
{
	const struct noh_actor_type *type = worker_here()->running->type;
	return type->accepts && accepts(type, message);
}

static bool i_am_a_fiber(void)
{
	return worker_here()->running->type->run != NULL;
}

// ---- writing

static uint64_t unsent(const struct connection *connection)
{
	return outgoing_bytes(&connection->gathered) + ck_pr_load_64(&connection->unsent);
}

static bool send_failed(struct connection *connection, ssize_t err)
{
	ck_pr_store_16(&connection->write_error, (uint16_t)-err);
	return false;
}

// Sends what the kernel takes now. False: the connection is broken.
static bool send_many(struct connection *connection)
{
	struct outgoing *gathered = &connection->gathered;
	struct poller *poller = connection->reactor->poller;
	struct iovec pieces[PIECES_A_WRITE];

	while (gathered->first) {
		uint32_t count = outgoing_pieces(gathered, pieces, PIECES_A_WRITE);
		size_t size = 0;
		for (uint32_t i = 0; i < count; i++)
			size += pieces[i].iov_len;

		ssize_t sent =
			poller->ops->send_now(poller, connection->socket.descriptor, pieces, count);
		if (sent == -EAGAIN)
			return true;
		if (sent < 0)
			return send_failed(connection, sent);
		outgoing_drop(gathered, (size_t)sent);
		if ((size_t)sent < size)
			return true;
	}
	return true;
}

// Mostly it is one answer.
static bool send_now(struct connection *connection)
{
	struct poller *poller = connection->reactor->poller;
	const noh_bytes *lone = outgoing_lone(&connection->gathered);

	if (!lone)
		return send_many(connection);
	struct iovec piece = {(void *)lone->at, lone->size};
	ssize_t sent = poller->ops->send_now(poller, connection->socket.descriptor, &piece, 1);
	if (__builtin_expect(sent == (ssize_t)piece.iov_len, 1))
		outgoing_drop_lone(&connection->gathered);
	else if (sent >= 0)
		outgoing_drop(&connection->gathered, (size_t)sent);
	else if (sent != -EAGAIN)
		return send_failed(connection, sent);
	return true;
}

static void promise_drained(struct connection *connection, bool all_sent)
{
	connection->above = false;
	if (all_sent)
		connection_tell_drained(connection);
	else
		connection_ask(connection, ASK_PROMISE);
}

static inline __attribute__((always_inline)) void flush_here(struct connection *connection)
{
	struct outgoing *gathered = &connection->gathered;

	// What waits at the reactor goes first. (Pairs with wrote(), drop_unsent().)
	bool may_send = connection->may_send && !load_acquire_64(&connection->unsent);
	if (gathered->first && may_send && !send_now(connection)) {
		outgoing_finish(gathered);
		connection_ask(connection, ASK_FAIL);
	}
	size_t rest = outgoing_bytes(gathered);
	if (rest) {
		ck_pr_faa_64(&connection->unsent, rest);
		outgoing_hand_over(gathered, &connection->handed);
		connection_ask(connection, ASK_WRITE);
	}
	if (connection->above)
		promise_drained(connection, !rest);
}

static __attribute__((noinline)) void flush(struct connection *connection)
{
	flush_here(connection);
}

void connection_flush(struct turn_end *hook)
{
	struct connection *connection =
		(struct connection *)((char *)hook - offsetof(struct connection, flush));

	flush_here(connection);
	if (connection->gives) {
		connection->gives = false;
		connection_ask(connection, ASK_GIVE);
	}
	if (connection->closed_before_flush)
		connection_release(connection);
}

// How much may wait: whatever is read is sure to find room to be sent on.
static uint64_t most_unsent(const struct connection *connection)
{
	uint32_t credit =
		connection->credit == NOH_CREDIT_BY_HAND ? DEFAULT_CREDIT : connection->credit;
	return (uint64_t)connection->unsent_limit * UNSENT_FACTOR + (uint64_t)credit * READ_MOST;
}

// As long as it has this owner it does not go, so the hook needs no reference of its own.
static void flush_at_turn_end(struct connection *connection)
{
	if (!is_at_turn_end(&connection->flush))
		at_turn_end(&connection->flush);
}

int noh_tcp_write(noh_conn conn, noh_bytes bytes)
{
	struct connection *connection = mine(conn);

	if (!connection || connection->ended_writing || connection->closed_in_hand ||
	    ck_pr_load_16(&connection->write_error))
		return -EPIPE;
	uint64_t waiting = unsent(connection);
	if (waiting + bytes.size > connection->unsent_limit) {
		if (waiting > most_unsent(connection))
			return -ENOBUFS;
		connection->above = true;
	}
	outgoing_add(&connection->gathered, bytes);
	flush_at_turn_end(connection);
	return 0;
}

void connection_promise_drained(struct connection *connection)
{
	connection->above = true;
	flush_at_turn_end(connection);
}

size_t noh_tcp_unsent(noh_conn conn)
{
	struct connection *connection = mine(conn);
	return connection ? unsent(connection) : 0;
}

int noh_tcp_half_close(noh_conn conn)
{
	struct connection *connection = mine(conn);
	if (!connection)
		return -EPIPE;
	if (connection->ended_writing)
		return 0;

	flush(connection);
	connection->ended_writing = true;
	connection_ask(connection, ASK_HALF_CLOSE);
	return 0;
}

// ---- reading, giving, closing

int noh_tcp_read_more(noh_conn conn, uint32_t credit)
{
	struct connection *connection = mine(conn);
	if (!connection)
		return -EPIPE;
	if (connection->credit != NOH_CREDIT_BY_HAND)
		return -EINVAL;

	ck_pr_faa_32(&connection->granted, credit);
	connection_ask(connection, ASK_GRANT);
	return 0;
}

// An old owner has not handled it: the next one will.
static void give_back(struct connection_rare *rare, noh_bytes bytes)
{
	struct given_back *back = pool_take(pool_class_of(sizeof(*back)), sizeof(*back));

	back->bytes = bytes_hold(bytes);
	do
		back->next = (struct given_back *)ck_pr_load_ptr(&rare->back);
	while (!swap_if(&rare->back, back->next, back)); // pairs with take_back()
}

static void give_back_if_given(struct connection *connection, noh_bytes bytes)
{
	struct connection_rare *rare = connection_rare(connection);
	if (rare && rare->give_to)
		give_back(rare, bytes);
}

static void keep_unread(void *rare, noh_bytes bytes)
{
	give_back((struct connection_rare *)rare, bytes);
}

int noh_tcp_give(noh_conn conn, noh_actor to)
{
	struct connection *connection = mine(conn);
	if (!connection || !slot_if_alive(to.id))
		return -ESRCH;
	if (to.id == noh_self().id)
		return 0;

	struct connection_rare *rare = connection_need_rare(connection);
	flush(connection);
	disown(&connection->owned);
	stream_give_back(rare->stream, keep_unread, rare);
	connection->closed_in_hand = false;
	rare->give_to = to.id;
	// Pairs with retire_data(), keep_for_next_owner().
	store_release_64(&connection->owner, 0);
	// The next owner must not meet this turn's hook.
	if (is_at_turn_end(&connection->flush))
		connection->gives = true;
	else
		connection_ask(connection, ASK_GIVE);
	return 0;
}

// The owner needs it no more.
static void close_as(struct connection *connection, uint32_t how)
{
	if (how == ASK_ABORT)
		outgoing_finish(&connection->gathered);
	else
		flush(connection);
	disown(&connection->owned);
	if (is_at_turn_end(&connection->flush)) {
		connection->closed_before_flush = true;
		connection_retain(connection);
	}
	ck_pr_store_64(&connection->owner, 0);
	connection_ask(connection, how);
}

void connection_owner_ended(struct owned *owned)
{
	close_as((struct connection *)((char *)owned - offsetof(struct connection, owned)),
		 ASK_CLOSE);
}

void noh_tcp_close(noh_conn conn)
{
	struct connection *connection = mine(conn);
	if (connection)
		close_as(connection, ASK_CLOSE);
}

void noh_tcp_abort(noh_conn conn)
{
	struct connection *connection = mine(conn);
	if (connection)
		close_as(connection, ASK_ABORT);
}

static const char *address_text(noh_conn conn, bool of_peer)
{
	struct connection *connection = mine(conn);
	char text[ADDRESS_TEXT];
	union address address;

	if (!connection || !connection->may_send)
		return NULL;
	struct poller *poller = connection->reactor->poller;
	if (poller->ops->address(poller, connection->socket.descriptor, of_peer, &address))
		return NULL;
	address_print(&address, text);
	return noh_format("%s", text);
}

const char *noh_tcp_peer(noh_conn conn)
{
	return address_text(conn, true);
}

const char *noh_tcp_local(noh_conn conn)
{
	return address_text(conn, false);
}

noh_conn noh_tcp_connect_with(const struct noh_connect *given)
{
	struct worker *worker = worker_of_call("noh_tcp_connect");
	struct noh_connect options = {0};
	memcpy(&options, given, given->size < sizeof(options) ? given->size : sizeof(options));

	struct connection *connection =
		connection_create(net_reactor_of(worker->reactor), noh_self().id, &options.options);
	connection_need_rare(connection)->dial = dial_create(
		options.host ? options.host : "localhost", options.port,
		options.within_ms > 0 ? options.within_ms : CONNECT_MS, &options.options);
	own(&connection->owned);
	connection_ask(connection, ASK_CONNECT);
	return (noh_conn){connection_id(connection)};
}

// ---- the gates

static struct connection *of_notice(const struct gate *gate)
{
	return ((const struct notice *)gate)->connection;
}

static void notice_done(struct gate *gate)
{
	struct connection *connection = of_notice(gate);
	pool_give(pool_class_of(sizeof(struct notice)), gate);
	connection_release(connection);
}

static bool admit_opened(struct gate *gate, const void *body)
{
	struct connection *connection = of_notice(gate);
	(void)body;

	if (!is_mine(connection))
		return false;
	((struct notice *)gate)->taken = true;
	connection->may_send = true;
	return i_am_a_fiber() || i_accept(&noh_tcp_opened_message);
}

static void retire_opened(struct gate *gate, const void *body)
{
	const struct notice *notice = (const struct notice *)gate;
	struct connection *connection = notice->connection;
	(void)body;

	// Nobody took it: the owner has ended, perhaps without having known of it. Only of this
	// owner may that be said; the next one may have the connection by now.
	if (!notice->taken && load_acquire_64(&connection->owner) == notice->owner)
		close_as(connection, ASK_CLOSE); // pairs with go_to_new_owner()
	notice_done(gate);
}

static bool admit_data(struct gate *gate, const void *body)
{
	struct connection *connection =
		(struct connection *)((char *)gate - offsetof(struct connection, data_gate));
	(void)body;

	if (!is_mine(connection))
		return false;
	connection->may_send = true; // for a fiber that does not care to be told noh_tcp_opened
	connection->in_hand++;
	return true;
}

// One data message less, and one reference; a reactor that waits for this is told.
static void retire(struct connection *connection)
{
	uint64_t before, after;

	do {
		before = ck_pr_load_64(&connection->traffic);
		after = before + TRAFFIC_RETIRED;
		after -= before & TRAFFIC_STALLED ? TRAFFIC_STALLED : TRAFFIC_REFERENCE;
	} while (!swap_if_64(&connection->traffic, before, after)); // pairs with stall_unless()

	if (before & TRAFFIC_STALLED) {
		connection_ask(connection, ASK_GRANT);
		connection_release(connection);
	} else if ((uint32_t)before == 1) {
		connection_free(connection);
	}
}

static void retire_data(struct gate *gate, const void *body)
{
	struct connection *connection =
		(struct connection *)((char *)gate - offsetof(struct connection, data_gate));
	const struct noh_tcp_data *data = body;

	if (connection->in_hand)
		connection->in_hand--;
	else if (!load_acquire_64(&connection->owner)) // pairs with noh_tcp_give()
		give_back_if_given(connection, data->bytes);
	retire(connection);
}

static bool admit_ended(struct gate *gate, const void *body)
{
	(void)body;
	return is_mine(of_notice(gate));
}

static void retire_ended(struct gate *gate, const void *body)
{
	(void)body;
	notice_done(gate);
}

static bool admit_drained(struct gate *gate, const void *body)
{
	(void)body;
	return is_mine(of_notice(gate)) && (i_am_a_fiber() || i_accept(&noh_tcp_drained_message));
}

static void retire_drained(struct gate *gate, const void *body)
{
	(void)body;
	ck_pr_store_8(&of_notice(gate)->drained_out, 0);
	notice_done(gate);
}

static bool admit_closed(struct gate *gate, const void *body)
{
	struct connection *connection = of_notice(gate);
	(void)body;

	if (!is_mine(connection))
		return false;
	connection->closed_in_hand = true;
	return i_am_a_fiber() || i_accept(&noh_tcp_closed_message);
}

// It was the last message: what the owner wrote before still goes out, then the descriptor closes.
static void retire_closed(struct gate *gate, const void *body)
{
	struct connection *connection = of_notice(gate);
	(void)body;

	if (is_mine(connection) && connection->closed_in_hand)
		close_as(connection, ASK_CLOSE);
	notice_done(gate);
}

const struct gate_ops opened_gate_ops = {admit_opened, retire_opened};
const struct gate_ops data_gate_ops = {admit_data, retire_data};
const struct gate_ops ended_gate_ops = {admit_ended, retire_ended};
const struct gate_ops drained_gate_ops = {admit_drained, retire_drained};
const struct gate_ops closed_gate_ops = {admit_closed, retire_closed};
