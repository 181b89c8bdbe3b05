/* Tests which packets are passed on together, and that they come out as they went in. */
#include <criterion/criterion.h>

#include <string.h>

#include "broker/burst.h"
#include "broker/reader.h"

static const struct packet_limits limits;

/* What a connection does with what it received; returns the bursts' counts, in order, as digits,
 * and x for what goes by itself. */
static const char *taken(const char *text, size_t size)
{
	static char counts[32];
	struct reader reader = {.limits = &limits, .phase = READER_OF_CLIENT};
	noh_bytes received = {.at = (const uint8_t *)text, .size = size};
	struct span input = {received.at, received.size};
	struct burst burst = {0};
	struct refusal refusal;
	struct packet packet;
	struct frame frame;
	char *at = counts;

	while (reader_next(&reader, &input, &frame, &refusal) == 1) {
		cr_assert_eq(packet_parse(&frame, &limits, &packet, &refusal), 0);
		if (burst_add(&burst, received, &frame, &packet))
			continue;
		if (burst.count)
			*at++ = (char)('0' + burst.count);
		burst = (struct burst){0};
		if (!burst_add(&burst, received, &frame, &packet))
			*at++ = 'x';
	}
	if (burst.count)
		*at++ = (char)('0' + burst.count);
	*at = '\0';
	reader_finish(&reader);
	return counts;
}

#define EXPECT_TAKEN(text, counts) cr_expect_str_eq(taken(text, sizeof(text) - 1), counts)

Test(burst, has_what_comes_one_behind_the_other_on_one_topic)
{
	EXPECT_TAKEN("\x30\x04\0\1a1"
		     "\x30\x05\0\1a22"
		     "\x30\x03\0\1b"
		     "\x30\x03\0\1a",
		     "211");
}

Test(burst, leaves_out_what_subscribers_do_not_get_as_it_came)
{
	EXPECT_TAKEN("\x31\x04\0\1a1", "x");     // retained
	EXPECT_TAKEN("\x32\x06\0\1a\0\1x", "x"); // has an id
	EXPECT_TAKEN("\x30\x84\0\0\1a1", "x");   // a length longer than it needs to be
	EXPECT_TAKEN("\x30\xb0\x80\0", "");      // no packet yet
	EXPECT_TAKEN("\x30\xb0\0"
		     "\0\1a456789012345678901234567890123456789012345678",
		     "x"); // where a header would be is a byte that looks like one, but for a bit
}

Test(burst, leaves_out_what_comes_in_pieces)
{
	struct reader reader = {.limits = &limits, .phase = READER_OF_CLIENT};
	noh_bytes second = {.at = (const uint8_t *)"\x04\0\1a1", .size = 5};
	struct span input = {(const uint8_t *)"\x30", 1};
	struct burst burst = {0};
	struct refusal refusal;
	struct packet packet;
	struct frame frame;

	cr_assert_eq(reader_next(&reader, &input, &frame, &refusal), 0);
	input = (struct span){second.at, second.size};
	cr_assert_eq(reader_next(&reader, &input, &frame, &refusal), 1);
	cr_assert_eq(packet_parse(&frame, &limits, &packet, &refusal), 0);

	cr_expect_not(burst_add(&burst, second, &frame, &packet));
	cr_expect_eq(burst.count, 0);
}

Test(burst, can_be_cut_between_its_packets)
{
	const char text[] = "\x30\x04\0\1a1\x30\x05\0\1a22\x30\x03\0\1a";
	noh_bytes all = {.at = (const uint8_t *)text, .size = sizeof(text) - 1};

	cr_expect_eq(burst_topic(all).size, 1);
	cr_expect_eq(*burst_topic(all).at, 'a');
	cr_expect_eq(burst_front(all, 10, 100).packets.size, all.size);
	cr_expect_eq(burst_front(all, 10, 100).count, 3);
	cr_expect_eq(burst_front(all, 2, 100).packets.size, 13);
	cr_expect_eq(burst_front(all, 10, 12).count, 1);
	cr_expect_eq(burst_front(all, 10, 5).count, 0);
}
