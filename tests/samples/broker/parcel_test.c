/* Tests what parcels are made of: the bytes of packets, small parts copied and large ones shared.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "broker/parcel.h"
#include "broker/publication.h"

/* Two parcels' worth of bytes, put together. */
static size_t joined(const struct parcel *parcel, uint8_t *to)
{
	size_t size = 0;

	for (size_t i = 0; i < parcel->piece_count; i++) {
		memcpy(to + size, parcel->pieces[i].at, parcel->pieces[i].size);
		size += parcel->pieces[i].size;
	}
	return size;
}

static noh_bytes body_of(const char *topic, struct span payload)
{
	size_t size = publication_size(span_of(topic), payload);
	uint8_t *body = malloc(size);

	publication_write(body, span_of(topic), payload);
	return (noh_bytes){.at = body, .size = size};
}

Test(parcel, puts_small_packets_behind_one_another)
{
	struct parcel parcel;
	uint8_t got[64];
	noh_bytes body = body_of("t", span_of("hi"));
	struct outbox_message first = {.body = body};
	struct outbox_message second = {
		.body = body, .qos = 1, .id = 258, .retain = true, .sent_before = true};
	struct outbox_message third = {.qos = 2, .id = 3, .stage = OUTBOX_RELEASED};

	parcel_clear(&parcel);
	parcel_add(&parcel, &first);
	parcel_add(&parcel, &second);
	parcel_add(&parcel, &third);

	cr_expect_eq(parcel.piece_count, 1);
	cr_expect_eq(joined(&parcel, got), 7 + 9 + 4);
	cr_expect_arr_eq(got, "\x30\5\0\1thi\x3b\7\0\1t\1\2hi\x62\2\0\3", 20);
	free((void *)body.at);
}

Test(parcel, leaves_out_the_id_of_the_publisher)
{
	struct parcel parcel;
	uint8_t got[64];
	const uint8_t body[] = {0, 1, 't', 9, 9, 'x'};
	struct outbox_message message = {
		.body = {.at = body, .size = sizeof(body)}, .body_has_id = true, .qos = 1, .id = 1};

	parcel_clear(&parcel);
	parcel_add(&parcel, &message);

	cr_expect_eq(joined(&parcel, got), 8);
	cr_expect_arr_eq(got, "\x32\6\0\1t\0\1x", 8);
}

Test(parcel, shares_a_large_payload)
{
	struct parcel parcel;
	uint8_t *large = calloc(1, 5000);
	noh_bytes body = body_of("t", (struct span){large, 5000});
	struct outbox_message message = {.body = body};

	parcel_clear(&parcel);
	parcel_add(&parcel, &message);

	cr_expect_not(parcel_is_full(&parcel));
	cr_expect_eq(parcel.piece_count, 2);
	cr_expect_eq(parcel.bytes, 5 + 1 + 5000);
	cr_expect_eq(parcel.pieces[1].at, body.at + 3);
	cr_expect_eq(parcel.pieces[1].size, 5000);
	free((void *)body.at);
	free(large);
}

Test(parcel, is_full_before_the_largest_copy_might_not_fit)
{
	struct parcel parcel;
	uint8_t payload[PARCEL_COPIED_MOST] = {0};
	char topic[PARCEL_COPIED_MOST + 1];
	int count = 0;

	memset(topic, 't', PARCEL_COPIED_MOST);
	topic[PARCEL_COPIED_MOST] = 0;
	noh_bytes body = body_of(topic, (struct span){payload, sizeof(payload)});
	struct outbox_message message = {.body = body, .qos = 1, .id = 1};

	parcel_clear(&parcel);
	for (; !parcel_is_full(&parcel); count++)
		parcel_add(&parcel, &message);

	cr_expect_gt(count, 3);
	cr_expect_leq(parcel.copied, PARCEL_COPIES_BYTES);
	cr_expect_eq(parcel.piece_count, 1);
	free((void *)body.at);
}

Test(parcel, is_full_when_it_is_large_or_in_many_pieces)
{
	struct parcel parcel;
	uint8_t *large = calloc(1, PARCEL_BYTES);
	noh_bytes body = body_of("t", (struct span){large, PARCEL_BYTES});
	noh_bytes middling = body_of("t", (struct span){large, PARCEL_COPIED_MOST + 1});
	struct outbox_message one = {.body = body};
	struct outbox_message another = {.body = middling, .qos = 1, .id = 1};
	size_t size = 0;

	parcel_clear(&parcel);
	parcel_add(&parcel, &one);
	cr_expect(parcel_is_full(&parcel));

	parcel_clear(&parcel);
	while (!parcel_is_full(&parcel)) {
		parcel_add(&parcel, &another);
		size += 3 + 3 + 2 + PARCEL_COPIED_MOST + 1;
	}
	cr_expect_eq(parcel.bytes, size);
	cr_expect_leq(parcel.piece_count, PARCEL_PIECES);
	free((void *)body.at);
	free((void *)middling.at);
	free(large);
}
