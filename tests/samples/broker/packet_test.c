/* What the broker reads in a packet, and each reason for which it refuses one. Knows no streams. */
#include <errno.h>

#include <criterion/criterion.h>

#include "broker/packet.h"
#include "tests/support/mqtt_client.h"

static const struct packet_limits LIMITS = {
	.client_id_bytes = 64,
	.topic = {.bytes = 32, .levels = 8},
};

/* Cuts one packet with a length of one byte out of its bytes. */
static struct frame frame_of(const void *bytes, size_t size)
{
	const uint8_t *at = bytes;

	cr_assert(size >= 2 && at[1] == size - 2, "the case's own length is wrong: %u for %zu",
		  at[1], size - 2);
	return (struct frame){.first = at[0], .in_place = true, .body = {at + 2, size - 2}};
}

static struct packet parsed(const void *bytes, size_t size)
{
	struct frame frame = frame_of(bytes, size);
	struct packet packet;
	struct refusal refusal = {0};

	cr_assert_eq(packet_parse(&frame, &LIMITS, &packet, &refusal), 0, "refused: %s",
		     refusal.reason);
	return packet;
}

static bool is(struct span span, const char *text)
{
	return span_equal(span, span_of(text));
}

Test(packet, connect_tells_all_it_has)
{
	uint8_t bytes[128];
	size_t size = mqtt_client_connect(bytes, &(struct mqtt_connect){
							 .client_id = "teller",
							 .keep_session = true,
							 .keep_alive_seconds = 300,
							 .will_topic = "gone/teller",
							 .will_payload = "bye",
							 .will_qos = 2,
							 .will_retain = true,
							 .user = "ann",
							 .password = "secret",
						 });

	struct packet packet = parsed(bytes, size);

	cr_expect_eq(packet.type, PACKET_CONNECT);
	cr_expect(is(packet.connect.client_id, "teller"));
	cr_expect_not(packet.connect.clean_session);
	cr_expect_eq(packet.connect.keep_alive_seconds, 300);
	cr_expect(packet.connect.has_will && packet.connect.will_retain);
	cr_expect_eq(packet.connect.will_qos, 2);
	cr_expect(is(packet.connect.will_topic, "gone/teller"));
	cr_expect(is(packet.connect.will_payload, "bye"));
	cr_expect(packet.connect.has_user && is(packet.connect.user, "ann"));
	cr_expect(packet.connect.has_password && is(packet.connect.password, "secret"));
}

Test(packet, connect_may_be_bare)
{
	uint8_t bytes[32];
	size_t size = mqtt_client_connect(bytes, &(struct mqtt_connect){0});

	struct packet packet = parsed(bytes, size);

	cr_expect(packet.connect.clean_session);
	cr_expect_eq(packet.connect.client_id.size, 0);
	cr_expect_not(packet.connect.has_will || packet.connect.has_user ||
		      packet.connect.has_password);
}

Test(packet, publish_gives_views_into_its_bytes)
{
	uint8_t bytes[64];
	size_t size = mqtt_client_publish(bytes, &(struct mqtt_publish){
							 .topic = "weather/kyoto",
							 .payload = "clear",
							 .payload_bytes = 5,
							 .id = 0x1234,
							 .qos = 1,
							 .retain = true,
							 .duplicate = true,
						 });

	struct packet packet = parsed(bytes, size);

	cr_expect_eq(packet.id, 0x1234);
	cr_expect_eq(packet.publish.qos, 1);
	cr_expect(packet.publish.retain && packet.publish.duplicate);
	cr_expect(is(packet.publish.topic, "weather/kyoto"));
	cr_expect_eq(packet.publish.topic.at, bytes + 4);
	cr_expect(is(packet.publish.payload, "clear"));
	cr_expect_eq(packet.publish.payload.at, bytes + size - 5);
}

Test(packet, publish_at_qos_0_has_no_id_and_may_have_no_payload)
{
	uint8_t bytes[16];
	size_t size = mqtt_client_publish(bytes, &(struct mqtt_publish){.topic = "t"});

	struct packet packet = parsed(bytes, size);

	cr_expect_eq(packet.id, 0);
	cr_expect_eq(packet.publish.payload.size, 0);
	cr_expect_not(packet.publish.retain || packet.publish.duplicate);
}

Test(packet, acknowledgements_carry_their_id)
{
	uint8_t bytes[4];
	struct {
		size_t (*write)(uint8_t *, uint16_t);
		enum packet_type type;
	} cases[] = {
		{mqtt_client_puback, PACKET_PUBACK},
		{mqtt_client_pubrec, PACKET_PUBREC},
		{mqtt_client_pubrel, PACKET_PUBREL},
		{mqtt_client_pubcomp, PACKET_PUBCOMP},
	};

	for (size_t i = 0; i < 4; i++) {
		struct packet packet = parsed(bytes, cases[i].write(bytes, 0xfffe));
		cr_expect_eq(packet.type, cases[i].type);
		cr_expect_eq(packet.id, 0xfffe);
	}
}

Test(packet, subscriptions_are_walked_in_order)
{
	struct packet packet = parsed("\x82\x0c\x00\x07\x00\x03"
				      "a/+\x02\x00\x01#\x00",
				      14);
	struct span filter;
	uint8_t qos;

	cr_expect_eq(packet.id, 7);
	cr_assert(packet_next_subscription(&packet.filters, &filter, &qos));
	cr_expect(is(filter, "a/+") && qos == 2);
	cr_assert(packet_next_subscription(&packet.filters, &filter, &qos));
	cr_expect(is(filter, "#") && qos == 0);
	cr_expect_not(packet_next_subscription(&packet.filters, &filter, &qos));
}

Test(packet, unsubscriptions_are_walked_in_order)
{
	struct packet packet = parsed("\xa2\x0a\x00\x07\x00\x03"
				      "a/+\x00\x01#",
				      12);
	struct span filter;

	cr_assert(packet_next_filter(&packet.filters, &filter));
	cr_expect(is(filter, "a/+"));
	cr_assert(packet_next_filter(&packet.filters, &filter));
	cr_expect(is(filter, "#"));
	cr_expect_not(packet_next_filter(&packet.filters, &filter));
}

Test(packet, ping_and_disconnect_are_empty)
{
	cr_expect_eq(parsed("\xc0\x00", 2).type, PACKET_PINGREQ);
	cr_expect_eq(parsed("\xe0\x00", 2).type, PACKET_DISCONNECT);
}

struct refused_case {
	const char *bytes;
	size_t size;
	const char *reason;
	enum connack_code connack;
};

#define CASE(reason, literal)                           \
	{                                               \
		literal, sizeof(literal) - 1, reason, 0 \
	}
#define TOLD(code, reason, literal)                        \
	{                                                  \
		literal, sizeof(literal) - 1, reason, code \
	}
#define MQTT "\x00\x04MQTT"

static const struct refused_case refused_cases[] = {
	// Fixed header.
	CASE("packet type is reserved", "\x00\x00"),
	CASE("packet type is reserved", "\xf0\x00"),
	CASE("reserved flags are wrong", "\x11\x0c" MQTT "\x04\x02\x00\x00\x00\x00"),
	CASE("reserved flags are wrong", "\x41\x02\x00\x01"),
	CASE("reserved flags are wrong", "\x58\x02\x00\x01"),
	CASE("reserved flags are wrong", "\x60\x02\x00\x01"),
	CASE("reserved flags are wrong", "\x63\x02\x00\x01"),
	CASE("reserved flags are wrong", "\x72\x02\x00\x01"),
	CASE("reserved flags are wrong", "\x80\x06\x00\x01\x00\x01t\x00"),
	CASE("reserved flags are wrong", "\x83\x06\x00\x01\x00\x01t\x00"),
	CASE("reserved flags are wrong", "\xa0\x05\x00\x01\x00\x01t"),
	CASE("reserved flags are wrong", "\xc1\x00"),
	CASE("reserved flags are wrong", "\xe4\x00"),
	CASE("QoS is 3", "\x36\x05\x00\x01t\x00\x01"),
	CASE("QoS is 3", "\x3e\x05\x00\x01t\x00\x01"),
	CASE("DUP is set at QoS 0", "\x38\x03\x00\x01t"),

	// What only a server says.
	CASE("only a server sends this packet", "\x20\x02\x00\x00"),
	CASE("only a server sends this packet", "\x90\x03\x00\x01\x00"),
	CASE("only a server sends this packet", "\xb0\x02\x00\x01"),
	CASE("only a server sends this packet", "\xd0\x00"),

	// CONNECT: the protocol.
	CASE("protocol is not MQTT", "\x10\x0c\x00\x04MQTP\x04\x02\x00\x00\x00\x00"),
	CASE("protocol is not MQTT", "\x10\x0c\x00\x04mqtt\x04\x02\x00\x00\x00\x00"),
	CASE("protocol is not MQTT", "\x10\x08\x00\x00\x04\x02\x00\x00\x00\x00"),
	TOLD(CONNACK_BAD_PROTOCOL, "protocol is MQTT 3.1",
	     "\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x00\x00\x00"),
	TOLD(CONNACK_BAD_PROTOCOL, "protocol level is not 4",
	     "\x10\x0c" MQTT "\x03\x02\x00\x00\x00\x00"),
	TOLD(CONNACK_BAD_PROTOCOL, "protocol level is not 4",
	     "\x10\x0d" MQTT "\x05\x02\x00\x00\x00\x00\x00"),
	TOLD(CONNACK_BAD_PROTOCOL, "protocol level is not 4", "\x10\x07" MQTT "\x84"),

	// CONNECT: flags.
	CASE("reserved connect flag is set", "\x10\x0c" MQTT "\x04\x03\x00\x00\x00\x00"),
	CASE("will QoS is 3", "\x10\x12" MQTT "\x04\x1e\x00\x00\x00\x00\x00\x01w\x00\x01p"),
	CASE("will flags without a will", "\x10\x0c" MQTT "\x04\x0a\x00\x00\x00\x00"),
	CASE("will flags without a will", "\x10\x0c" MQTT "\x04\x22\x00\x00\x00\x00"),
	CASE("password without a user name", "\x10\x0f" MQTT "\x04\x42\x00\x00\x00\x00\x00\x01p"),

	// CONNECT: the client id.
	TOLD(CONNACK_BAD_CLIENT_ID, "client id is empty but the session is to be kept",
	     "\x10\x0c" MQTT "\x04\x00\x00\x00\x00\x00"),
	TOLD(CONNACK_BAD_CLIENT_ID, "client id is longer than allowed",
	     "\x10\x4d" MQTT "\x04\x02\x00\x00\x00\x41"
	     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdefx"),
	CASE("text has a NUL", "\x10\x0e" MQTT "\x04\x02\x00\x00\x00\x02t\x00"),
	CASE("text has a surrogate", "\x10\x0f" MQTT "\x04\x02\x00\x00\x00\x03\xed\xa0\x80"),
	CASE("text is not UTF-8", "\x10\x0d" MQTT "\x04\x02\x00\x00\x00\x01\xff"),

	// CONNECT: will and user.
	CASE("topic is empty", "\x10\x11" MQTT "\x04\x06\x00\x00\x00\x00\x00\x00\x00\x01p"),
	CASE("topic name has a wildcard",
	     "\x10\x12" MQTT "\x04\x06\x00\x00\x00\x00\x00\x01#\x00\x01p"),
	CASE("text has a NUL", "\x10\x12" MQTT "\x04\x06\x00\x00\x00\x00\x00\x01\x00\x00\x01p"),
	CASE("text is not UTF-8", "\x10\x0f" MQTT "\x04\x82\x00\x00\x00\x00\x00\x01\xc0"),
	CASE("text has a NUL", "\x10\x0f" MQTT "\x04\x82\x00\x00\x00\x00\x00\x01\x00"),

	// CONNECT: lengths.
	CASE("packet is too short", "\x10\x00"),
	CASE("packet is too short", "\x10\x05\x00\x04MQT"),
	CASE("packet is too short", "\x10\x06" MQTT),
	CASE("packet is too short", "\x10\x08" MQTT "\x04\x02"),
	CASE("packet is too short", "\x10\x0a" MQTT "\x04\x02\x00\x00"),
	CASE("packet is too short", "\x10\x0c" MQTT "\x04\x02\x00\x00\x00\x01"),
	CASE("packet is too short", "\x10\x0d" MQTT "\x04\x06\x00\x00\x00\x01i"),
	CASE("packet is too short", "\x10\x10" MQTT "\x04\x06\x00\x00\x00\x01i\x00\x01w"),
	CASE("packet is too short", "\x10\x0d" MQTT "\x04\x82\x00\x00\x00\x01i"),
	CASE("packet is too short", "\x10\x10" MQTT "\x04\xc2\x00\x00\x00\x01i\x00\x01u"),
	CASE("packet has bytes after its end", "\x10\x0d" MQTT "\x04\x02\x00\x00\x00\x00x"),

	// PUBLISH.
	CASE("packet is too short", "\x30\x00"),
	CASE("packet is too short", "\x30\x03\x00\x02t"),
	CASE("packet is too short", "\x32\x03\x00\x01t"),
	CASE("packet is too short", "\x32\x04\x00\x01t\x00"),
	CASE("packet id is 0", "\x32\x05\x00\x01t\x00\x00"),
	CASE("packet id is 0", "\x34\x05\x00\x01t\x00\x00"),
	CASE("topic is empty", "\x30\x02\x00\x00"),
	CASE("topic name has a wildcard", "\x30\x05\x00\x03t/#"),
	CASE("topic name has a wildcard", "\x30\x05\x00\x03+/t"),
	CASE("text has a NUL", "\x30\x05\x00\x03t\x00t"),
	CASE("text has a surrogate", "\x30\x05\x00\x03\xed\xbf\xbf"),
	CASE("text is not UTF-8", "\x30\x04\x00\x02\xc0\x80"),
	CASE("topic is longer than allowed", "\x30\x23\x00\x21"
					     "0123456789abcdef0123456789abcdefx"),
	CASE("topic has more levels than allowed", "\x30\x0a\x00\x08////////"),

	// Acknowledgements.
	CASE("packet id is 0", "\x40\x02\x00\x00"),
	CASE("packet id is 0", "\x50\x02\x00\x00"),
	CASE("packet id is 0", "\x62\x02\x00\x00"),
	CASE("packet id is 0", "\x70\x02\x00\x00"),
	CASE("packet is too short", "\x40\x00"),
	CASE("packet is too short", "\x62\x01\x01"),
	CASE("packet has bytes after its end", "\x40\x03\x00\x01\x00"),
	CASE("packet has bytes after its end", "\x70\x04\x00\x01\x00\x01"),

	// SUBSCRIBE and UNSUBSCRIBE.
	CASE("packet is too short", "\x82\x00"),
	CASE("packet id is 0", "\x82\x06\x00\x00\x00\x01t\x00"),
	CASE("packet id is 0", "\xa2\x05\x00\x00\x00\x01t"),
	CASE("packet names no filter", "\x82\x02\x00\x01"),
	CASE("packet names no filter", "\xa2\x02\x00\x01"),
	CASE("packet is too short", "\x82\x05\x00\x01\x00\x01t"),
	CASE("packet is too short", "\x82\x05\x00\x01\x00\x02t"),
	CASE("packet is too short", "\x82\x07\x00\x01\x00\x01t\x00\x00"),
	CASE("packet is too short", "\xa2\x03\x00\x01\x00"),
	CASE("packet is too short", "\xa2\x06\x00\x01\x00\x01t\x00"),
	CASE("requested QoS is 3", "\x82\x06\x00\x01\x00\x01t\x03"),
	CASE("reserved bits of a requested QoS are set", "\x82\x06\x00\x01\x00\x01t\x04"),
	CASE("reserved bits of a requested QoS are set", "\x82\x06\x00\x01\x00\x01t\x81"),
	CASE("topic is empty", "\x82\x05\x00\x01\x00\x00\x00"),
	CASE("topic is empty", "\xa2\x04\x00\x01\x00\x00"),
	CASE("# is not the last level", "\x82\x08\x00\x01\x00\x03#/t\x00"),
	CASE("# is not the last level", "\xa2\x07\x00\x01\x00\x03t#/"),
	CASE("+ does not fill a level", "\x82\x07\x00\x01\x00\x02t+\x00"),
	CASE("text has a NUL", "\x82\x06\x00\x01\x00\x01\x00\x00"),
	CASE("text has a surrogate", "\xa2\x07\x00\x01\x00\x03\xed\xa0\x80"),
	CASE("requested QoS is 3", "\x82\x0a\x00\x01\x00\x01t\x01\x00\x01u\x03"), // the second one
	CASE("packet has bytes after its end", "\xc0\x01\x00"),
	CASE("packet has bytes after its end", "\xe0\x01\x00"),
};

Test(packet, is_refused_with_its_reason)
{
	for (size_t i = 0; i < sizeof(refused_cases) / sizeof(*refused_cases); i++) {
		const struct refused_case *wanted = &refused_cases[i];
		struct frame frame = frame_of(wanted->bytes, wanted->size);
		struct refusal refusal = {.reason = "not refused"};
		struct packet packet;

		int err = packet_parse(&frame, &LIMITS, &packet, &refusal);

		cr_expect(err == -EPROTO && !strcmp(refusal.reason, wanted->reason) &&
				  refusal.connack == wanted->connack,
			  "case %zu: got '%s' and %d, wanted '%s' and %d", i, refusal.reason,
			  refusal.connack, wanted->reason, wanted->connack);
	}
}

/* A packet cut short is refused at every length, unless what is left is a packet too: a PUBLISH
 * with less payload. */
Test(packet, is_refused_at_every_truncation)
{
	uint8_t connect[128], publish[64];
	size_t connect_size = mqtt_client_connect(connect, &(struct mqtt_connect){
								   .client_id = "teller",
								   .will_topic = "w",
								   .will_payload = "bye",
								   .user = "ann",
								   .password = "secret",
							   });
	size_t publish_size = mqtt_client_publish(
		publish,
		&(struct mqtt_publish){
			.topic = "a/b", .payload = "x", .payload_bytes = 1, .qos = 1, .id = 3});
	struct {
		const void *bytes;
		size_t size;
		size_t shortest; // from this size on it is whole
	} cases[] = {
		{connect, connect_size, connect_size},
		{publish, publish_size, publish_size - 1},
		{"\x40\x02\x00\x01", 4, 4},
		{"\x50\x02\x00\x01", 4, 4},
		{"\x62\x02\x00\x01", 4, 4},
		{"\x70\x02\x00\x01", 4, 4},
		{"\x82\x06\x00\x01\x00\x01t\x00", 8, 8},
		{"\xa2\x05\x00\x01\x00\x01t", 7, 7},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		for (size_t size = 2; size <= cases[i].size; size++) {
			struct frame frame = frame_of(cases[i].bytes, cases[i].size);
			struct refusal refusal = {0};
			struct packet packet;
			frame.body.size = size - 2;

			int err = packet_parse(&frame, &LIMITS, &packet, &refusal);

			cr_expect_eq(err, size < cases[i].shortest ? -EPROTO : 0,
				     "case %zu cut to %zu bytes: %d", i, size, err);
		}
	}
}
