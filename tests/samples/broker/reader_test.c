/* How the broker cuts a byte stream into packets, whatever slices it arrives in. Knows no sockets.
 */
#include <errno.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "broker/reader.h"
#include "tests/support/mqtt_client.h"

static const struct packet_limits LIMITS = {.packet_bytes = 1 << 20};

/* A stream with packets of all kinds and sizes, and what a reader made of one. */
struct stream {
	uint8_t bytes[4096];
	size_t size;
};

struct history {
	uint8_t bytes[4096]; // first byte, size and body of each packet, in a row
	size_t size;
	size_t packets;
	size_t in_place;
};

static void fill_stream(struct stream *stream)
{
	static uint8_t payload[300];
	uint8_t *to = stream->bytes;

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 7);
	to += mqtt_client_connect(to, &(struct mqtt_connect){.client_id = "teller"});
	to += mqtt_client_subscribe(to, 1, "a/+/c", 2);
	to += mqtt_client_publish(to, &(struct mqtt_publish){.topic = "a"});
	to += mqtt_client_pingreq(to);
	to += mqtt_client_publish(to, &(struct mqtt_publish){.topic = "a/b/c",
							     .payload = payload,
							     .payload_bytes = sizeof(payload),
							     .qos = 2,
							     .id = 2});
	to += mqtt_client_pubrel(to, 2);
	to += mqtt_client_publish(
		to,
		&(struct mqtt_publish){.topic = "a/b", .payload = payload, .payload_bytes = 120});
	to += mqtt_client_unsubscribe(to, 3, "a/+/c");
	to += mqtt_client_disconnect(to);
	stream->size = (size_t)(to - stream->bytes);
}

static void remember(struct history *history, const struct frame *frame)
{
	history->bytes[history->size++] = frame->first;
	history->bytes[history->size++] = (uint8_t)(frame->body.size >> 8);
	history->bytes[history->size++] = (uint8_t)frame->body.size;
	if (frame->body.size)
		memcpy(history->bytes + history->size, frame->body.at, frame->body.size);
	history->size += frame->body.size;
	history->packets++;
	history->in_place += frame->in_place;
}

/* Feeds a slice, copied so that a read past its end is seen. */
static void feed(struct reader *reader, const uint8_t *at, size_t size, struct history *history)
{
	uint8_t *slice = malloc(size ? size : 1);
	struct refusal refusal = {0};
	struct frame frame;
	int got;

	memcpy(slice, at, size);
	struct span input = {slice, size};
	while ((got = reader_next(reader, &input, &frame, &refusal)) > 0) {
		if (packet_type_of(frame.first) == PACKET_CONNECT)
			reader->phase = READER_OF_CLIENT;
		remember(history, &frame);
	}
	cr_assert_eq(got, 0, "%s", refusal.reason);
	cr_assert_eq(input.size, 0);
	free(slice);
}

static void expect_same(const struct history *got, const struct history *wanted, const char *how,
			size_t at)
{
	cr_assert(got->packets == wanted->packets && got->size == wanted->size &&
			  !memcmp(got->bytes, wanted->bytes, wanted->size),
		  "%s %zu: %zu packets of %zu bytes for %zu of %zu", how, at, got->packets,
		  got->size, wanted->packets, wanted->size);
}

static void read_whole(const struct stream *stream, struct history *history)
{
	struct reader reader = {.limits = &LIMITS};

	feed(&reader, stream->bytes, stream->size, history);
}

Test(reader, gives_views_into_a_slice_that_holds_whole_packets)
{
	struct stream stream;
	struct history history = {0};

	fill_stream(&stream);
	read_whole(&stream, &history);

	cr_expect_eq(history.packets, 9);
	cr_expect_eq(history.in_place, 9);
}

Test(reader, makes_the_same_packets_of_any_two_slices)
{
	struct stream stream;
	struct history wanted = {0};

	fill_stream(&stream);
	read_whole(&stream, &wanted);

	for (size_t cut = 0; cut <= stream.size; cut++) {
		struct reader reader = {.limits = &LIMITS};
		struct history got = {0};
		feed(&reader, stream.bytes, cut, &got);
		feed(&reader, stream.bytes + cut, stream.size - cut, &got);
		expect_same(&got, &wanted, "cut at", cut);
		cr_expect_geq(got.in_place, wanted.packets - 1);
		cr_expect_null(reader.gathered, "memory is held after cut at %zu", cut);
	}
}

Test(reader, makes_the_same_packets_of_slices_of_any_size)
{
	struct stream stream;
	struct history wanted = {0};

	fill_stream(&stream);
	read_whole(&stream, &wanted);

	for (size_t size = 1; size < 64; size++) {
		struct reader reader = {.limits = &LIMITS};
		struct history got = {0};
		for (size_t at = 0; at < stream.size; at += size)
			feed(&reader, stream.bytes + at,
			     size < stream.size - at ? size : stream.size - at, &got);
		expect_same(&got, &wanted, "slices of", size);
		cr_expect_null(reader.gathered);
	}
}

Test(reader, holds_no_more_than_twice_what_has_arrived)
{
	struct reader reader = {.limits = &LIMITS, .phase = READER_OF_CLIENT};
	struct history history = {0};
	static const uint8_t zeros[1000];

	feed(&reader, (const uint8_t *)"\x30\x80\x80\x3f", 4, &history); // claims a megabyte
	cr_expect_null(reader.gathered, "a length alone took memory");

	for (size_t have = 0; have < 100000; have += sizeof(zeros)) {
		feed(&reader, zeros, sizeof(zeros), &history);
		cr_expect_leq(reader.room, 2 * (have + sizeof(zeros)));
	}
	reader_finish(&reader);
	cr_expect_null(reader.gathered);
}

Test(reader, hands_over_the_memory_of_a_gathered_packet)
{
	struct reader reader = {.limits = &LIMITS, .phase = READER_OF_CLIENT};
	struct refusal refusal;
	struct frame frame;
	struct span first = {(const uint8_t *)"\x30\x06\x00\x01t", 5};
	struct span second = {(const uint8_t *)"abc\xc0\x00", 5};

	cr_assert_eq(reader_next(&reader, &first, &frame, &refusal), 0);
	cr_assert_eq(reader_next(&reader, &second, &frame, &refusal), 1);
	cr_expect_not(frame.in_place);
	uint8_t *mine = reader_take(&reader);
	cr_assert_eq(reader_next(&reader, &second, &frame, &refusal), 1);

	cr_expect_eq(packet_type_of(frame.first), PACKET_PINGREQ);
	cr_expect_arr_eq(mine, "\x00\x01tabc", 6);
	free(mine);
}

struct refused_case {
	const char *bytes;
	size_t size;
	enum reader_phase phase;
	int err;
	const char *reason;
};

#define CASE(phase, err, reason, literal)                        \
	{                                                        \
		literal, sizeof(literal) - 1, phase, err, reason \
	}

static const struct refused_case refused_cases[] = {
	CASE(READER_BEFORE_CONNECT, -EPROTO, "packet length has a fifth byte",
	     "\x10\xff\xff\xff\xff"),
	CASE(READER_OF_CLIENT, -EPROTO, "packet length has a fifth byte", "\x30\x80\x80\x80\x80"),
	CASE(READER_OF_CLIENT, -EMSGSIZE, "packet is larger than allowed", "\x30\x80\x80\x40"),
	CASE(READER_OF_CLIENT, -EMSGSIZE, "packet is larger than allowed", "\x30\xff\xff\xff\x7f"),
	CASE(READER_BEFORE_CONNECT, -EMSGSIZE, "packet is larger than allowed", "\x10\xff\xff\x7f"),
	CASE(READER_BEFORE_CONNECT, -EPROTO, "first packet is not CONNECT", "\x30"),
	CASE(READER_BEFORE_CONNECT, -EPROTO, "first packet is not CONNECT", "\x82"),
	CASE(READER_BEFORE_CONNECT, -EPROTO, "first packet is not CONNECT", "\xc0"),
	CASE(READER_BEFORE_CONNECT, -EPROTO, "first packet is not CONNECT", "\xe0"),
	CASE(READER_BEFORE_CONNECT, -EPROTO, "only a server sends this packet", "\x20"),
	CASE(READER_BEFORE_CONNECT, -EPROTO, "packet type is reserved", "\x00"),
	CASE(READER_BEFORE_CONNECT, -EPROTO, "reserved flags are wrong", "GET / HTTP/1.1"),
	CASE(READER_OF_CLIENT, -EPROTO, "second CONNECT", "\x10"),
	CASE(READER_OF_CLIENT, -EPROTO, "packet type is reserved", "\xff"),
	CASE(READER_OF_CLIENT, -EPROTO, "reserved flags are wrong", "\x80"),
	CASE(READER_OF_CLIENT, -EPROTO, "QoS is 3", "\x36"),
	CASE(READER_OF_CLIENT, -EPROTO, "DUP is set at QoS 0", "\x38"),
	CASE(READER_OF_CLIENT, -EPROTO, "only a server sends this packet", "\xd0"),
	CASE(READER_OF_SERVER, -EPROTO, "only a client sends this packet", "\x10"),
	CASE(READER_OF_SERVER, -EPROTO, "only a client sends this packet", "\xc0"),
};

Test(reader, refuses_as_soon_as_it_can_tell)
{
	for (size_t i = 0; i < sizeof(refused_cases) / sizeof(*refused_cases); i++) {
		const struct refused_case *wanted = &refused_cases[i];
		struct reader reader = {.limits = &LIMITS, .phase = wanted->phase};
		struct refusal refusal = {.reason = "not refused"};
		struct frame frame;
		int got = 0;

		for (size_t at = 0; at < wanted->size && !got; at++) {
			struct span one = {(const uint8_t *)wanted->bytes + at, 1};
			got = reader_next(&reader, &one, &frame, &refusal);
		}

		cr_expect(got == wanted->err && !strcmp(refusal.reason, wanted->reason),
			  "case %zu: got %d '%s', wanted %d '%s'", i, got, refusal.reason,
			  wanted->err, wanted->reason);
		cr_expect_null(reader.gathered);
	}
}

Test(reader, takes_a_packet_of_exactly_the_limit)
{
	struct packet_limits limits = {.packet_bytes = 100};
	uint8_t bytes[102] = {0x30, 98, 0, 1, 't'};
	struct reader reader = {.limits = &limits, .phase = READER_OF_CLIENT};
	struct span input = {bytes, 100};
	struct refusal refusal;
	struct frame frame;

	cr_expect_eq(reader_next(&reader, &input, &frame, &refusal), 1);
	bytes[1] = 99;
	input = (struct span){bytes, 101};
	cr_expect_eq(reader_next(&reader, &input, &frame, &refusal), -EMSGSIZE);
}
