/*
 * TCP in line: what a fiber calls to connect, accept, read and write, and wait. It takes the
 * connection's messages out of the fiber's mail by itself, as noh_receive() would, and keeps what
 * it has not been asked for yet. Knows nothing of sockets, which the connection is for.
 */
#include "net/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

#include "mailbox/bytes.h"
#include "mailbox/pool.h"
#include "net/connection.h"
#include "runtime/fibers.h"

struct stream {
	noh_bytes *slices; // a ring of `room`, a power of two, or of none
	uint32_t first, count, room;
	size_t bytes; // in them
	noh_bytes lent;
	bool has_ended;
	int err; // that broke it
};

// ---- what has come and was not read

void stream_give_back(struct stream *stream, void (*keep)(void *argument, noh_bytes bytes),
		      void *argument)
{
	for (; stream && stream->count; stream->count--) {
		noh_bytes bytes = stream->slices[stream->first++ % stream->room];
		if (keep)
			keep(argument, bytes);
		bytes_release(bytes);
	}
	if (stream)
		stream->bytes = 0;
}

void stream_destroy(struct stream *stream)
{
	if (!stream)
		return;
	stream_give_back(stream, NULL, NULL);
	bytes_release(stream->lent);
	free(stream->slices);
	free(stream);
}

static void add(struct stream *stream, noh_bytes bytes)
{
	if (stream->count == stream->room) {
		uint32_t room = stream->room ? 2 * stream->room : 8;
		noh_bytes *slices = must_allocate(room * sizeof(*slices));
		for (uint32_t i = 0; i < stream->count; i++)
			slices[i] = stream->slices[(stream->first + i) % stream->room];
		free(stream->slices);
		stream->slices = slices;
		stream->first = 0;
		stream->room = room;
	}
	stream->slices[(stream->first + stream->count++) % stream->room] = bytes_hold(bytes);
	stream->bytes += bytes.size;
}

// Takes so many bytes from the front, and holds them.
static noh_bytes take(struct stream *stream, size_t size)
{
	noh_bytes *front = &stream->slices[stream->first % (stream->room ? stream->room : 1)];
	if (!size)
		return (noh_bytes){0};
	if (front->size > size) {
		noh_bytes taken = bytes_slice(*front, 0, size);
		noh_bytes rest = bytes_slice(*front, size, front->size - size);
		bytes_release(*front);
		*front = rest;
		stream->bytes -= size;
		return taken;
	}
	if (front->size == size) {
		stream->first++;
		stream->count--;
		stream->bytes -= size;
		return *front;
	}

	struct noh_buffer *buffer = buffer_create(size);
	for (size_t done = 0; done < size;) {
		front = &stream->slices[stream->first % stream->room];
		size_t piece = size - done < front->size ? size - done : front->size;
		noh_bytes taken = take(stream, piece);
		memcpy(buffer_data(buffer) + done, taken.at, piece);
		bytes_release(taken);
		done += piece;
	}
	noh_bytes whole = buffer_take(buffer, size);
	buffer_release(buffer);
	return whole;
}

// ---- the connection's messages

static struct stream *stream_of(struct connection *connection)
{
	struct connection_rare *rare = connection_need_rare(connection);
	if (!rare->stream)
		rare->stream = must_allocate_zeroed(sizeof(*rare->stream));
	return rare->stream;
}

static bool is_data_of(const struct envelope *envelope, const struct connection *connection)
{
	return post_kind(envelope) == POST_GATED &&
	       envelope->ask == (uint64_t)(uintptr_t)&connection->data_gate;
}

// A message of a connection, of any: each begins with which.
static bool is_any(const struct envelope *envelope, const struct noh_message_type *type)
{
	return post_kind(envelope) == POST_GATED && post_id(envelope) == noh_message_id(type);
}

static noh_conn named_by(const struct envelope *envelope)
{
	return *(const noh_conn *)(const void *)envelope->body;
}

static bool is_of(const struct envelope *envelope, const struct noh_message_type *type,
		  const struct connection *connection)
{
	return is_any(envelope, type) && named_by(envelope).id == connection_id(connection);
}

_Static_assert(!offsetof(struct noh_tcp_opened, conn) && !offsetof(struct noh_tcp_drained, conn) &&
		       !offsetof(struct noh_tcp_closed, conn),
	       "named_by() finds it");

static bool is_data_or_end(const struct envelope *envelope, const void *argument)
{
	const struct connection *connection = (const struct connection *)argument;
	return is_data_of(envelope, connection) ||
	       is_of(envelope, &noh_tcp_closed_message, connection);
}

static bool is_room_or_end(const struct envelope *envelope, const void *argument)
{
	const struct connection *connection = (const struct connection *)argument;
	return is_of(envelope, &noh_tcp_drained_message, connection) ||
	       is_of(envelope, &noh_tcp_closed_message, connection);
}

static bool is_any_opened(const struct envelope *envelope, const void *unused)
{
	(void)unused;
	return is_any(envelope, &noh_tcp_opened_message);
}

static bool is_opened_or_end(const struct envelope *envelope, const void *argument)
{
	const struct connection *connection = (const struct connection *)argument;
	return is_of(envelope, &noh_tcp_closed_message, connection) ||
	       is_of(envelope, &noh_tcp_opened_message, connection);
}

// The end does not close what a fiber reads in line: it may still write, and knows when to close.
static void note(struct connection *connection, struct envelope *envelope)
{
	struct stream *stream = stream_of(connection);

	if (is_data_of(envelope, connection)) {
		add(stream, ((const struct noh_tcp_data *)(const void *)envelope->body)->bytes);
	} else if (is_any(envelope, &noh_tcp_closed_message)) {
		stream->has_ended = true;
		stream->err =
			(int)((const struct noh_tcp_closed *)(const void *)envelope->body)->err;
		connection->closed_in_hand = false;
		if (stream->err)
			ck_pr_store_16(&connection->write_error, (uint16_t)-stream->err);
	}
	fiber_done_with(envelope);
	ck_pr_fence_memory(); // pairs with connection_tell_drained(): drained_out before, unsent
			      // after
}

// ---- waiting

static int64_t end_of(int64_t within_ms)
{
	int64_t now_ms = within_ms > 0 ? noh_now_ms() : 0;
	return within_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + within_ms;
}

// What is left of `within_ms`; as it was, if that is no time but "for ever" or "not at all".
static int64_t left_of(int64_t within_ms, int64_t end_ms)
{
	if (within_ms <= 0)
		return within_ms;
	int64_t left_ms = end_ms - noh_now_ms();
	return left_ms > 0 ? left_ms : 0;
}

// ---- reading

// True as soon as enough has come, or nothing more will.
static bool fill(struct connection *connection, size_t least, int64_t within_ms, int64_t end_ms)
{
	struct stream *stream = stream_of(connection);

	while (stream->bytes < least && !stream->has_ended) {
		struct envelope *envelope =
			fiber_await(left_of(within_ms, end_ms), is_data_or_end, connection);
		if (!envelope)
			return false;
		note(connection, envelope);
	}
	return true;
}

static int lend(struct stream *stream, size_t size, noh_bytes *ret_bytes)
{
	if (!stream->bytes && stream->err)
		return stream->err;
	bytes_release(stream->lent);
	*ret_bytes = stream->lent = take(stream, size < stream->bytes ? size : stream->bytes);
	return 0;
}

int noh_tcp_read(noh_conn conn, size_t least, size_t most, int64_t within_ms, noh_bytes *ret_bytes)
{
	fiber_only("noh_tcp_read");
	struct connection *connection = connection_mine(conn);
	if (!connection)
		return -EPIPE;
	if (most && least > most)
		return -EINVAL;
	if (!fill(connection, least ? least : 1, within_ms, end_of(within_ms)))
		return -ETIMEDOUT;
	return lend(stream_of(connection), most ? most : SIZE_MAX, ret_bytes);
}

// How many bytes there are up to and with the first `end` behind the first `looked`; 0: none.
static size_t length_to(const struct stream *stream, char end, size_t looked)
{
	size_t before = 0;

	for (uint32_t i = 0; i < stream->count; i++) {
		noh_bytes slice = stream->slices[(stream->first + i) % stream->room];
		size_t from = looked > before ? looked - before : 0;
		const char *at = (const char *)slice.at, *found = NULL;
		if (from < slice.size)
			found = memchr(at + from, end, slice.size - from);
		if (found)
			return before + (size_t)(found - at) + 1;
		before += slice.size;
	}
	return 0;
}

int noh_tcp_read_to(noh_conn conn, char end, size_t most, int64_t within_ms, noh_bytes *ret_bytes)
{
	fiber_only("noh_tcp_read_to");
	struct connection *connection = connection_mine(conn);
	if (!connection)
		return -EPIPE;

	struct stream *stream = stream_of(connection);
	int64_t end_ms = end_of(within_ms);
	for (size_t looked = 0;;) {
		size_t length = length_to(stream, end, looked);
		if (length > most || (!length && stream->bytes >= most))
			return -EMSGSIZE;
		if (length || stream->has_ended)
			return lend(stream, length ? length : SIZE_MAX, ret_bytes);
		looked = stream->bytes;
		if (!fill(connection, looked + 1, within_ms, end_ms))
			return -ETIMEDOUT;
	}
}

// ---- writing

int noh_tcp_write_within(noh_conn conn, noh_bytes bytes, int64_t within_ms)
{
	fiber_only("noh_tcp_write_within");
	struct connection *connection = connection_mine(conn);
	if (!connection)
		return -EPIPE;

	int64_t end_ms = end_of(within_ms);
	while (noh_tcp_unsent(conn) > connection->unsent_limit &&
	       !ck_pr_load_16(&connection->write_error)) {
		connection_promise_drained(connection);
		struct envelope *envelope =
			fiber_await(left_of(within_ms, end_ms), is_room_or_end, connection);
		if (!envelope && noh_tcp_unsent(conn) > connection->unsent_limit)
			return -ETIMEDOUT;
		if (envelope)
			note(connection, envelope);
	}
	return noh_tcp_write(conn, bytes);
}

// ---- connecting and accepting

int noh_tcp_dial_with(noh_conn *ret_conn, const struct noh_connect *options)
{
	fiber_only("noh_tcp_dial");
	noh_conn conn = noh_tcp_connect_with(options);
	struct connection *connection = connection_mine(conn);

	struct envelope *envelope = fiber_await(-1, is_opened_or_end, connection);
	bool is_open = is_any_opened(envelope, NULL);
	int err = is_open ? 0 : (int)((struct noh_tcp_closed *)(void *)envelope->body)->err;
	fiber_done_with(envelope);
	if (is_open)
		*ret_conn = conn;
	return is_open ? 0 : err ? err : -ECONNRESET;
}

int noh_tcp_accept(int64_t within_ms, noh_conn *ret_conn)
{
	fiber_only("noh_tcp_accept");
	struct envelope *envelope = fiber_await(within_ms, is_any_opened, NULL);
	if (!envelope)
		return -ETIMEDOUT;
	*ret_conn = named_by(envelope);
	fiber_done_with(envelope);
	return 0;
}
