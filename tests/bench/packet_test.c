/* The load generator's MQTT packets, to bytes and back. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "bench/load/packet.h"

static uint8_t bytes[300000];

static void expect_bytes(size_t size, const char *expected, size_t expected_size)
{
	cr_expect_eq(size, expected_size);
	cr_expect_arr_eq(bytes, expected, expected_size);
}

#define EXPECT_BYTES(size, text) expect_bytes(size, text, sizeof(text) - 1)

Test(packet, connects_with_a_clean_session_and_no_keep_alive)
{
	EXPECT_BYTES(packet_write_connect(bytes, "ab"), "\x10\x0e\0\x04MQTT\x04\x02\0\0\0\x02"
							"ab");
}

Test(packet, subscribes)
{
	EXPECT_BYTES(packet_write_subscribe(bytes, 0x102, "a/+", 2), "\x82\x08\x01\x02\0\x03"
								     "a/+\x02");
}

Test(packet, acknowledges_with_the_flag_that_a_release_needs)
{
	packet_write_ack(bytes, PACKET_PUBACK, 0x1234);
	EXPECT_BYTES(PACKET_ACK_SIZE, "\x40\x02\x12\x34");

	packet_write_ack(bytes, PACKET_PUBREL, 7);
	EXPECT_BYTES(PACKET_ACK_SIZE, "\x62\x02\0\x07");
}

// Writes a PUBLISH and reads it again; returns its size.
static int64_t publish_and_read(int qos, size_t payload_size, struct packet_publish *ret_publish)
{
	size_t id_at;
	size_t head = packet_write_publish_head(bytes, "a/b", qos, payload_size, &id_at);
	struct packet packet;

	memset(bytes + head, 'x', payload_size);
	if (id_at)
		bytes[id_at + 1] = 9;
	for (size_t size = 0; size < head + payload_size; size += size < 10 ? 1 : 1000)
		cr_expect_eq(packet_read(bytes, size, &packet), 0);

	int64_t size = packet_read(bytes, sizeof(bytes), &packet);
	cr_expect_eq(size, (int64_t)(head + payload_size));
	cr_expect_eq(packet.type, PACKET_PUBLISH);
	cr_expect_eq(packet_read_publish(&packet, ret_publish), 0);
	return size;
}

Test(packet, reads_what_it_writes_once_it_is_whole)
{
	static const size_t sizes[] = {0, 1, 119, 120, 121, 122, 16383, 16384, 200000};

	for (size_t at = 0; at < sizeof(sizes) / sizeof(sizes[0]); at++) {
		for (int qos = 0; qos <= 2; qos++) {
			struct packet_publish publish;
			publish_and_read(qos, sizes[at], &publish);

			cr_expect_eq(publish.qos, qos);
			cr_expect_eq(publish.id, qos ? 9 : 0);
			cr_expect_eq(publish.topic_size, 3);
			cr_expect_arr_eq(publish.topic, "a/b", 3);
			cr_expect_eq(publish.payload_size, sizes[at]);
		}
	}
}

Test(packet, refuses_a_length_of_five_bytes)
{
	struct packet packet;

	cr_expect_eq(packet_read((const uint8_t *)"\x30\xff\xff\xff\xff\x01", 6, &packet), -EPROTO);
}

Test(packet, refuses_a_publish_that_is_too_short_for_its_topic)
{
	struct packet_publish publish;
	struct packet packet;

	cr_expect_gt(packet_read((const uint8_t *)"\x30\x03\0\x02z", 5, &packet), 0);
	cr_expect_eq(packet_read_publish(&packet, &publish), -EPROTO);
	cr_expect_gt(packet_read((const uint8_t *)"\x32\x04\0\x01zz", 6, &packet), 0);
	cr_expect_eq(packet_read_publish(&packet, &publish), -EPROTO);
}

Test(packet, refuses_an_acknowledgement_without_an_id)
{
	struct packet packet;

	cr_expect_gt(packet_read((const uint8_t *)"\x40\x01\x07", 3, &packet), 0);
	cr_expect_eq(packet_ack_id(&packet), -EPROTO);
}
