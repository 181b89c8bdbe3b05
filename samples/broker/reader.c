/* Makes whole packets of a byte stream that arrives in slices of any size. Knows the fixed header
 * and its limits; what a packet says is packet.h's business. */
#include "broker/reader.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	HEADER_MAX = 5, // type, and at most four bytes of length
	SMALLEST_ROOM = 64,
};

static int refuse(struct refusal *ret_refusal, int err, const char *reason)
{
	*ret_refusal = (struct refusal){.reason = reason};
	return err;
}

/* Asked at the very first byte, so that a peer that has no business here costs no memory. */
static const char *unexpected(enum reader_phase phase, uint8_t first)
{
	enum packet_type type = packet_type_of(first);

	switch (type) {
	case PACKET_CONNECT:
		if (phase == READER_OF_CLIENT)
			return "second CONNECT";
		return phase == READER_OF_SERVER ? "only a client sends this packet" : NULL;
	case PACKET_SUBSCRIBE:
	case PACKET_UNSUBSCRIBE:
	case PACKET_PINGREQ:
	case PACKET_DISCONNECT:
		if (phase == READER_OF_SERVER)
			return "only a client sends this packet";
		break;
	case PACKET_CONNACK:
	case PACKET_SUBACK:
	case PACKET_UNSUBACK:
	case PACKET_PINGRESP:
		if (phase != READER_OF_SERVER)
			return "only a server sends this packet";
		break;
	default:
		break;
	}
	return phase == READER_BEFORE_CONNECT ? "first packet is not CONNECT" : NULL;
}

static const char *first_byte_fault(enum reader_phase phase, uint8_t first)
{
	const char *fault = packet_first_byte_fault(first);

	return fault ? fault : unexpected(phase, first);
}

/* Returns 1 when the fixed header is whole, 0 when the input ends before. */
static int read_header(struct reader *reader, struct span *input, struct refusal *ret_refusal)
{
	while (!reader->header_whole) {
		if (!input->size)
			return 0;

		uint8_t byte = *input->at++;
		input->size--;
		if (!reader->header_bytes++) {
			const char *fault = first_byte_fault(reader->phase, byte);
			if (fault)
				return refuse(ret_refusal, -EPROTO, fault);
			reader->first = byte;
			continue;
		}

		reader->size |= (uint32_t)(byte & 0x7f) << 7 * (reader->header_bytes - 2);
		reader->header_whole = !(byte & 0x80);
		if (!reader->header_whole && reader->header_bytes == HEADER_MAX)
			return refuse(ret_refusal, -EPROTO, "packet length has a fifth byte");
	}
	return 1;
}

static bool is_too_large(const struct reader *reader)
{
	uint32_t limit = reader->limits->packet_bytes;

	return limit && reader->header_bytes + reader->size > limit;
}

/* Room follows what has arrived, at most twice that: a length that is only claimed costs nothing.
 */
static int make_room(struct reader *reader, uint32_t needed)
{
	uint32_t room = needed < SMALLEST_ROOM / 2 ? SMALLEST_ROOM : needed * 2;
	uint8_t *moved;

	if (needed <= reader->room)
		return 0;
	if (room > reader->size)
		room = reader->size;
	moved = realloc(reader->gathered, room);
	if (!moved)
		return -ENOMEM;
	reader->gathered = moved;
	reader->room = room;
	return 0;
}

/* Returns 1 when the body is whole, 0 when the input ends before. */
static int gather(struct reader *reader, struct span *input, struct refusal *ret_refusal)
{
	uint32_t missing = reader->size - reader->have;
	uint32_t piece = input->size < missing ? (uint32_t)input->size : missing;

	if (piece) {
		if (make_room(reader, reader->have + piece))
			return refuse(ret_refusal, -ENOMEM, "no memory for the packet");
		memcpy(reader->gathered + reader->have, input->at, piece);
		reader->have += piece;
		input->at += piece;
		input->size -= piece;
	}
	return reader->have == reader->size;
}

static void start_over(struct reader *reader)
{
	reader->size = 0;
	reader->header_bytes = 0;
	reader->header_whole = false;
}

static void drop_gathered(struct reader *reader)
{
	free(reader->gathered);
	reader->gathered = NULL;
	reader->have = reader->room = 0;
	reader->handed_out = false;
}

int reader_next(struct reader *reader, struct span *input, struct frame *ret_frame,
		struct refusal *ret_refusal)
{
	int got;

	if (reader->handed_out)
		drop_gathered(reader);

	got = read_header(reader, input, ret_refusal);
	if (got <= 0)
		return got;
	if (is_too_large(reader))
		return refuse(ret_refusal, -EMSGSIZE, "packet is larger than allowed");

	if (!reader->gathered && input->size >= reader->size) {
		*ret_frame = (struct frame){
			.first = reader->first,
			.in_place = true,
			.body = {input->at, reader->size},
		};
		if (reader->size)
			input->at += reader->size;
		input->size -= reader->size;
		start_over(reader);
		return 1;
	}

	got = gather(reader, input, ret_refusal);
	if (got <= 0)
		return got;
	*ret_frame = (struct frame){
		.first = reader->first,
		.body = {reader->gathered, reader->size},
	};
	reader->handed_out = true;
	start_over(reader);
	return 1;
}

uint8_t *reader_take(struct reader *reader)
{
	uint8_t *taken = reader->gathered;

	assert(reader->handed_out);
	reader->gathered = NULL;
	drop_gathered(reader);
	return taken;
}

void reader_finish(struct reader *reader)
{
	drop_gathered(reader);
	start_over(reader);
}
