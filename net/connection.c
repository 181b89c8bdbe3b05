/* The reactor's side of a connection: reads while there is credit, sends the rest of what was
 * written, and closes when all is said. */
#include "net/connection.h"

#include <errno.h>
#include <string.h>

#include "mailbox/atomic.h"
#include "net/listener.h"
#include "runtime/life.h"

static const struct poller_ops *ops_of(const struct connection *connection)
{
	return connection->reactor->poller->ops;
}

// ---- references and commands

void connection_retain(struct connection *connection)
{
	ck_pr_faa_64(&connection->traffic, TRAFFIC_REFERENCE);
}

void connection_release(struct connection *connection)
{
	// Pairs with itself, in whichever thread comes last.
	ck_pr_fence_release();
	uint64_t traffic = ck_pr_faa_64(&connection->traffic, -TRAFFIC_REFERENCE);
	if ((uint32_t)traffic != 1)
		return;
	ck_pr_fence_acquire();
	connection_free(connection);
}

void connection_ask(struct connection *connection, uint32_t what)
{
	connection_retain(connection);
	if (!reactor_ask(connection->reactor, &connection->open.command, what))
		connection_release(connection); // the command under way has one
}

// ---- data

// What deliver() does, but the message is written where it will be read.
static inline void tell_data(struct connection *connection, uint64_t owner, noh_bytes bytes)
{
	struct noh_tcp_data data = {.conn = {connection_id(connection)}, .bytes = bytes};
	struct slot *slot = slot_if_alive(owner);

	connection->delivered++;
	connection_retain(connection);
	if (__builtin_expect(!slot || trace_on, 0)) {
		deliver(owner, 0, &noh_tcp_data_message, &data, &connection->data_gate);
		return;
	}
	data.bytes = bytes_hold(bytes);
	struct envelope *envelope = envelope_new(sizeof(data), owner);
	envelope->sender = 0;
	envelope->type |= (uint32_t)POST_GATED << POST_SHIFT | POST_HELD |
			  noh_message_id(&noh_tcp_data_message);
	envelope->ask = (uint64_t)(uintptr_t)&connection->data_gate;
	memcpy(envelope->body, &data, sizeof(data));
	// Most often by the worker that will run the owner, which has others before it to run.
	if (mailbox_push(&slot->in, envelope))
		schedule_here(this_worker, slot);
}

// ---- closing

static struct sending *sending_of(struct connection *connection)
{
	struct sending *sending = connection->sending;

	if (!sending) {
		sending = pool_take(pool_class_of(sizeof(*sending)), sizeof(*sending));
		sending->outgoing = (struct outgoing){0};
		sending->closes = (struct deadline){0};
		sending->connection = connection;
		connection->sending = sending;
	}
	return sending;
}

static void stop_sending(struct connection *connection)
{
	struct sending *sending = connection->sending;

	if (!sending)
		return;
	reactor_forget(&sending->closes);
	outgoing_finish(&sending->outgoing);
	pool_give(pool_class_of(sizeof(*sending)), sending);
	connection->sending = NULL;
}

static void take_over(struct connection *connection)
{
	if (ck_pr_load_ptr(&connection->handed))
		outgoing_take_over(&sending_of(connection)->outgoing, &connection->handed);
}

// No write is under way.
static void drop_unsent(struct connection *connection)
{
	take_over(connection);
	if (!connection->sending)
		return;
	ck_pr_sub_64(&connection->unsent, outgoing_bytes(&connection->sending->outgoing));
	stop_sending(connection);
}

static struct given_back *take_back(struct connection_rare *rare)
{
	// Pairs with tcp.c: give_back().
	struct given_back *newest = exchange(&rare->back, NULL), *oldest = NULL;

	while (newest) {
		struct given_back *older = newest->next;
		newest->next = oldest;
		oldest = newest;
		newest = older;
	}
	return oldest;
}

static void drop_back(struct given_back *back)
{
	while (back) {
		struct given_back *next = back->next;
		bytes_release(back->bytes);
		pool_give(pool_class_of(sizeof(*back)), back);
		back = next;
	}
}

static void drop_late(struct connection_rare *rare)
{
	drop_back(rare->late);
	rare->late = NULL;
}

static void finish(struct connection *connection, bool reset)
{
	if (connection->flags & IS_DONE)
		return;
	connection->flags |= IS_DONE;
	connection->flags &= ~(uint32_t)(IS_READING | IS_WRITING | IS_OPEN);
	dial_cancel(connection);
	ops_of(connection)->close(connection->reactor->poller, &connection->socket, reset);
	drop_unsent(connection);
	struct connection_rare *rare = connection_rare(connection);
	if (rare) {
		drop_back(take_back(rare));
		drop_late(rare);
	}
	if (connection->listener)
		listener_lost_one(connection->listener);
	connection->listener = NULL;
	reactor_closed(connection->reactor, &connection->open);
}

static void linger_is_over(struct deadline *deadline)
{
	finish(((struct sending *)((char *)deadline - offsetof(struct sending, closes)))
		       ->connection,
	       false);
}

void connection_failed(struct connection *connection, int err)
{
	if (connection->flags & (HAS_FAILED | IS_DONE))
		return;
	connection->flags |= HAS_FAILED;
	connection->err = err;
	if (!(connection->flags & IS_WRITING))
		drop_unsent(connection); // else the poller has it, and will fail too
	// A fiber that reads in line has been told of the peer's end, and may wait for room now.
	if (connection->flags & IS_CLOSING)
		finish(connection, false);
	else if (connection->flags & TOLD_CLOSED)
		connection_tell_drained(connection);
	else
		connection_tell_closed(connection);
}

// ---- reading

static bool has_credit(const struct connection *connection)
{
	if (connection->credit == NOH_CREDIT_BY_HAND)
		return (int32_t)(ck_pr_load_32(&connection->granted) - connection->delivered) > 0;
	return connection_in_flight(connection, ck_pr_load_64(&connection->traffic)) <
	       connection->credit;
}

// From now on the next retired message asks for ASK_GRANT. False if one has been retired meanwhile.
static bool stall_unless(struct connection *connection, uint32_t in_flight_below)
{
	uint64_t traffic;

	do {
		traffic = ck_pr_load_64(&connection->traffic);
		if (connection_in_flight(connection, traffic) < in_flight_below)
			return false;
	} while (!swap_if_64(&connection->traffic, traffic,
			     traffic | TRAFFIC_STALLED)); // pairs with tcp.c: retire()
	return true;
}

static inline bool may_read_on(struct connection *connection)
{
	if (connection->flags & IS_CLOSING)
		return true; // what comes is read away
	if (connection->flags & (HAS_ENDED | HAS_FAILED | IS_ABOVE | IS_GIVEN) ||
	    !connection_owner(connection))
		return false;
	if (has_credit(connection))
		return true;
	return connection->credit != NOH_CREDIT_BY_HAND &&
	       !stall_unless(connection, connection->credit);
}

static void read_on(struct connection *connection)
{
	if (connection->flags & IS_READING || !(connection->flags & IS_OPEN) ||
	    connection->flags & (HAS_ENDED | HAS_FAILED) || !may_read_on(connection))
		return;
	connection->flags |= IS_READING;
	ops_of(connection)->read(connection->reactor->poller, &connection->socket);
}

static struct connection *of_socket(struct socket *socket)
{
	return (struct connection *)((char *)socket - offsetof(struct connection, socket));
}

static void reading_ended(struct connection *connection, int err)
{
	// The owner's own write may have been told before us.
	int write_err = -(int)ck_pr_load_16(&connection->write_error);

	connection->flags &= ~(uint32_t)IS_READING;
	if (err || write_err) {
		connection_failed(connection, err ? err : write_err);
		return;
	}
	connection->flags |= HAS_ENDED;
	if (connection->flags & IS_CLOSING)
		return;
	connection_tell_ended(connection);
	if (connection->flags & ENDED_WRITING)
		connection_tell_closed(connection);
}

// Nobody owns it: it is being given, or will be closed.
static void keep_for_next_owner(struct connection *connection, noh_bytes bytes)
{
	ck_pr_fence_acquire(); // pairs with noh_tcp_give()
	struct connection_rare *rare = connection_rare(connection);
	if (!rare)
		return;
	struct given_back *late = pool_take(pool_class_of(sizeof(*late)), sizeof(*late));
	*late = (struct given_back){.bytes = bytes_hold(bytes), .next = rare->late};
	rare->late = late; // at most one: nothing more is read
}

static bool was_read(struct socket *socket, int err, noh_bytes bytes)
{
	struct connection *connection = of_socket(socket);

	if (!bytes.size) {
		reading_ended(connection, err);
		return false;
	}
	if (connection->flags & IS_CLOSING)
		return true;
	uint64_t owner = connection->flags & IS_GIVEN ? 0 : connection_owner(connection);
	if (owner)
		tell_data(connection, owner, bytes);
	else
		keep_for_next_owner(connection, bytes);
	if (owner && may_read_on(connection))
		return true;
	connection->flags &= ~(uint32_t)IS_READING;
	return false;
}

// ---- writing

static void shut_down(struct connection *connection)
{
	connection->flags &= ~(uint32_t)ENDS_WRITING;
	connection->flags |= ENDED_WRITING;
	ops_of(connection)->shutdown(connection->reactor->poller, &connection->socket);
	if (connection->flags & HAS_ENDED && !(connection->flags & IS_CLOSING))
		connection_tell_closed(connection); // both sides have said all
}

static void all_is_sent(struct connection *connection)
{
	stop_sending(connection);
	if (connection->flags & ENDS_WRITING)
		shut_down(connection);
	if (connection->flags & IS_CLOSING)
		finish(connection, false);
}

static void write_on(struct connection *connection)
{
	if (connection->flags & (IS_WRITING | HAS_FAILED) || !(connection->flags & IS_OPEN))
		return;
	take_over(connection);
	struct sending *sending = connection->sending;
	if (!sending || !sending->outgoing.first) {
		all_is_sent(connection);
		return;
	}

	uint32_t count = outgoing_pieces(&sending->outgoing, sending->pieces, PIECES_A_SENDING);
	connection->flags |= IS_WRITING;
	ops_of(connection)
		->write(connection->reactor->poller, &connection->socket, sending->pieces, count);
}

static void look_if_drained(struct connection *connection)
{
	if (!(connection->flags & IS_ABOVE) ||
	    ck_pr_load_64(&connection->unsent) > connection->unsent_limit / 2)
		return;
	connection->flags &= ~(uint32_t)IS_ABOVE;
	if (!(connection->flags & (IS_CLOSING | IS_GIVEN | HAS_FAILED)))
		connection_tell_drained(connection);
	read_on(connection);
}

static void wrote(struct socket *socket, ssize_t taken)
{
	struct connection *connection = of_socket(socket);

	connection->flags &= ~(uint32_t)IS_WRITING;
	if (taken < 0 || connection->flags & HAS_FAILED) {
		connection_failed(connection, (int)taken);
		drop_unsent(connection);
		return;
	}
	outgoing_drop(&connection->sending->outgoing, (size_t)taken);
	ck_pr_sub_64(&connection->unsent, (size_t)taken); // pairs with tcp.c: flush()
	look_if_drained(connection);
	write_on(connection);
}

// ---- what is told, and what is asked

static void was_connected(struct socket *socket, int err)
{
	dial_connected(of_socket(socket), err);
}

static const struct socket_events events = {
	.connected = was_connected,
	.was_read = was_read,
	.wrote = wrote,
};

void connection_connected(struct connection *connection)
{
	connection->flags |= IS_OPEN;
	connection_tell_opened(connection);
	write_on(connection);
	read_on(connection);
}

static void enter(struct connection *connection)
{
	connection->socket.events = &events;
	reactor_opened(connection->reactor, &connection->open);
}

static void adopt(struct connection *connection)
{
	struct poller *poller = connection->reactor->poller;

	enter(connection);
	int err = poller->ops->adopt(poller, &connection->socket);
	if (!err) {
		connection_connected(connection);
		return;
	}
	poller->ops->discard(poller, connection->socket.descriptor);
	connection->socket.descriptor = NO_DESCRIPTOR;
	connection_failed(connection, err);
}

// The owner's write has failed. What the peer sent before is still read, if somebody wants it.
static void owner_failed_to_write(struct connection *connection)
{
	read_on(connection);
	if (!(connection->flags & IS_READING))
		connection_failed(connection, -(int)ck_pr_load_16(&connection->write_error));
}

static void close_in_order(struct connection *connection)
{
	if (connection->flags & (IS_CLOSING | IS_DONE))
		return;
	connection->flags |= IS_CLOSING;
	bool waits_to_open = dial_of(connection) && ck_pr_load_64(&connection->unsent);
	if (!(connection->flags & IS_OPEN || waits_to_open) || connection->flags & HAS_FAILED ||
	    connection->linger_ms < 0) {
		finish(connection, connection->linger_ms < 0);
		return;
	}
	write_on(connection);
	if (connection->flags & IS_DONE)
		return;
	struct deadline *closes = &sending_of(connection)->closes;
	closes->passed = linger_is_over;
	reactor_expect(connection->reactor, closes, connection->linger_ms);
	read_on(connection);
}

static void go_to_new_owner(struct connection *connection)
{
	struct connection_rare *rare = connection_rare(connection);
	struct given_back *back = take_back(rare);
	uint64_t owner = rare->give_to;

	connection->flags &= ~(uint32_t)(IS_GIVEN | TOLD_ENDED | TOLD_CLOSED);
	rare->give_to = 0;
	// Pairs with tcp.c: is_mine(), retire_opened().
	store_release_64(&connection->owner, owner);
	connection_tell_opened(connection);
	for (const struct given_back *one = back; one; one = one->next) {
		if (connection->credit == NOH_CREDIT_BY_HAND)
			ck_pr_inc_32(&connection->granted); // it was paid for already
		tell_data(connection, owner, one->bytes);
	}
	if (rare->late)
		tell_data(connection, owner, rare->late->bytes);
	drop_back(back);
	drop_late(rare);

	if (connection->flags & HAS_FAILED)
		connection_tell_closed(connection);
	else if (connection->flags & HAS_ENDED)
		connection_tell_ended(connection);
	if (connection->flags & HAS_ENDED && connection->flags & ENDED_WRITING)
		connection_tell_closed(connection);
	read_on(connection);
}

static void give(struct connection *connection)
{
	connection->flags |= IS_GIVEN;
	// The old owner's messages first: what it did not handle comes back and goes along.
	if (!stall_unless(connection, 1))
		go_to_new_owner(connection);
}

void connection_run(struct command *command, uint32_t asked)
{
	struct connection *connection =
		(struct connection *)((char *)command - offsetof(struct connection, open.command));

	if (asked & ASK_ABANDON) {
		finish(connection, false);
		return;
	}
	if (connection->flags & IS_DONE) {
		connection_release(connection);
		return;
	}
	if (asked & ASK_REGISTER)
		adopt(connection);
	if (asked & ASK_CONNECT) {
		enter(connection);
		dial_start(connection);
	}
	if (asked & ASK_FOUND)
		dial_found(connection);
	if (asked & ASK_PROMISE)
		connection->flags |= IS_ABOVE;
	if (asked & ASK_HALF_CLOSE)
		connection->flags |= ENDS_WRITING;
	if (asked & (ASK_WRITE | ASK_HALF_CLOSE))
		write_on(connection);
	if (asked & ASK_FAIL)
		owner_failed_to_write(connection);
	if (asked & ASK_GIVE || (asked & ASK_GRANT && connection->flags & IS_GIVEN))
		give(connection);
	if (asked & ASK_GRANT)
		read_on(connection);
	if (asked & ASK_PROMISE)
		look_if_drained(connection);
	if (asked & ASK_ABORT)
		finish(connection, true);
	if (asked & ASK_CLOSE)
		close_in_order(connection);
	connection_release(connection);
}
