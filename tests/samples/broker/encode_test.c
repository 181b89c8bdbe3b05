/* The bytes that the broker sends, compared with what the standard prints. Knows no sockets. */
#include <criterion/criterion.h>

#include "broker/encode.h"
#include "broker/reader.h"
#include "tests/support/mqtt_client.h"

Test(encode, writes_the_bytes_of_the_standard)
{
	uint8_t bytes[16];

	cr_expect_eq(encode_connack(bytes, CONNACK_ACCEPTED, true), 4);
	cr_expect_arr_eq(bytes, "\x20\x02\x01\x00", 4);
	cr_expect_eq(encode_connack(bytes, CONNACK_BAD_CLIENT_ID, false), 4);
	cr_expect_arr_eq(bytes, "\x20\x02\x00\x02", 4);
	cr_expect_eq(encode_pingresp(bytes), 2);
	cr_expect_arr_eq(bytes, "\xd0\x00", 2);
	cr_expect_eq(encode_acknowledgement(bytes, PACKET_PUBACK, 0x1234), 4);
	cr_expect_arr_eq(bytes, "\x40\x02\x12\x34", 4);
	cr_expect_eq(encode_acknowledgement(bytes, PACKET_PUBREC, 1), 4);
	cr_expect_arr_eq(bytes, "\x50\x02\x00\x01", 4);
	cr_expect_eq(encode_acknowledgement(bytes, PACKET_PUBREL, 1), 4);
	cr_expect_arr_eq(bytes, "\x62\x02\x00\x01", 4);
	cr_expect_eq(encode_acknowledgement(bytes, PACKET_PUBCOMP, 0xffff), 4);
	cr_expect_arr_eq(bytes, "\x70\x02\xff\xff", 4);
	cr_expect_eq(encode_acknowledgement(bytes, PACKET_UNSUBACK, 10), 4);
	cr_expect_arr_eq(bytes, "\xb0\x02\x00\x0a", 4);
	cr_expect_eq(encode_suback_head(bytes, 10, 2), 4);
	cr_expect_arr_eq(bytes, "\x90\x04\x00\x0a", 4);
	cr_expect_eq(encode_suback_head(bytes, 10, 126), 5);
	cr_expect_arr_eq(bytes, "\x90\x80\x01\x00\x0a", 5);
}

Test(encode, writes_lengths_as_the_standard_does)
{
	static const struct {
		uint32_t remaining;
		const char *bytes;
		size_t size;
	} cases[] = {
		{0, "\x30\x00", 2},
		{127, "\x30\x7f", 2},
		{128, "\x30\x80\x01", 3},
		{16383, "\x30\xff\x7f", 3},
		{16384, "\x30\x80\x80\x01", 4},
		{2097151, "\x30\xff\xff\x7f", 4},
		{2097152, "\x30\x80\x80\x80\x01", 5},
		{268435455, "\x30\xff\xff\xff\x7f", 5},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint8_t bytes[5];
		cr_expect_eq(encode_fixed_header(bytes, 0x30, cases[i].remaining), cases[i].size);
		cr_expect_arr_eq(bytes, cases[i].bytes, cases[i].size, "%u", cases[i].remaining);
	}
}

/* [head][topic][id][payload], as the broker gathers it. */
static size_t gather(uint8_t *to, const struct mqtt_publish *publish)
{
	struct publish_head head = {
		.qos = publish->qos,
		.duplicate = publish->duplicate,
		.retain = publish->retain,
		.topic_bytes = (uint16_t)strlen(publish->topic),
		.payload_bytes = (uint32_t)publish->payload_bytes,
	};
	size_t size = encode_publish_head(to, &head);

	memcpy(to + size, publish->topic, head.topic_bytes);
	size += head.topic_bytes;
	if (head.qos)
		size += encode_id(to + size, publish->id);
	if (head.payload_bytes)
		memcpy(to + size, publish->payload, head.payload_bytes);
	size += head.payload_bytes;
	cr_expect_eq(size, encode_publish_size(&head));
	return size;
}

Test(encode, gathers_a_publish_as_a_client_writes_it)
{
	static const uint8_t payload[20000] = {1, 2, 3};
	static uint8_t got[20100], wanted[20100];
	static const size_t sizes[] = {0,   1,     119,   120,   121,   122,   123,
				       124, 16375, 16376, 16377, 16378, 16379, 20000};

	for (int flags = 0; flags < 12; flags++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			struct mqtt_publish publish = {
				.topic = "a/b",
				.payload = payload,
				.payload_bytes = sizes[i],
				.id = 0x0102,
				.qos = flags % 3,
				.retain = flags / 3 % 2,
				.duplicate = flags % 3 && flags / 6,
			};
			size_t size = mqtt_client_publish(wanted, &publish);
			cr_expect_eq(gather(got, &publish), size);
			cr_expect_arr_eq(got, wanted, size, "flags %d, payload %zu", flags,
					 sizes[i]);
		}
	}
}
