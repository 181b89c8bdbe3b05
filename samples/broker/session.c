/* A session: what the broker keeps of one client, also while it is away. It collects what the
 * routers deliver and hands it to its connection, a parcel at a time, in order.
 *
 * What is under way to the connection is little, and confirmed as long as the client keeps up with
 * reading. What comes meanwhile waits in the outbox and goes with the next parcel: so a slow client
 * holds up nobody but itself, and a busy one is written to in large pieces. */
#include "broker/session.h"

#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

#include "broker/burst.h"
#include "broker/messages.h"
#include "broker/parcel.h"

/* To itself: send what waits. So it comes after all that was delivered already. */
NOH_MESSAGE(flush);

/* To itself: the client stayed away for too long. */
NOH_MESSAGE(expired);

static bool is_connected(const struct session *self)
{
	return !noh_same(self->connection, NOH_NOBODY);
}

// ---- sending to the client

static bool may_write(const struct session *self)
{
	return is_connected(self) && self->unconfirmed <= UNCONFIRMED_MOST;
}

static void write_piece(struct session *self, noh_bytes piece)
{
	self->unconfirmed += (uint32_t)piece.size + WRITE_COSTS;
	noh_send(self->connection, write, .piece = piece);
}

static void send_parcel(struct session *self, const struct parcel *parcel)
{
	if (parcel->piece_count == 1) {
		write_piece(self, parcel->pieces[0]);
		return;
	}
	self->unconfirmed += (uint32_t)parcel->bytes + WRITE_COSTS;
	noh_send(self->connection, write_pieces,
		 .pieces = {.at = parcel->pieces, .count = parcel->piece_count});
}

static void flush_soon(struct session *self)
{
	if (self->flushes || !may_write(self))
		return;
	self->flushes = true;
	noh_send(noh_self(), flush);
}

static void on_flush(struct session *self, const struct flush *msg)
{
	const struct outbox_limits *limits = &self->broker->limits.outbox;
	const struct outbox_message *message;
	struct parcel parcel;

	(void)msg;
	self->flushes = false;
	while (may_write(self)) {
		parcel_clear(&parcel);
		while (!parcel_is_full(&parcel) && (message = outbox_next(&self->outbox, limits)))
			parcel_add(&parcel, message);
		if (!parcel.piece_count)
			break;
		send_parcel(self, &parcel);
	}
	outbox_sent(&self->outbox);
}

static void on_written(struct session *self, const struct written *msg)
{
	if (!noh_same(noh_sender(), self->connection))
		return;
	self->unconfirmed -= (uint32_t)msg->cost;
	if (!self->flushes)
		on_flush(self, NULL);
}

static void on_acknowledged(struct session *self, const struct acknowledged *msg)
{
	struct parcel parcel;

	parcel_clear(&parcel);
	for (size_t i = 0; i < msg->all.count; i++) {
		uint16_t id = (uint16_t)msg->all.at[i].id;
		if (outbox_acknowledge(&self->outbox, (enum packet_type)msg->all.at[i].type, id))
			parcel_add_release(&parcel, id);
		if (parcel_is_full(&parcel)) {
			send_parcel(self, &parcel);
			parcel_clear(&parcel);
		}
	}
	if (parcel.piece_count)
		send_parcel(self, &parcel);
	flush_soon(self); // more may be in flight now
}

// ---- what is delivered

/* A slice may keep a large buffer alive for a few bytes. So what may stay for long is copied,
 * unless it is large itself: while the client is away or behind, and what it must acknowledge. */
static noh_bytes own_body(const struct session *self, noh_bytes body, uint64_t qos)
{
	enum { FEW = 64, LARGE = 16 * 1024 };
	bool goes_soon = is_connected(self) && outbox_count(self->outbox.waiting) < FEW &&
			 outbox_count(self->outbox.in_flight) < FEW;
	bool is_small = qos && body.size <= PARCEL_COPIED_MOST;
	noh_bytes copy = {.size = body.size};

	if (body.size > LARGE || (goes_soon && !is_small))
		return noh_keep_bytes(body);
	copy.at = memcpy(resized(NULL, 1, copy.size), body.at, copy.size);
	return copy;
}

/* At QoS 0 a message too many is lost, as it may be. At QoS 1 and 2 the client is to know, or,
 * where it is away, who reads the log. */
static void overflow(struct session *self, uint64_t qos)
{
	if (!qos || self->overflows)
		return;
	self->overflows = true;
	if (is_connected(self))
		noh_send(self->connection, overflowed);
	else
		noh_send(self->broker->directory, overflowed);
}

static void on_deliver(struct session *self, const struct deliver *msg)
{
	struct outbox_message message = {
		.qos = (uint8_t)msg->qos,
		.body_has_id = msg->has_id,
		.retain = msg->retain,
	};

	if (self->concludes || (!msg->qos && !is_connected(self)))
		return;
	message.body = own_body(self, msg->body, msg->qos);
	if (outbox_add(&self->outbox, &self->broker->limits.outbox, &message)) {
		flush_soon(self);
		return;
	}
	outbox_drop_body(message.body);
	overflow(self, msg->qos);
}

/* Of a burst as many as there is room for, and the others are lost. One before which nothing waits
 * is written as it came: the connection sends together what it gets in one turn. */
static void on_deliver_burst(struct session *self, const struct deliver_burst *msg)
{
	const struct outbox_limits *limits = &self->broker->limits.outbox;
	struct outbox_message message = {.burst = (uint16_t)msg->count};
	noh_bytes packets = msg->packets;

	if (self->concludes || !is_connected(self))
		return;
	if (!self->flushes && !outbox_count(self->outbox.waiting) && may_write(self)) {
		write_piece(self, packets);
		return;
	}
	outbox_sent(&self->outbox);
	struct outbox_room room = outbox_room(&self->outbox, limits);
	if (msg->count > room.messages || packets.size > room.bytes) {
		struct burst front = burst_front(packets, room.messages, room.bytes);
		message.burst = (uint16_t)front.count;
		packets.size = front.packets.size;
	}
	if (!message.burst)
		return;
	message.body = own_body(self, packets, 0);
	outbox_add(&self->outbox, limits, &message);
	flush_soon(self);
}

// ---- connections come and go

static void forget_unreleased(struct session *self)
{
	if (!self->unreleased)
		return;
	ids_finish(self->unreleased);
	free(self->unreleased);
	self->unreleased = NULL;
}

static void keep_unreleased(struct session *self, uint16_t id)
{
	if (!self->unreleased) {
		self->unreleased = resized(NULL, 1, sizeof(*self->unreleased));
		*self->unreleased = (struct ids){0};
	}
	ids_add(self->unreleased, id);
}

static void begin(struct session *self, noh_actor connection)
{
	const struct ids none = {0};
	const struct ids *left_behind = self->unreleased ? self->unreleased : &none;
	uint64_t *unreleased = ids_listed(left_behind);

	self->connection = connection;
	self->unconfirmed = 0;
	self->overflows = false;
	noh_cancel(self->expiry);
	noh_send(connection, attached, .present = self->was_here,
		 .unreleased = {.at = unreleased, .count = left_behind->count});
	free(unreleased);
	forget_unreleased(self);
	self->was_here = true;

	outbox_start_over(&self->outbox);
	flush_soon(self);
}

static void on_attach(struct session *self, const struct attach *msg)
{
	self->attachments = (uint32_t)msg->attachments;
	if (!is_connected(self)) {
		begin(self, msg->connection);
		return;
	}
	// The old one first says what it leaves behind. Nobody waits longer than that.
	noh_send(noh_same(self->next, NOH_NOBODY) ? self->connection : self->next, give_way);
	self->next = msg->connection;
}

static void leave(struct session *self)
{
	noh_send(self->broker->directory, left, .attachments = self->attachments);
}

static void on_expired(struct session *self, const struct expired *msg)
{
	(void)msg;
	leave(self);
}

/* The connection may have subscribed to something until its last words: so only after them. */
static void have_routers_forget(struct session *self)
{
	self->remembered_by = (uint16_t)self->broker->router_count;
	for (uint32_t i = 0; i < self->broker->router_count; i++)
		noh_send(self->broker->routers[i], forget);
}

static void on_forgotten(struct session *self, const struct forgotten *msg)
{
	(void)msg;
	if (!--self->remembered_by)
		noh_end(0, NULL);
}

static void on_detached(struct session *self, const struct detached *msg)
{
	noh_actor next = self->next;

	noh_send_back(dismissed);
	if (!noh_same(noh_sender(), self->connection))
		return;
	self->connection = self->next = NOH_NOBODY;
	for (size_t i = 0; i < msg->unreleased.count; i++)
		keep_unreleased(self, (uint16_t)msg->unreleased.at[i]);

	if (self->concludes)
		have_routers_forget(self);
	else if (!noh_same(next, NOH_NOBODY))
		begin(self, next);
	else if (self->is_kept)
		self->expiry = noh_after(self->broker->limits.session_ms, expired);
	else
		leave(self);
}

static void on_conclude(struct session *self, const struct conclude *msg)
{
	(void)msg;
	self->concludes = true;
	noh_cancel(self->expiry);
	noh_send(self->next, give_way);
	self->next = NOH_NOBODY;
	if (is_connected(self))
		noh_send(self->connection, give_way);
	else
		have_routers_forget(self);
}

/* It has failed, or all ends: there is no time to wait for last words. */
static void end_at_once(struct session *self)
{
	noh_send(self->next, give_way);
	noh_send(self->connection, give_way);
	noh_send(self->connection, dismissed);
	for (uint32_t i = 0; i < self->broker->router_count; i++)
		noh_send(self->broker->routers[i], forget);
}

static void on_stopping(struct session *self, const struct noh_stopping *msg)
{
	outbox_finish(&self->outbox);
	forget_unreleased(self);
	if (msg->why != NOH_WHY_NORMAL)
		end_at_once(self);
}

NOH_ACTOR(session, (deliver_burst, on_deliver_burst), (deliver, on_deliver), (flush, on_flush),
	  (written, on_written), (acknowledged, on_acknowledged), (attach, on_attach),
	  (detached, on_detached), (expired, on_expired), (conclude, on_conclude),
	  (forgotten, on_forgotten), (noh_stopping, on_stopping));
