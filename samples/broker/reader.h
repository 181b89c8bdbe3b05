/* Makes whole packets of a byte stream that arrives in slices of any size. Knows the fixed header
 * and its limits; what a packet says is packet.h's business. */
#ifndef BROKER_READER_H
#define BROKER_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/packet.h"

/* Whom the reader listens to, which decides what may come next. */
enum reader_phase {
	READER_BEFORE_CONNECT, // a client that has yet to say who it is
	READER_OF_CLIENT,
	READER_OF_SERVER, // for clients
};

/* Set `limits` and `phase`, zero the rest: that needs no memory, and neither does a connection
 * on which no packet is half here. */
struct reader {
	const struct packet_limits *limits;
	uint8_t *gathered; // the body of a packet that spans slices
	uint32_t have;     // bytes of it that are here
	uint32_t room;
	uint32_t size; // of the body, as claimed by the header
	uint8_t phase : 7;
	bool handed_out : 1; // the last frame was `gathered`
	uint8_t first;
	uint8_t header_bytes; // of the fixed header, so far
	bool header_whole;
};

/* Takes the next packet from the start of `input` and moves `input` forward. Call it until it
 * does not return 1, and again with the next slice.
 *
 * Returns 1 with a frame; 0 when the input is used up; -EPROTO, or -EMSGSIZE past a limit, or
 * -ENOMEM, with a refusal, after which the stream makes no sense any more.
 *
 * A frame lies in the input if it fits (`in_place`), so that its payload can be passed on as a
 * slice of what was received; else in memory of the reader, until the next call. */
int reader_next(struct reader *reader, struct span *input, struct frame *ret_frame,
		struct refusal *ret_refusal);

/* Right after a frame that is not in place: its memory is now the caller's, to free(). The
 * frame's spans stay valid in it. */
uint8_t *reader_take(struct reader *reader);

/* Frees what a half packet holds; the struct itself is the caller's. */
void reader_finish(struct reader *reader);

#endif
