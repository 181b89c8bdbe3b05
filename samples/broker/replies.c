/* What a connection writes to its client: the bytes of its answers. */
#include "broker/replies.h"

#include <errno.h>

#include <noh/noh.h>

#include "broker/encode.h"

/* A stream that lacks a packet in its middle is worth nothing. */
void reply_bytes(struct connection *self, noh_bytes bytes)
{
	if (noh_tcp_write(self->conn, bytes) == -ENOBUFS)
		connection_turn_away(self, "asks for much and reads little");
}

static void reply_text(struct connection *self, const uint8_t *text, size_t size)
{
	reply_bytes(self, (noh_bytes){.at = text, .size = size});
}

void reply_acknowledgement(struct connection *self, enum packet_type type, uint16_t id)
{
	uint8_t text[ENCODE_ACKNOWLEDGEMENT_SIZE];

	reply_text(self, text, encode_acknowledgement(text, type, id));
}

void reply_connack(struct connection *self, enum connack_code code, bool present)
{
	uint8_t text[ENCODE_CONNACK_SIZE];

	reply_text(self, text, encode_connack(text, code, present));
}

void reply_pingresp(struct connection *self)
{
	uint8_t text[ENCODE_PINGRESP_SIZE];

	reply_text(self, text, encode_pingresp(text));
}

static void reply_suback(struct connection *self, const struct answer *answer)
{
	uint8_t text[ENCODE_SUBACK_HEAD_MAX];

	reply_text(self, text, encode_suback_head(text, answer->id, answer->granted_count));
	reply_text(self, answer->granted, answer->granted_count);
}

void reply_answers(struct connection *self)
{
	const struct answer *answer;

	while ((answer = answers_next(&self->answers))) {
		if (answer->type == PACKET_SUBACK)
			reply_suback(self, answer);
		else
			reply_acknowledgement(self, answer->type, answer->id);
		answers_drop(&self->answers);
	}
}
