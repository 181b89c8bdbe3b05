/* Byte buffers: what is shared, what is copied, and when memory goes. */
#include <criterion/criterion.h>

#include "mailbox/bytes.h"

static int drops;

static void count_drop(void *argument)
{
	cr_expect_eq(argument, &drops);
	drops++;
}

static bool say(noh_bytes bytes, const char *text)
{
	return bytes.size == strlen(text) && !memcmp(bytes.at, text, bytes.size);
}

Test(bytes, copies_what_it_is_given)
{
	char text[] = "stage";
	noh_bytes bytes = bytes_copy(text, 5);
	text[0] = 'X';

	cr_expect(say(bytes, "stage"));

	bytes_release(bytes);
}

Test(bytes, has_no_buffer_when_empty)
{
	noh_bytes bytes = bytes_copy(NULL, 0);

	cr_expect_eq(bytes.size, 0);
	cr_expect_null(bytes.owner);

	bytes_retain(bytes);
	bytes_release(bytes);
	bytes_release(bytes_slice(bytes, 3, 4));
}

Test(bytes, slices_share_and_outlive_the_whole)
{
	noh_bytes whole = bytes_copy("a whole stage", 13);
	noh_bytes slice = bytes_slice(whole, 2, 5);
	bytes_release(whole);

	cr_expect(say(slice, "whole"));
	cr_expect_eq(slice.at, whole.at + 2);

	bytes_release(slice);
}

Test(bytes, clips_a_slice_to_the_whole)
{
	noh_bytes whole = bytes_copy("stage", 5);
	noh_bytes tail = bytes_slice(whole, 3, SIZE_MAX);
	noh_bytes beyond = bytes_slice(whole, SIZE_MAX, 1);

	cr_expect(say(tail, "ge"));
	cr_expect_eq(beyond.size, 0);

	bytes_release(whole);
	bytes_release(tail);
	bytes_release(beyond);
}

Test(bytes, drops_what_it_wraps_with_the_last_slice)
{
	noh_bytes whole = bytes_wrap("wrapped", 7, count_drop, &drops);
	noh_bytes slice = bytes_slice(whole, 0, 4);

	bytes_release(whole);
	cr_expect_eq(drops, 0);
	bytes_release(slice);
	cr_expect_eq(drops, 1);
}

Test(bytes, holds_by_copying_only_what_nobody_owns)
{
	char text[] = "borrowed";
	noh_bytes borrowed = {.at = (const uint8_t *)text, .size = 8};
	noh_bytes copied = bytes_hold(borrowed);
	noh_bytes shared = bytes_hold(copied);
	text[0] = 'X';

	cr_expect(say(copied, "borrowed"));
	cr_expect_eq(shared.at, copied.at);

	bytes_release(copied);
	cr_expect(say(shared, "borrowed"));
	bytes_release(shared);
}

Test(bytes, keeps_sizes_of_all_classes)
{
	static uint8_t pattern[100000];
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 7);

	for (size_t size = 1; size <= sizeof(pattern); size = size * 3 / 2 + 1) {
		noh_bytes bytes = bytes_copy(pattern, size);
		cr_expect_eq(bytes.size, size);
		cr_expect_eq(memcmp(bytes.at, pattern, size), 0);
		bytes_release(bytes);
	}
}

Test(buffer, hands_out_its_room_in_order)
{
	struct noh_buffer *buffer = buffer_create(16);
	memcpy(buffer_data(buffer), "firstsecond", 11);
	noh_bytes first = buffer_take(buffer, 5);
	noh_bytes second = buffer_take(buffer, 6);

	cr_expect_eq(buffer_room(buffer), 5);
	memset(buffer_data(buffer), 'X', buffer_room(buffer));
	cr_expect(say(first, "first"));
	cr_expect(say(second, "second"));

	bytes_release(first);
	bytes_release(second);
	buffer_release(buffer);
}

Test(buffer, lives_as_long_as_its_last_slice)
{
	struct noh_buffer *buffer = buffer_create(8);
	memcpy(buffer_data(buffer), "last", 4);
	noh_bytes slice = buffer_take(buffer, 4);
	buffer_release(buffer);

	cr_expect(say(slice, "last"));

	bytes_release(slice);
}

Test(buffer, rewinds_only_when_no_slice_is_left)
{
	struct noh_buffer *buffer = buffer_create(8);
	noh_bytes slice = buffer_take(buffer, 8);

	cr_expect_not(buffer_rewind(buffer));
	cr_expect_eq(buffer_room(buffer), 0);

	bytes_release(slice);
	cr_expect(buffer_rewind(buffer));
	cr_expect_eq(buffer_room(buffer), 8);

	buffer_release(buffer);
}
