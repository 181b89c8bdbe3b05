/* What the packets of a client ask for: each is acted on or passed on to those whom it concerns.
 * Whatever is wrong with one ends its connection, and nothing else. */
#include "broker/requests.h"

#include <stdlib.h>

#include <noh/noh.h>

#include "broker/burst.h"
#include "broker/encode.h"
#include "broker/messages.h"
#include "broker/replies.h"

/* PUBACK, PUBREC and PUBCOMP of one slice, for the session. */
struct acknowledgements {
	size_t count;
	struct acknowledgement at[128];
};

// ---- CONNECT

static void on_connect_packet(struct connection *self, const struct packet_connect *connect)
{
	if (connect->has_will)
		luggage_keep_will(&self->luggage, connect);
	self->keep_alive_seconds = connect->keep_alive_seconds;
	self->stage = CONNECTION_ARRIVING;
	noh_send(self->broker->directory, arrived,
		 .client_id = {.at = connect->client_id.at, .size = connect->client_id.size},
		 .clean = connect->clean_session);
}

// ---- what goes to routers

/* Counts what a router is sent. So it is after the send, and a mark comes behind it. */
static void count_sent(struct connection *self, uint32_t router, size_t bytes)
{
	const struct broker *broker = self->broker;
	uint32_t cost;

	if (!luggage_add_ahead(&self->luggage, broker, router, bytes))
		return;
	for (uint32_t i = 0; i < broker->router_count; i++) {
		cost = ahead_mark(self->luggage->ahead, i);
		if (cost)
			noh_send(broker->routers[i], mark, .router = i, .cost = cost);
	}
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
		repeated = !luggage_add_id(&self->luggage, packet->id);
	}
	if (what->qos)
		ticket = answers_owe(&self->answers, &answer);
	uint32_t router = router_of(self->broker, what->topic);
	noh_send(self->broker->routers[router], publish, .body = body, .has_id = what->qos > 0,
		 .retain = what->retain, .repeated = repeated, .qos = what->qos, .ticket = ticket);
	count_sent(self, router, body.size);
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
struct router_range {
	uint32_t first;
	uint32_t end;
};

static struct router_range routers_for(const struct connection *self, struct span filter)
{
	if (topic_has_wildcard(filter))
		return (struct router_range){0, self->broker->router_count};
	uint32_t only = router_of(self->broker, filter);
	return (struct router_range){only, only + 1};
}

static uint32_t count_routers_for(const struct connection *self, struct span filter)
{
	struct router_range routers = routers_for(self, filter);
	return routers.end - routers.first;
}

/* Who asks a few things at a time, as nearly all do, needs no memory for counting them. */
static void count_question(struct connection *self, uint32_t router, size_t bytes)
{
	enum { FEW = 8 };

	if (answers_count(&self->answers) > FEW)
		count_sent(self, router, bytes);
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
	uint8_t qos;

	answer.granted = resized(NULL, packet->filters.size, 1); // more than enough
	while (packet_next_subscription(&filters, &filter, &qos)) {
		bool refused = is_refused(self, filter);
		answer.granted[answer.granted_count++] = refused ? ENCODE_SUBACK_FAILURE : qos;
		if (!refused)
			answer.missing += count_routers_for(self, filter);
	}
	uint64_t ticket = answers_owe(&self->answers, &answer);

	filters = packet->filters;
	while (packet_next_subscription(&filters, &filter, &qos)) {
		struct router_range routers = routers_for(self, filter);
		if (is_refused(self, filter))
			continue;
		for (uint32_t i = routers.first; i < routers.end; i++) {
			noh_send(self->broker->routers[i], subscribe, .session = self->session,
				 .filter = lent(filter), .qos = qos, .ticket = ticket);
			count_question(self, i, filter.size);
		}
	}
	reply_answers(self);
}

static void on_unsubscribe_packet(struct connection *self, const struct packet *packet)
{
	struct answer answer = {.type = PACKET_UNSUBACK, .id = packet->id};
	struct span filters = packet->filters;
	struct span filter;

	while (packet_next_filter(&filters, &filter))
		answer.missing += count_routers_for(self, filter);
	uint64_t ticket = answers_owe(&self->answers, &answer);

	filters = packet->filters;
	while (packet_next_filter(&filters, &filter)) {
		struct router_range routers = routers_for(self, filter);
		for (uint32_t i = routers.first; i < routers.end; i++) {
			noh_send(self->broker->routers[i], unsubscribe, .session = self->session,
				 .filter = lent(filter), .ticket = ticket);
			count_question(self, i, filter.size);
		}
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

/* What was published before anything else is passed on before it. */
static void pass_burst(struct connection *self, struct burst *burst, noh_bytes received)
{
	if (!burst->count)
		return;
	uint32_t router = router_of(self->broker, burst->topic);
	noh_send(self->broker->routers[router], publish_burst,
		 .packets = {burst->packets.at, burst->packets.size, received.owner},
		 .count = burst->count);
	count_sent(self, router, burst->packets.size);
	*burst = (struct burst){0};
}

static void act_on(struct connection *self, const struct packet *packet, const struct frame *frame,
		   noh_bytes received, struct acknowledgements *seen)
{
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
		luggage_remove_id(self->luggage, packet->id);
		reply_acknowledgement(self, PACKET_PUBCOMP, packet->id);
		break;
	case PACKET_SUBSCRIBE:
		on_subscribe_packet(self, packet);
		break;
	case PACKET_UNSUBSCRIBE:
		on_unsubscribe_packet(self, packet);
		break;
	case PACKET_PINGREQ:
		reply_pingresp(self);
		break;
	case PACKET_DISCONNECT:
		pass_on(self, seen);
		luggage_drop_will(self->luggage);
		connection_finish(self);
		break;
	default: // packet_parse() lets nothing else pass
		break;
	}
}

static void refuse(struct connection *self, const struct refusal *refusal)
{
	if (refusal->connack)
		reply_connack(self, refusal->connack, false);
	connection_turn_away(self, refusal->reason);
}

static bool is_listening(const struct connection *self)
{
	return self->stage == CONNECTION_NEW || self->stage == CONNECTION_ATTACHED;
}

/* Bytes that come too early wait, as many as one packet may have. */
static void hold(struct connection *self, const uint8_t *at, size_t size)
{
	if (!luggage_hold(&self->luggage, at, size, self->broker->limits.packet.packet_bytes))
		connection_turn_away(self, "sends much and does not wait to be let in");
}

/* Publications that need nothing but to be passed on wait for those that follow. */
static bool goes_with_burst(struct burst *burst, noh_bytes received, const struct frame *frame,
			    const struct packet *packet)
{
	return packet->type == PACKET_PUBLISH && burst_add(burst, received, frame, packet);
}

static bool is_too_far_ahead(const struct connection *self)
{
	return ahead_is_too_far(luggage_ahead(self->luggage));
}

/* Up to a CONNECT, that is: its session must be found before what follows. And up to where the
 * client is too far ahead: returns how much is left to be taken later. */
static size_t take(struct connection *self, noh_bytes received)
{
	struct span input = {received.at, received.size};
	struct acknowledgements seen;
	struct burst burst = {0};
	struct refusal refusal;
	struct packet packet;
	struct frame frame;
	bool heard = false;
	bool too_far = is_too_far_ahead(self);
	int got = 0;

	seen.count = 0;
	while (is_listening(self) && !too_far &&
	       (got = reader_next(&self->reader, &input, &frame, &refusal)) == 1) {
		got = packet_parse(&frame, &self->broker->limits.packet, &packet, &refusal);
		if (got < 0)
			break;
		heard = true;
		if (goes_with_burst(&burst, received, &frame, &packet))
			continue;
		pass_burst(self, &burst, received);
		if (!goes_with_burst(&burst, received, &frame, &packet))
			act_on(self, &packet, &frame, received, &seen);
		too_far = is_too_far_ahead(self);
	}
	pass_burst(self, &burst, received);
	pass_on(self, &seen);
	if (heard && self->keep_alive_seconds)
		self->heard_ms = noh_now_ms();

	if (got < 0)
		refuse(self, &refusal);
	else if (self->stage == CONNECTION_ARRIVING && input.size)
		hold(self, input.at, input.size);
	return got >= 0 && is_listening(self) ? input.size : 0;
}

bool requests_wait(const struct connection *self)
{
	return ahead_waits(luggage_ahead(self->luggage));
}

void requests_take(struct connection *self, noh_bytes received)
{
	bool waits = requests_wait(self);
	size_t left = waits ? received.size : take(self, received);

	if (left)
		ahead_wait(self->luggage->ahead,
			   noh_bytes_slice(received, received.size - left, left));
}

void requests_go_on(struct connection *self)
{
	struct ahead *ahead = self->luggage->ahead;

	while (requests_wait(self) && !is_too_far_ahead(self))
		ahead_leave(ahead, take(self, ahead_first(ahead)));
}
