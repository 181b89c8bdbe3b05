/* A connection: one client's socket. It makes packets of bytes, acts on them or passes them on, and
 * writes what its session has for the client. Whatever its client sends wrong ends this connection,
 * and nothing else. */
#include "broker/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

#include "broker/encode.h"
#include "broker/messages.h"
#include "broker/publication.h"

/* To itself: time to look whether the client has said anything. */
NOH_MESSAGE(look);

/* What the client left with us for later. */
struct luggage {
	struct ids unreleased; // what it published at QoS 2 and has not released
	noh_bytes will;        // publication.h; empty: it has none
	uint8_t will_qos;
	bool will_retain;
	uint8_t *held; // what it sent before its session was there; of malloc()
	size_t held_size;
};

/* PUBACK, PUBREC and PUBCOMP of one slice, for the session. */
struct acknowledgements {
	size_t count;
	struct acknowledgement at[128];
};

static struct luggage *luggage_of(struct connection *self)
{
	if (!self->luggage)
		self->luggage = noh_alloc(sizeof(*self->luggage));
	return self->luggage;
}

// ---- going

static void drop_will(struct connection *self)
{
	if (!self->luggage)
		return;
	noh_bytes_drop(self->luggage->will);
	self->luggage->will = (noh_bytes){0};
}

static void publish_will(struct connection *self)
{
	const struct luggage *luggage = self->luggage;

	if (!luggage || !luggage->will.size)
		return;
	noh_send(router_of(self->broker, publication_topic(luggage->will)), publish,
		 .body = luggage->will, .retain = luggage->will_retain, .qos = luggage->will_qos);
	drop_will(self);
}

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
 * words, and routers that were asked something. */
static void end_if_alone(struct connection *self)
{
	if (self->stage == CONNECTION_LEAVING && noh_same(self->session, NOH_NOBODY) &&
	    !self->answers.count)
		noh_end(0, NULL);
}

/* Nothing more is heard from the client, nor told to it. */
static void finish(struct connection *self)
{
	if (self->stage == CONNECTION_ABANDONED || self->stage == CONNECTION_LEAVING)
		return;
	publish_will(self);
	noh_tcp_close(self->conn);
	noh_cancel(self->timer);
	noh_after(self->broker->limits.connect_ms, look); // nobody is waited for without an end

	if (self->stage == CONNECTION_ARRIVING) {
		self->stage = CONNECTION_ABANDONED; // the session will come, and must be told
		return;
	}
	self->stage = CONNECTION_LEAVING;
	say_last_words(self);
	end_if_alone(self);
}

static void note(struct connection *self, const char *what)
{
	const char *peer = noh_tcp_peer(self->conn);

	noh_send(self->broker->journal, noted, .who = peer ? peer : "a client that is gone",
		 .what = what);
}

static void turn_away(struct connection *self, const char *why)
{
	note(self, why);
	finish(self);
}

// ---- writing

/* A stream that lacks a packet in its middle is worth nothing. */
static void write_bytes(struct connection *self, noh_bytes bytes)
{
	if (noh_tcp_write(self->conn, bytes) == -ENOBUFS)
		turn_away(self, "asks for much and reads little");
}

static void write_text(struct connection *self, const uint8_t *text, size_t size)
{
	write_bytes(self, (noh_bytes){.at = text, .size = size});
}

static void write_acknowledgement(struct connection *self, enum packet_type type, uint16_t id)
{
	uint8_t text[ENCODE_ACKNOWLEDGEMENT_SIZE];

	write_text(self, text, encode_acknowledgement(text, type, id));
}

static void write_connack(struct connection *self, enum connack_code code, bool present)
{
	uint8_t text[ENCODE_CONNACK_SIZE];

	write_text(self, text, encode_connack(text, code, present));
}

static void write_suback(struct connection *self, const struct answer *answer)
{
	uint8_t text[ENCODE_SUBACK_HEAD_MAX];

	write_text(self, text, encode_suback_head(text, answer->id, answer->granted_count));
	write_text(self, answer->granted, answer->granted_count);
}

static void write_answers(struct connection *self)
{
	const struct answer *answer;

	while ((answer = answers_next(&self->answers))) {
		if (answer->type == PACKET_SUBACK)
			write_suback(self, answer);
		else
			write_acknowledgement(self, answer->type, answer->id);
		answers_drop(&self->answers);
	}
}

static void on_routed(struct connection *self, const struct routed *msg)
{
	answers_settle(&self->answers, msg->ticket);
	write_answers(self);
	end_if_alone(self);
}

/* The session sends more once this was confirmed; a client that reads too slowly must catch up
 * before. The limit is one above which noh_tcp_drained is promised. */
static void on_write(struct connection *self, const struct write *msg)
{
	if (self->stage != CONNECTION_ATTACHED)
		return;
	for (size_t i = 0; i < msg->pieces.count; i++)
		write_bytes(self, msg->pieces.at[i]);
	if (noh_tcp_unsent(self->conn) > self->broker->limits.unsent_bytes)
		self->unconfirmed++;
	else
		noh_send(self->session, written);
}

static void on_drained(struct connection *self, const struct noh_tcp_drained *msg)
{
	(void)msg;
	for (; self->unconfirmed; self->unconfirmed--)
		noh_send(self->session, written);
}

// ---- CONNECT

static void keep_will(struct connection *self, const struct packet_connect *connect)
{
	struct luggage *luggage = luggage_of(self);
	size_t size = publication_size(connect->will_topic, connect->will_payload);
	uint8_t *body = resized(NULL, size, 1);

	publication_write(body, connect->will_topic, connect->will_payload);
	luggage->will = noh_keep_bytes(noh_bytes_wrap(body, size, free, body));
	luggage->will_qos = connect->will_qos;
	luggage->will_retain = connect->will_retain;
}

static void on_connect_packet(struct connection *self, const struct packet_connect *connect)
{
	if (connect->has_will)
		keep_will(self, connect);
	self->keep_alive_seconds = connect->keep_alive_seconds;
	self->stage = CONNECTION_ARRIVING;
	noh_send(self->broker->directory, arrived,
		 .client_id = {.at = connect->client_id.at, .size = connect->client_id.size},
		 .clean = connect->clean_session);
}

// ---- PUBLISH

/* The body of a packet as a slice, lent until the handler returns. */
static noh_bytes body_of(struct connection *self, const struct frame *frame, noh_bytes received)
{
	if (frame->in_place)
		return (noh_bytes){frame->body.at, frame->body.size, received.owner};
	uint8_t *taken = reader_take(&self->reader);
	return noh_bytes_wrap(taken, frame->body.size, free, taken);
}

static void on_publish_packet(struct connection *self, const struct packet *packet, noh_bytes body)
{
	const struct packet_publish *what = &packet->publish;
	struct answer answer = {.type = PACKET_PUBACK, .id = packet->id, .missing = 1};
	bool repeated = false;
	uint64_t ticket = 0;

	if (what->qos == 2) {
		answer.type = PACKET_PUBREC;
		repeated = !ids_add(&luggage_of(self)->unreleased, packet->id);
	}
	if (what->qos)
		ticket = answers_owe(&self->answers, &answer);
	noh_send(router_of(self->broker, what->topic), publish, .body = body,
		 .has_id = what->qos > 0, .retain = what->retain, .repeated = repeated,
		 .qos = what->qos, .ticket = ticket);
}

// ---- SUBSCRIBE and UNSUBSCRIBE

static bool is_refused(const struct connection *self, struct span filter)
{
	for (uint32_t i = 0; i < self->broker->refused_count; i++) {
		if (span_equal(filter, span_of(self->broker->refused_filters[i])))
			return true;
	}
	return false;
}

/* The routers that must know of a filter: with a wildcard all of them, else that of its topic. */
struct router_list {
	const noh_actor *at;
	uint32_t count;
};

static struct router_list routers_for(const struct connection *self, struct span filter,
				      noh_actor *only)
{
	if (topic_has_wildcard(filter))
		return (struct router_list){self->broker->routers, self->broker->router_count};
	*only = router_of(self->broker, filter);
	return (struct router_list){only, 1};
}

static noh_bytes lent(struct span span)
{
	return (noh_bytes){.at = span.at, .size = span.size};
}

/* First what is to be answered, then the questions, which carry the ticket of the answer. */
static void on_subscribe_packet(struct connection *self, const struct packet *packet)
{
	struct answer answer = {.type = PACKET_SUBACK, .id = packet->id};
	struct span filters = packet->filters;
	struct span filter;
	noh_actor only;
	uint8_t qos;

	answer.granted = resized(NULL, packet->filters.size, 1); // more than enough
	while (packet_next_subscription(&filters, &filter, &qos)) {
		bool refused = is_refused(self, filter);
		answer.granted[answer.granted_count++] = refused ? ENCODE_SUBACK_FAILURE : qos;
		if (!refused)
			answer.missing += routers_for(self, filter, &only).count;
	}
	uint64_t ticket = answers_owe(&self->answers, &answer);

	filters = packet->filters;
	while (packet_next_subscription(&filters, &filter, &qos)) {
		struct router_list routers = routers_for(self, filter, &only);
		for (uint32_t i = 0; i < routers.count && !is_refused(self, filter); i++)
			noh_send(routers.at[i], subscribe, .session = self->session,
				 .filter = lent(filter), .qos = qos, .ticket = ticket);
	}
	write_answers(self);
}

static void on_unsubscribe_packet(struct connection *self, const struct packet *packet)
{
	struct answer answer = {.type = PACKET_UNSUBACK, .id = packet->id};
	struct span filters = packet->filters;
	struct span filter;
	noh_actor only;

	while (packet_next_filter(&filters, &filter))
		answer.missing += routers_for(self, filter, &only).count;
	uint64_t ticket = answers_owe(&self->answers, &answer);

	filters = packet->filters;
	while (packet_next_filter(&filters, &filter)) {
		struct router_list routers = routers_for(self, filter, &only);
		for (uint32_t i = 0; i < routers.count; i++)
			noh_send(routers.at[i], unsubscribe, .session = self->session,
				 .filter = lent(filter), .ticket = ticket);
	}
}

// ---- all packets

static void pass_on(struct connection *self, struct acknowledgements *seen)
{
	if (seen->count)
		noh_send(self->session, acknowledged,
			 .all = {.at = seen->at, .count = seen->count});
	seen->count = 0;
}

static void collect(struct connection *self, struct acknowledgements *seen,
		    const struct packet *packet)
{
	seen->at[seen->count++] = (struct acknowledgement){.type = packet->type, .id = packet->id};
	if (seen->count == sizeof(seen->at) / sizeof(seen->at[0]))
		pass_on(self, seen);
}

static void act_on(struct connection *self, const struct packet *packet, const struct frame *frame,
		   noh_bytes received, struct acknowledgements *seen)
{
	static const uint8_t pingresp[ENCODE_PINGRESP_SIZE] = {PACKET_PINGRESP << 4, 0};

	switch (packet->type) {
	case PACKET_CONNECT:
		on_connect_packet(self, &packet->connect);
		break;
	case PACKET_PUBLISH:
		on_publish_packet(self, packet, body_of(self, frame, received));
		break;
	case PACKET_PUBACK:
	case PACKET_PUBREC:
	case PACKET_PUBCOMP:
		collect(self, seen, packet);
		break;
	case PACKET_PUBREL:
		if (self->luggage)
			ids_remove(&self->luggage->unreleased, packet->id);
		write_acknowledgement(self, PACKET_PUBCOMP, packet->id);
		break;
	case PACKET_SUBSCRIBE:
		on_subscribe_packet(self, packet);
		break;
	case PACKET_UNSUBSCRIBE:
		on_unsubscribe_packet(self, packet);
		break;
	case PACKET_PINGREQ:
		write_text(self, pingresp, sizeof(pingresp));
		break;
	case PACKET_DISCONNECT:
		pass_on(self, seen);
		drop_will(self);
		finish(self);
		break;
	default: // packet_parse() lets nothing else pass
		break;
	}
}

static void refuse(struct connection *self, const struct refusal *refusal)
{
	if (refusal->connack)
		write_connack(self, refusal->connack, false);
	turn_away(self, refusal->reason);
}

static bool is_listening(const struct connection *self)
{
	return self->stage == CONNECTION_NEW || self->stage == CONNECTION_ATTACHED;
}

/* Bytes that came too early are kept, as many as one packet may have. */
static void hold(struct connection *self, const uint8_t *at, size_t size)
{
	struct luggage *luggage = luggage_of(self);

	if (luggage->held_size + size > self->broker->limits.packet.packet_bytes) {
		turn_away(self, "sends much and does not wait to be let in");
		return;
	}
	luggage->held = resized(luggage->held, luggage->held_size + size, 1);
	memcpy(luggage->held + luggage->held_size, at, size);
	luggage->held_size += size;
}

/* All packets of a slice, up to a CONNECT: its session must be found before the others. */
static void take(struct connection *self, noh_bytes received)
{
	struct span input = {received.at, received.size};
	struct acknowledgements seen = {.count = 0};
	struct refusal refusal;
	struct packet packet;
	struct frame frame;
	bool heard = false;
	int got = 0;

	while (is_listening(self) &&
	       (got = reader_next(&self->reader, &input, &frame, &refusal)) == 1) {
		got = packet_parse(&frame, &self->broker->limits.packet, &packet, &refusal);
		if (got < 0)
			break;
		act_on(self, &packet, &frame, received, &seen);
		heard = true;
	}
	pass_on(self, &seen);
	if (heard && self->keep_alive_seconds)
		self->heard_ms = noh_now_ms();

	if (got < 0)
		refuse(self, &refusal);
	else if (self->stage == CONNECTION_ARRIVING && input.size)
		hold(self, input.at, input.size);
}

static void on_data(struct connection *self, const struct noh_tcp_data *msg)
{
	if (self->stage == CONNECTION_ARRIVING)
		hold(self, msg->bytes.at, msg->bytes.size);
	else
		take(self, msg->bytes);
}

// ---- the life of a connection

static void on_opened(struct connection *self, const struct noh_tcp_opened *msg)
{
	self->conn = msg->conn;
	self->reader.limits = &self->broker->limits.packet;
	self->timer = noh_after(self->broker->limits.connect_ms, look);
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
		turn_away(self, "is not through with CONNECT in time");
		return;
	}
	left_ms = self->heard_ms + silence_ms(self) - noh_now_ms();
	if (left_ms > 0)
		self->timer = noh_after(left_ms, look);
	else
		turn_away(self, "is silent for longer than its keep-alive allows");
}

/* What has come before the session was there is taken as if it came now. */
static void take_held(struct connection *self)
{
	struct luggage *luggage = self->luggage;
	noh_bytes held;

	if (!luggage || !luggage->held)
		return;
	held = noh_bytes_wrap(luggage->held, luggage->held_size, free, luggage->held);
	luggage->held = NULL;
	luggage->held_size = 0;
	take(self, held);
}

static void on_attached(struct connection *self, const struct attached *msg)
{
	self->session = noh_sender();
	for (size_t i = 0; i < msg->unreleased.count; i++)
		ids_add(&luggage_of(self)->unreleased, (uint16_t)msg->unreleased.at[i]);
	if (self->stage == CONNECTION_ABANDONED) {
		self->stage = CONNECTION_LEAVING;
		say_last_words(self);
		return;
	}

	noh_cancel(self->timer);
	if (self->keep_alive_seconds) {
		self->heard_ms = noh_now_ms();
		self->timer = noh_after(silence_ms(self), look);
	}
	self->stage = CONNECTION_ATTACHED;
	self->reader.phase = READER_OF_CLIENT;
	write_connack(self, CONNACK_ACCEPTED, msg->present);
	take_held(self);
}

/* It was not let in: there is no session to take leave of. */
static void end_without_session(struct connection *self)
{
	if (self->stage == CONNECTION_ARRIVING) {
		self->stage = CONNECTION_NEW;
		finish(self);
	} else if (self->stage == CONNECTION_ABANDONED) {
		self->stage = CONNECTION_LEAVING;
		end_if_alone(self);
	}
}

static void on_unavailable(struct connection *self, const struct unavailable *msg)
{
	(void)msg;
	if (self->stage == CONNECTION_ARRIVING) {
		write_connack(self, CONNACK_UNAVAILABLE, false);
		note(self, "there are as many sessions as may be kept");
	}
	end_without_session(self);
}

static void on_give_way(struct connection *self, const struct give_way *msg)
{
	(void)msg;
	if (noh_same(self->session, NOH_NOBODY))
		end_without_session(self);
	else
		finish(self);
}

static void on_dismissed(struct connection *self, const struct dismissed *msg)
{
	(void)msg;
	self->session = NOH_NOBODY;
	finish(self);
	end_if_alone(self);
}

static void on_overflowed(struct connection *self, const struct overflowed *msg)
{
	(void)msg;
	if (self->stage == CONNECTION_ATTACHED)
		turn_away(self, "takes too little of what it has subscribed to");
}

static void on_closed(struct connection *self, const struct noh_tcp_closed *msg)
{
	(void)msg;
	finish(self);
}

/* However it ends: if it failed, its client and its session still hear of it. */
static void on_stopping(struct connection *self, const struct noh_stopping *msg)
{
	if (msg->why == NOH_WHY_FAILED && self->stage != CONNECTION_LEAVING) {
		publish_will(self);
		say_last_words(self);
	}
	reader_finish(&self->reader);
	answers_finish(&self->answers);
	if (self->luggage) {
		ids_finish(&self->luggage->unreleased);
		free(self->luggage->held);
	}
}

NOH_ACTOR(connection, (noh_tcp_data, on_data), (write, on_write), (routed, on_routed),
	  (noh_tcp_drained, on_drained), (noh_tcp_opened, on_opened), (noh_tcp_closed, on_closed),
	  (look, on_look), (attached, on_attached), (unavailable, on_unavailable),
	  (give_way, on_give_way), (dismissed, on_dismissed), (overflowed, on_overflowed),
	  (noh_stopping, on_stopping));
