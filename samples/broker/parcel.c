/* Packets put together to be sent at once. Knows neither sessions nor sockets. */
#include "broker/parcel.h"

#include <assert.h>
#include <string.h>

#include "broker/encode.h"
#include "broker/publication.h"

// The most that one packet needs: head, topic, id and payload, the two just small enough to be
// copied, or a piece each.
enum {
	LARGEST_COPY = ENCODE_PUBLISH_HEAD_MAX + ENCODE_ID_SIZE + 2 * PARCEL_COPIED_MOST,
	MOST_PIECES = 4,
};

void parcel_clear(struct parcel *parcel)
{
	parcel->piece_count = parcel->copied = parcel->bytes = 0;
}

bool parcel_is_full(const struct parcel *parcel)
{
	return parcel->copied + LARGEST_COPY > PARCEL_COPIES_BYTES ||
	       parcel->piece_count + MOST_PIECES > PARCEL_PIECES || parcel->bytes >= PARCEL_BYTES;
}

static void add_piece(struct parcel *parcel, noh_bytes piece)
{
	assert(parcel->piece_count < PARCEL_PIECES);
	parcel->pieces[parcel->piece_count++] = piece;
	parcel->bytes += piece.size;
}

/* Copies stand behind one another, so those that follow each other are one piece. */
static void add_copy(struct parcel *parcel, const void *at, size_t size)
{
	uint8_t *copy = parcel->copies + parcel->copied;
	noh_bytes *last = parcel->piece_count ? &parcel->pieces[parcel->piece_count - 1] : NULL;

	if (!size)
		return;
	memcpy(copy, at, size);
	parcel->copied += size;
	if (last && last->at + last->size == copy) {
		last->size += size;
		parcel->bytes += size;
	} else {
		add_piece(parcel, (noh_bytes){.at = copy, .size = size});
	}
}

static void add_part(struct parcel *parcel, noh_bytes whole, struct span part)
{
	if (part.size <= PARCEL_COPIED_MOST) {
		add_copy(parcel, part.at, part.size);
		return;
	}
	add_piece(parcel, (noh_bytes){part.at, part.size, whole.owner});
}

static void add_publish(struct parcel *parcel, const struct outbox_message *message)
{
	struct span topic = publication_topic(message->body);
	struct span payload = publication_payload(message->body, message->body_has_id);
	uint8_t text[ENCODE_PUBLISH_HEAD_MAX];
	struct publish_head head = {
		.qos = message->qos,
		.duplicate = message->sent_before && message->qos,
		.retain = message->retain,
		.topic_bytes = (uint16_t)topic.size,
		.payload_bytes = (uint32_t)payload.size,
	};

	add_copy(parcel, text, encode_publish_head(text, &head));
	add_part(parcel, message->body, topic);
	if (message->qos)
		add_copy(parcel, text, encode_id(text, message->id));
	add_part(parcel, message->body, payload);
}

void parcel_add_release(struct parcel *parcel, uint16_t id)
{
	uint8_t text[ENCODE_ACKNOWLEDGEMENT_SIZE];

	add_copy(parcel, text, encode_acknowledgement(text, PACKET_PUBREL, id));
}

void parcel_add(struct parcel *parcel, const struct outbox_message *message)
{
	assert(!parcel_is_full(parcel));
	if (message->burst)
		add_part(parcel, message->body,
			 (struct span){message->body.at, message->body.size});
	else if (message->stage == OUTBOX_RELEASED)
		parcel_add_release(parcel, message->id);
	else
		add_publish(parcel, message);
}
