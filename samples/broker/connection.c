/* A connection: one client's socket. What the client sends goes through requests.c, what routers
 * and the session say comes here. It leaves when nobody has anything more to say to it. */
#include "broker/connection.h"

#include <stdlib.h>

#include <noh/noh.h>

#include "broker/messages.h"
#include "broker/replies.h"
#include "broker/requests.h"

/* To itself: time to look whether the client has said anything. */
NOH_MESSAGE(look);

// ---- leaving

/* The session goes on from what this connection leaves. */
static void say_last_words(struct connection *self)
{
	const struct ids none = {0};
	const struct ids *unreleased = self->luggage ? &self->luggage->unreleased : &none;
	uint64_t *listed = ids_listed(unreleased);

	noh_send(self->session, detached, .unreleased = {.at = listed, .count = unreleased->count});
	free(listed);
}

/* Who still has something to say to this connection: its session, until it has heard the last
 * words, and routers that were asked something, be it only how far they have come. */
static void end_if_alone(struct connection *self)
{
	if (self->stage == CONNECTION_LEAVING && noh_same(self->session, NOH_NOBODY) &&
	    !answers_count(&self->answers) && !ahead_is_marked(luggage_ahead(self->luggage)))
		noh_end(0, NULL);
}

static void part(struct connection *self)
{
	luggage_publish_will(self->luggage, self->broker);
	say_last_words(self);
	self->stage = CONNECTION_LEAVING;
	end_if_alone(self);
}

void connection_finish(struct connection *self)
{
	if (self->stage == CONNECTION_ABANDONED || self->stage == CONNECTION_LEAVING)
		return;
	noh_tcp_close(self->conn);
	noh_cancel(self->timer);
	noh_after(self->broker->limits.connect_ms, look); // nobody is waited for without an end
	if (self->stage == CONNECTION_ARRIVING)
		self->stage = CONNECTION_ABANDONED; // the session will come, and must be told
	else
		part(self);
}

static void note(struct connection *self, const char *what)
{
	const char *peer = noh_tcp_peer(self->conn);

	noh_send(self->broker->journal, noted, .who = peer ? peer : "a client that is gone",
		 .what = what);
}

void connection_turn_away(struct connection *self, const char *why)
{
	note(self, why);
	connection_finish(self);
}

// ---- what is for the client

static void on_routed(struct connection *self, const struct routed *msg)
{
	answers_settle(&self->answers, msg->ticket);
	if (msg->refused && self->stage == CONNECTION_ATTACHED)
		connection_turn_away(self, "subscribes to more filters than it may");
	reply_answers(self);
	end_if_alone(self);
}

static void confirm(struct connection *self)
{
	if (self->unconfirmed)
		noh_send(self->session, written, .cost = self->unconfirmed);
	self->unconfirmed = 0;
}

/* The session sends more once this was confirmed; a client that reads too slowly must catch up
 * before. The limit is one above which noh_tcp_drained is promised. */
static void wrote(struct connection *self, size_t size)
{
	self->unconfirmed += (uint32_t)size + WRITE_COSTS;
	if (self->unconfirmed >= CONFIRMED_AT_ONCE &&
	    noh_tcp_unsent(self->conn) <= self->broker->limits.unsent_bytes)
		confirm(self);
}

static void on_write(struct connection *self, const struct write *msg)
{
	if (self->stage != CONNECTION_ATTACHED)
		return;
	reply_bytes(self, msg->piece);
	wrote(self, msg->piece.size);
}

static void on_write_pieces(struct connection *self, const struct write_pieces *msg)
{
	size_t size = 0;

	if (self->stage != CONNECTION_ATTACHED)
		return;
	for (size_t i = 0; i < msg->pieces.count; i++) {
		reply_bytes(self, msg->pieces.at[i]);
		size += msg->pieces.at[i].size;
	}
	wrote(self, size);
}

static void on_drained(struct connection *self, const struct noh_tcp_drained *msg)
{
	(void)msg;
	confirm(self);
}

// ---- how much is read

/* What routers have not caught up with waits here, and no more is read meanwhile. Else more is
 * granted before all is used up, so that reading never rests. */
static void read_on(struct connection *self)
{
	if (self->reads < AHEAD_READS / 2 || requests_wait(self))
		return;
	noh_tcp_read_more(self->conn, self->reads);
	self->reads = 0;
}

static void on_data(struct connection *self, const struct noh_tcp_data *msg)
{
	self->reads++;
	requests_take(self, msg->bytes);
	read_on(self);
}

static void on_marked(struct connection *self, const struct marked *msg)
{
	struct ahead *ahead = self->luggage->ahead;

	ahead_confirmed(ahead, (uint32_t)msg->router, msg->cost, msg->deliveries);
	requests_go_on(self);
	if (ahead->ends && !requests_wait(self))
		connection_finish(self);
	read_on(self);
	end_if_alone(self);
}

/* What it has sent before is taken first. */
static void on_closed(struct connection *self, const struct noh_tcp_closed *msg)
{
	(void)msg;
	if (requests_wait(self))
		self->luggage->ahead->ends = true;
	else
		connection_finish(self);
}

// ---- from CONNECT to the end

static void on_opened(struct connection *self, const struct noh_tcp_opened *msg)
{
	self->conn = msg->conn;
	self->reader.limits = &self->broker->limits.packet;
	self->timer = noh_after(self->broker->limits.connect_ms, look);
	noh_tcp_read_more(self->conn, AHEAD_READS);
}

static int64_t silence_ms(const struct connection *self)
{
	return self->keep_alive_seconds * self->broker->limits.keep_alive_percent * 10;
}

static void on_look(struct connection *self, const struct look *msg)
{
	int64_t left_ms;

	(void)msg;
	if (self->stage == CONNECTION_ABANDONED || self->stage == CONNECTION_LEAVING) {
		noh_end(0, NULL); // who was to say something has failed
		return;
	}
	if (self->stage != CONNECTION_ATTACHED) {
		connection_turn_away(self, "is not through with CONNECT in time");
		return;
	}
	if (requests_wait(self))
		self->heard_ms = noh_now_ms(); // it is not heard, which is not its fault
	left_ms = self->heard_ms + silence_ms(self) - noh_now_ms();
	if (left_ms > 0)
		self->timer = noh_after(left_ms, look);
	else
		connection_turn_away(self, "is silent for longer than its keep-alive allows");
}

static void on_attached(struct connection *self, const struct attached *msg)
{
	self->session = noh_sender();
	for (size_t i = 0; i < msg->unreleased.count; i++)
		luggage_add_id(&self->luggage, (uint16_t)msg->unreleased.at[i]);
	if (self->stage == CONNECTION_ABANDONED) {
		part(self);
		return;
	}

	noh_cancel(self->timer);
	if (self->keep_alive_seconds) {
		self->heard_ms = noh_now_ms();
		self->timer = noh_after(silence_ms(self), look);
	}
	self->stage = CONNECTION_ATTACHED;
	self->reader.phase = READER_OF_CLIENT;
	reply_connack(self, CONNACK_ACCEPTED, msg->present);
	requests_take(self, luggage_take_held(self->luggage)); // as if it came now
}

/* It was not let in: there is no session to part from. */
static void end_without_session(struct connection *self)
{
	luggage_drop_will(self->luggage);
	connection_finish(self);
	self->stage = CONNECTION_LEAVING;
	end_if_alone(self);
}

static void on_unavailable(struct connection *self, const struct unavailable *msg)
{
	(void)msg;
	if (self->stage == CONNECTION_ARRIVING) {
		reply_connack(self, CONNACK_UNAVAILABLE, false);
		note(self, "there are as many sessions as may be kept");
	}
	end_without_session(self);
}

static void on_give_way(struct connection *self, const struct give_way *msg)
{
	(void)msg;
	if (self->stage == CONNECTION_ARRIVING || self->stage == CONNECTION_ABANDONED)
		end_without_session(self);
	else
		connection_finish(self);
}

static void on_dismissed(struct connection *self, const struct dismissed *msg)
{
	(void)msg;
	self->session = NOH_NOBODY;
	connection_finish(self);
	end_if_alone(self);
}

static void on_overflowed(struct connection *self, const struct overflowed *msg)
{
	(void)msg;
	if (self->stage == CONNECTION_ATTACHED)
		connection_turn_away(self, "takes too little of what it has subscribed to");
}

/* However it ends: if it failed, its client and its session still hear of it. */
static void on_stopping(struct connection *self, const struct noh_stopping *msg)
{
	if (msg->why == NOH_WHY_FAILED && self->stage == CONNECTION_ATTACHED)
		part(self);
	reader_finish(&self->reader);
	answers_finish(&self->answers);
	luggage_finish(self->luggage);
}

NOH_ACTOR(connection, (noh_tcp_data, on_data), (write, on_write), (write_pieces, on_write_pieces),
	  (routed, on_routed), (marked, on_marked), (noh_tcp_drained, on_drained),
	  (noh_tcp_opened, on_opened), (noh_tcp_closed, on_closed), (look, on_look),
	  (attached, on_attached), (unavailable, on_unavailable), (give_way, on_give_way),
	  (dismissed, on_dismissed), (overflowed, on_overflowed), (noh_stopping, on_stopping));
