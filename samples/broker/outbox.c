/* What a session has for its client, in two rings: what waits, and what is in flight. Knows no
 * actors and no sockets.
 *
 * In flight the packet ids follow one another, so that an acknowledgement finds its message by a
 * subtraction. What was acknowledged out of order keeps its place until all before it are. */
#include "broker/outbox.h"

#include <assert.h>
#include <stdlib.h>

#include "broker/table.h"

enum { SMALLEST_ROOM = 8, IDS = 65535 };

static struct outbox_message *place_at(struct outbox_ring *ring, uint32_t index)
{
	return &ring->at[(ring->first + index) & (ring->room - 1)];
}

static void fit(struct outbox_ring **ring, uint32_t room)
{
	struct outbox_ring *old = *ring;
	struct outbox_ring *fitting =
		resized(NULL, 1, sizeof(*fitting) + room * sizeof(fitting->at[0]));

	*fitting = (struct outbox_ring){.room = room, .count = outbox_count(old)};
	for (uint32_t i = 0; i < fitting->count; i++)
		fitting->at[i] = *place_at(old, i);
	free(old);
	*ring = fitting;
}

static void append(struct outbox_ring **ring, const struct outbox_message *message)
{
	if (!*ring || (*ring)->count == (*ring)->room)
		fit(ring, *ring ? (*ring)->room * 2 : SMALLEST_ROOM);
	*place_at(*ring, (*ring)->count++) = *message;
}

static void drop_first(struct outbox_ring **ring)
{
	struct outbox_ring *full = *ring;

	full->first = (full->first + 1) & (full->room - 1);
	full->count--;
	if (!full->count) {
		free(full);
		*ring = NULL;
	} else if (full->room > 8 * SMALLEST_ROOM && full->count < full->room / 8) {
		fit(ring, full->room / 4);
	}
}

void outbox_drop_body(noh_bytes body)
{
	if (body.owner)
		noh_bytes_drop(body);
	else
		free((void *)body.at);
}

static void drop_body(struct outbox *outbox, struct outbox_message *message)
{
	outbox->bytes -= message->body.size;
	outbox_drop_body(message->body);
	message->body = (noh_bytes){0};
}

static uint32_t packets_in(const struct outbox_message *message)
{
	return message->burst ? message->burst : 1;
}

static uint16_t id_after(uint16_t id)
{
	return id == IDS ? 1 : (uint16_t)(id + 1);
}

void outbox_sent(struct outbox *outbox)
{
	for (; outbox->handed; outbox->handed--) {
		struct outbox_message *message = place_at(outbox->waiting, 0);
		outbox->more -= packets_in(message) - 1;
		outbox->retained -= message->retain;
		drop_body(outbox, message);
		drop_first(&outbox->waiting);
	}
}

struct outbox_room outbox_room(const struct outbox *outbox, const struct outbox_limits *limits)
{
	uint32_t messages = outbox_count(outbox->waiting) - outbox->retained +
			    outbox_count(outbox->in_flight) + outbox->more;

	if (messages >= limits->messages || outbox->bytes >= limits->bytes)
		return (struct outbox_room){0};
	return (struct outbox_room){limits->messages - messages, limits->bytes - outbox->bytes};
}

static bool is_room_for(const struct outbox *outbox, const struct outbox_limits *limits,
			const struct outbox_message *message)
{
	if (outbox->bytes + message->body.size > limits->bytes)
		return false;
	if (message->retain)
		return outbox->retained < limits->retained;
	return packets_in(message) <= outbox_room(outbox, limits).messages;
}

bool outbox_add(struct outbox *outbox, const struct outbox_limits *limits,
		const struct outbox_message *message)
{
	outbox_sent(outbox);
	if (!is_room_for(outbox, limits, message))
		return false;
	append(&outbox->waiting, message);
	outbox->retained += message->retain;
	outbox->bytes += message->body.size;
	outbox->more += packets_in(message) - 1;
	return true;
}

static struct outbox_message *send_again(struct outbox *outbox)
{
	while (outbox->sent < outbox_count(outbox->in_flight)) {
		struct outbox_message *message = place_at(outbox->in_flight, outbox->sent++);
		if (message->stage != OUTBOX_DONE)
			return message;
	}
	return NULL;
}

const struct outbox_message *outbox_next(struct outbox *outbox, const struct outbox_limits *limits)
{
	struct outbox_message *message = send_again(outbox);

	if (message || outbox->handed == outbox_count(outbox->waiting))
		return message;

	message = place_at(outbox->waiting, outbox->handed);
	if (!message->qos) {
		outbox->handed++;
		return message;
	}
	if (outbox_count(outbox->in_flight) >= limits->in_flight)
		return NULL;
	message->id = outbox->last_id = id_after(outbox->last_id);
	append(&outbox->in_flight, message);
	message->body = (noh_bytes){0}; // it has moved
	outbox->handed++;
	outbox->sent++;
	return place_at(outbox->in_flight, outbox_count(outbox->in_flight) - 1);
}

/* The message in flight that has this id, or NULL. */
static struct outbox_message *find(struct outbox *outbox, uint16_t id)
{
	uint32_t count = outbox_count(outbox->in_flight);
	uint32_t age = (uint32_t)(outbox->last_id + IDS - id) % IDS; // the newest is 0

	if (!id || age >= count)
		return NULL;
	return place_at(outbox->in_flight, count - 1 - age);
}

static void forget_done(struct outbox *outbox)
{
	while (outbox_count(outbox->in_flight) &&
	       place_at(outbox->in_flight, 0)->stage == OUTBOX_DONE) {
		drop_first(&outbox->in_flight);
		if (outbox->sent)
			outbox->sent--;
	}
}

bool outbox_acknowledge(struct outbox *outbox, enum packet_type type, uint16_t id)
{
	struct outbox_message *message = find(outbox, id);

	outbox_sent(outbox);
	if (type == PACKET_PUBREC) {
		// An unknown one too: the client then ends what we have forgotten.
		if (message && message->qos == 2 && message->stage == OUTBOX_PUBLISHED) {
			drop_body(outbox, message);
			message->stage = OUTBOX_RELEASED;
		}
		return true;
	}
	if (message && message->stage != OUTBOX_DONE &&
	    message->qos == (type == PACKET_PUBACK ? 1 : 2)) {
		drop_body(outbox, message);
		message->stage = OUTBOX_DONE;
		forget_done(outbox);
	}
	return false;
}

void outbox_start_over(struct outbox *outbox)
{
	outbox_sent(outbox);
	for (uint32_t i = 0; i < outbox_count(outbox->in_flight); i++)
		place_at(outbox->in_flight, i)->sent_before = true;
	outbox->sent = 0;
}

bool outbox_is_empty(const struct outbox *outbox)
{
	return outbox_count(outbox->waiting) == outbox->handed && !outbox_count(outbox->in_flight);
}

static void finish_ring(struct outbox *outbox, struct outbox_ring *ring)
{
	for (uint32_t i = 0; i < outbox_count(ring); i++)
		drop_body(outbox, place_at(ring, i));
	free(ring);
}

void outbox_finish(struct outbox *outbox)
{
	finish_ring(outbox, outbox->waiting);
	finish_ring(outbox, outbox->in_flight);
	*outbox = (struct outbox){0};
}
