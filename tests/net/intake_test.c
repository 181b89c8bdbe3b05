/* The buffer that reads go into: shared by large reads, untouched by small ones, grown and shrunk.
 */
#include <string.h>

#include <criterion/criterion.h>

#include "net/intake.h"

static struct intake intake;

static noh_bytes reads(uint32_t size, size_t got, uint8_t fill)
{
	size_t room;
	uint8_t *space = intake_space(&intake, size, &room);
	cr_assert_geq(room, got);
	memset(space, fill, got);
	return intake_take(&intake, got);
}

Test(intake, shares_its_buffer_among_reads)
{
	noh_bytes first = bytes_hold(reads(READ_LEAST, 1000, 1));
	noh_bytes second = bytes_hold(reads(READ_LEAST, 1000, 2));

	cr_expect_eq(first.owner, second.owner);
	cr_expect_eq(second.at, first.at + 1000);
	cr_expect_eq(first.at[999], 1);
	bytes_release(first);
	bytes_release(second);
	intake_finish(&intake);
}

Test(intake, uses_the_same_bytes_again_when_nobody_keeps_them)
{
	noh_bytes first = reads(READ_LEAST, 2000, 1);
	noh_bytes second = reads(READ_LEAST, 2000, 2);

	cr_expect_eq(first.at, second.at);
	intake_finish(&intake);
}

Test(intake, lets_nobody_keep_it_for_a_few_bytes)
{
	noh_bytes borrowed = reads(READ_LEAST, 10, 7), kept = bytes_hold(borrowed);
	noh_bytes next = reads(READ_LEAST, 10, 8);

	cr_expect_null(borrowed.owner);
	cr_expect_eq(next.at, borrowed.at);
	cr_expect_eq(kept.at[9], 7);
	bytes_release(kept);
	intake_finish(&intake);
}

Test(intake, leaves_kept_bytes_alone_when_it_is_full)
{
	noh_bytes kept[100];

	for (uint8_t i = 0; i < 100; i++)
		kept[i] = bytes_hold(reads(READ_LEAST, 1500, i));

	for (uint8_t i = 0; i < 100; i++) {
		cr_expect_eq(kept[i].at[0], i);
		cr_expect_eq(kept[i].at[1499], i);
		bytes_release(kept[i]);
	}
	intake_finish(&intake);
}

Test(intake, offers_more_room_while_reads_come_back_full)
{
	uint32_t size = READ_LEAST;

	for (int i = 0; i < 10; i++)
		size = intake_next_size(size, size, size);
	cr_expect_eq(size, READ_MOST);
	noh_bytes large = reads(size, READ_MOST, 3);
	cr_expect_eq(large.size, READ_MOST);
	cr_expect_eq(intake_next_size(size, size / 2, size), READ_MOST);

	for (int i = 0; i < 10; i++)
		size = intake_next_size(size, 100, size);
	cr_expect_eq(size, READ_LEAST);
	intake_finish(&intake);
}
