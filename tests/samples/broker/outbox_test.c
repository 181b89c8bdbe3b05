/* Tests what a session has for its client: order, packet ids, limits, and what is sent again. */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "broker/outbox.h"

static const struct outbox_limits wide = {.messages = 1000, .bytes = 100000, .in_flight = 100};

static bool add_with(struct outbox *outbox, const struct outbox_limits *limits, uint8_t qos,
		     uint8_t text)
{
	uint8_t *body = malloc(1);
	struct outbox_message message = {.qos = qos, .body = {.at = body, .size = 1}};
	bool taken;

	*body = text;
	taken = outbox_add(outbox, limits, &message);
	if (!taken)
		free(body);
	return taken;
}

static void add(struct outbox *outbox, uint8_t qos, uint8_t text)
{
	cr_assert(add_with(outbox, &wide, qos, text));
}

/* The text of the next message, or 0; with its id. */
static uint8_t next(struct outbox *outbox, uint16_t *ret_id)
{
	const struct outbox_message *message = outbox_next(outbox, &wide);

	if (!message)
		return 0;
	*ret_id = message->id;
	return message->stage == OUTBOX_PUBLISHED ? *message->body.at : 'r';
}

static void expect_next(struct outbox *outbox, uint8_t text, uint16_t id)
{
	uint16_t got_id = 0;

	cr_expect_eq(next(outbox, &got_id), text, "wanted %c", text);
	cr_expect_eq(got_id, id);
}

Test(outbox, hands_out_in_order_with_an_id_where_it_is_due)
{
	struct outbox outbox = {0};

	add(&outbox, 0, 'a');
	add(&outbox, 1, 'b');
	add(&outbox, 0, 'c');
	add(&outbox, 2, 'd');

	expect_next(&outbox, 'a', 0);
	expect_next(&outbox, 'b', 1);
	expect_next(&outbox, 'c', 0);
	expect_next(&outbox, 'd', 2);
	expect_next(&outbox, 0, 0);
	outbox_finish(&outbox);
}

Test(outbox, forgets_a_message_at_its_acknowledgement)
{
	struct outbox outbox = {0};
	uint16_t id = 0;

	add(&outbox, 1, 'a');
	next(&outbox, &id);
	cr_expect_not(outbox_acknowledge(&outbox, PACKET_PUBACK, id));

	cr_expect(outbox_is_empty(&outbox));
	cr_expect_null(outbox.in_flight);
	cr_expect_null(outbox.waiting);
	cr_expect_eq(outbox.bytes, 0);
}

Test(outbox, releases_at_qos_2_before_it_forgets)
{
	struct outbox outbox = {0};
	uint16_t id = 0;

	add(&outbox, 2, 'a');
	next(&outbox, &id);
	cr_expect(outbox_acknowledge(&outbox, PACKET_PUBREC, id));
	cr_expect_not(outbox_is_empty(&outbox));
	cr_expect(outbox_acknowledge(&outbox, PACKET_PUBREC, id), "a second one is answered too");
	cr_expect_not(outbox_acknowledge(&outbox, PACKET_PUBCOMP, id));

	cr_expect(outbox_is_empty(&outbox));
	outbox_finish(&outbox);
}

Test(outbox, ignores_acknowledgements_that_do_not_fit)
{
	struct outbox outbox = {0};
	uint16_t id = 0;

	outbox_acknowledge(&outbox, PACKET_PUBACK, 1);
	outbox_acknowledge(&outbox, PACKET_PUBACK, 65535);
	add(&outbox, 1, 'a');
	add(&outbox, 2, 'b');
	next(&outbox, &id);
	next(&outbox, &id);
	outbox_acknowledge(&outbox, PACKET_PUBCOMP, 1);
	outbox_acknowledge(&outbox, PACKET_PUBACK, 2);
	outbox_acknowledge(&outbox, PACKET_PUBREC, 1);
	outbox_acknowledge(&outbox, PACKET_PUBACK, 0);
	outbox_acknowledge(&outbox, PACKET_PUBACK, 3);
	outbox_start_over(&outbox);

	expect_next(&outbox, 'a', 1);
	expect_next(&outbox, 'b', 2);
	outbox_finish(&outbox);
}

Test(outbox, sends_again_in_the_old_order_before_what_waits)
{
	struct outbox outbox = {0};
	uint16_t id = 0;

	add(&outbox, 1, 'a');
	add(&outbox, 2, 'b');
	add(&outbox, 1, 'c');
	add(&outbox, 2, 'd');
	for (int i = 0; i < 4; i++)
		next(&outbox, &id);
	outbox_acknowledge(&outbox, PACKET_PUBREC, 2);
	outbox_acknowledge(&outbox, PACKET_PUBACK, 3);
	add(&outbox, 1, 'e');

	outbox_start_over(&outbox);
	const struct outbox_message *first = outbox_next(&outbox, &wide);
	cr_expect(first->sent_before && *first->body.at == 'a' && first->id == 1);
	expect_next(&outbox, 'r', 2);
	expect_next(&outbox, 'd', 4);
	const struct outbox_message *last = outbox_next(&outbox, &wide);
	cr_expect(!last->sent_before && *last->body.at == 'e' && last->id == 5);
	outbox_finish(&outbox);
}

Test(outbox, goes_on_after_acknowledgements_amid_sending_again)
{
	struct outbox outbox = {0};
	uint16_t id = 0;

	for (uint8_t text = 'a'; text < 'e'; text++) {
		add(&outbox, 1, text);
		next(&outbox, &id);
	}
	outbox_start_over(&outbox);
	expect_next(&outbox, 'a', 1);
	outbox_acknowledge(&outbox, PACKET_PUBACK, 1);
	outbox_acknowledge(&outbox, PACKET_PUBACK, 2); // before it was sent again
	expect_next(&outbox, 'c', 3);
	outbox_acknowledge(&outbox, PACKET_PUBACK, 3);

	expect_next(&outbox, 'd', 4);
	outbox_acknowledge(&outbox, PACKET_PUBACK, 4);
	cr_expect(outbox_is_empty(&outbox));
	outbox_finish(&outbox);
}

Test(outbox, sends_only_so_many_without_an_acknowledgement)
{
	const struct outbox_limits narrow = {.messages = 10, .bytes = 10, .in_flight = 2};
	struct outbox outbox = {0};

	for (uint8_t text = 'a'; text < 'd'; text++)
		add_with(&outbox, &narrow, 1, text);
	cr_expect(outbox_next(&outbox, &narrow) && outbox_next(&outbox, &narrow));
	cr_expect_null(outbox_next(&outbox, &narrow));

	// What is acknowledged out of order makes no room: an id would be used twice at last.
	outbox_acknowledge(&outbox, PACKET_PUBACK, 2);
	cr_expect_null(outbox_next(&outbox, &narrow));
	outbox_acknowledge(&outbox, PACKET_PUBACK, 1);
	cr_expect_not_null(outbox_next(&outbox, &narrow));
	outbox_finish(&outbox);
}

Test(outbox, takes_what_is_retained_beside_its_other_messages)
{
	const struct outbox_limits few = {
		.messages = 1, .bytes = 100, .in_flight = 10, .retained = 2};
	struct outbox_message retained = {.retain = true, .body = {.size = 1}};
	struct outbox outbox = {0};

	cr_expect(add_with(&outbox, &few, 1, 'a'));
	for (int i = 0; i < 3; i++) {
		retained.body.at = malloc(1);
		bool taken = outbox_add(&outbox, &few, &retained);
		cr_expect_eq(taken, i < 2);
		if (!taken)
			free((void *)retained.body.at);
	}
	cr_expect_not(add_with(&outbox, &few, 0, 'b'));

	for (int i = 0; i < 3; i++)
		cr_expect_not_null(outbox_next(&outbox, &few));
	outbox_sent(&outbox);
	outbox_acknowledge(&outbox, PACKET_PUBACK, 1);
	cr_expect(add_with(&outbox, &few, 1, 'b'), "what was sent counts no more");
	outbox_finish(&outbox);
}

Test(outbox, takes_no_more_than_its_limits)
{
	const struct outbox_limits few = {.messages = 2, .bytes = 100, .in_flight = 10};
	const struct outbox_limits small = {.messages = 100, .bytes = 2, .in_flight = 10};
	struct outbox outbox = {0};

	cr_expect(add_with(&outbox, &few, 1, 'a') && add_with(&outbox, &few, 0, 'b'));
	cr_expect_not(add_with(&outbox, &few, 1, 'c'));
	cr_expect_not(add_with(&outbox, &small, 0, 'c'));

	expect_next(&outbox, 'a', 1);
	cr_expect_not(add_with(&outbox, &few, 0, 'c'), "in flight counts");
	expect_next(&outbox, 'b', 0);
	outbox_sent(&outbox);
	cr_expect(add_with(&outbox, &few, 0, 'c'), "QoS 0 is over when it was sent");
	outbox_finish(&outbox);
}

Test(outbox, keeps_what_it_hands_out_until_that_is_sent)
{
	struct outbox outbox = {0};
	const struct outbox_message *first, *third;
	noh_bytes first_body, third_body;

	add(&outbox, 0, 'a');
	add(&outbox, 1, 'b');
	add(&outbox, 0, 'c');
	first = outbox_next(&outbox, &wide);
	first_body = first->body;
	expect_next(&outbox, 'b', 1);
	third = outbox_next(&outbox, &wide);
	third_body = third->body;

	cr_expect_eq(*first_body.at, 'a');
	cr_expect_eq(*third_body.at, 'c');
	outbox_sent(&outbox);
	cr_expect_eq(outbox_count(outbox.waiting), 0);
	cr_expect_eq(outbox.bytes, 1);
	outbox_finish(&outbox);
}

Test(outbox, never_uses_id_0)
{
	struct outbox outbox = {0};
	uint16_t id = 0, before = 0;

	for (int i = 0; i < 70000; i++) {
		add(&outbox, 1, 'a');
		cr_assert_eq(next(&outbox, &id), 'a');
		cr_assert_eq(id, before == 65535 ? 1 : before + 1);
		before = id;
		outbox_acknowledge(&outbox, PACKET_PUBACK, id);
		cr_assert(outbox_is_empty(&outbox));
	}
}

/* A client that comes and goes, acknowledges in any order, and misses nothing. */
Test(outbox, loses_nothing_and_keeps_the_order_of_what_it_sends)
{
	const struct outbox_limits limits = {.messages = 300, .bytes = 10000, .in_flight = 20};
	struct outbox outbox = {0};
	bool acknowledged[256] = {false};
	int added = 0, last_new = 0;

	srand(11);
	while (added < 255 || !outbox_is_empty(&outbox)) {
		int choice = rand() % 8;
		if (choice < 2 && added < 255)
			cr_assert(add_with(&outbox, &limits, 1, (uint8_t)++added));
		else if (choice == 2 && rand() % 4 == 0)
			outbox_start_over(&outbox);
		else if (choice < 6) {
			const struct outbox_message *message = outbox_next(&outbox, &limits);
			if (message && !message->sent_before)
				cr_assert_eq(*message->body.at, ++last_new);
			if (message)
				cr_assert_not(acknowledged[*message->body.at]);
		} else if (outbox.sent) {
			uint32_t oldest = outbox.last_id + 1u - outbox_count(outbox.in_flight);
			uint16_t id = (uint16_t)(oldest + (uint32_t)rand() % outbox.sent);
			acknowledged[id] = true; // here the id is the text
			outbox_acknowledge(&outbox, PACKET_PUBACK, id);
		}
	}
	cr_expect_eq(last_new, 255);
	cr_expect_eq(outbox.bytes, 0);
}

Test(outbox, counts_each_message_of_a_burst)
{
	const struct outbox_limits few = {.messages = 5, .bytes = 100, .in_flight = 10};
	struct outbox_message burst = {.burst = 3, .body = {.at = malloc(30), .size = 30}};
	struct outbox outbox = {0};

	cr_assert(outbox_add(&outbox, &few, &burst));
	cr_expect_not(outbox_add(&outbox, &few, &burst));
	cr_expect_eq(outbox_room(&outbox, &few).messages, 2);
	cr_expect_eq(outbox_room(&outbox, &few).bytes, 70);

	cr_expect_eq(outbox_next(&outbox, &few)->burst, 3);
	outbox_sent(&outbox);
	cr_expect_eq(outbox_room(&outbox, &few).messages, 5);
	outbox_finish(&outbox);
}
