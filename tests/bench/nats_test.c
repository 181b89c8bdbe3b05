/* The lines of NATS as the load generator reads and writes them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "bench/load/nats.h"
#include "bench/load/protocol.h"

static int64_t read_text(const char *text, struct packet *ret_packet)
{
	return nats_read((const uint8_t *)text, strlen(text), ret_packet);
}

Test(nats, finds_topic_and_payload_of_a_message)
{
	struct packet packet;
	struct packet_publish publish;

	int64_t used = read_text("MSG load/1/2 1 5\r\nhello\r\nMSG", &packet);

	cr_assert_eq(used, 25);
	cr_assert_eq(packet.type, PACKET_PUBLISH);
	cr_assert_eq(nats_read_publish(&packet, &publish), 0);
	cr_expect_eq(publish.topic_size, 8);
	cr_expect_eq(memcmp(publish.topic, "load/1/2", 8), 0);
	cr_expect_eq(publish.payload_size, 5);
	cr_expect_eq(memcmp(publish.payload, "hello", 5), 0);
}

Test(nats, waits_for_the_rest)
{
	const char *text = "MSG a 1 5\r\nhello\r\n";
	struct packet packet;

	for (size_t size = 0; size < strlen(text); size++)
		cr_expect_eq(nats_read((const uint8_t *)text, size, &packet), 0);
}

Test(nats, tells_what_needs_an_answer)
{
	struct packet packet;

	cr_expect_eq(read_text("PING\r\n", &packet), 6);
	cr_expect_eq(packet.type, PACKET_PINGREQ);
	cr_expect_eq(read_text("PONG\r\n", &packet), 6);
	cr_expect_eq(packet.type, PACKET_NONE);
	cr_expect_eq(read_text("-ERR 'Slow Consumer'\r\n", &packet), -EPROTO);
	cr_expect_eq(read_text("MSG a 1 5\r\nhello world\r\n", &packet), -EPROTO);
}

Test(nats, leaves_the_payload_alone_when_it_writes_what_is_around)
{
	uint8_t bytes[PACKET_OVERHEAD(8) + 4];
	struct publish_form form;

	memset(bytes, 'x', sizeof(bytes));
	protocol_nats.write_publish(bytes, "load/1/2", 0, 4, &form);

	cr_expect_eq(form.size, strlen("PUB load/1/2 4\r\nxxxx\r\n"));
	cr_expect_eq(memcmp(bytes, "PUB load/1/2 4\r\nxxxx\r\n", form.size), 0);
	cr_expect_eq(form.payload_at, 16);
	cr_expect_eq(form.topic_end, 12);
}
