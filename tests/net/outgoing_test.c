/* What is to be sent: kept in order, however it is added, sent in parts and handed over. */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "net/outgoing.h"

static noh_bytes text(const char *words)
{
	return (noh_bytes){.at = (const uint8_t *)words, .size = strlen(words)};
}

// All of it, as one string; takes it out in steps of `step` bytes.
static char *drained(struct outgoing *outgoing, size_t step)
{
	char *all = calloc(1, outgoing_bytes(outgoing) + 1);
	size_t size = 0;

	while (outgoing_bytes(outgoing)) {
		struct iovec piece;
		cr_assert_eq(outgoing_pieces(outgoing, &piece, 1), 1);
		size_t taken = piece.iov_len < step ? piece.iov_len : step;
		memcpy(all + size, piece.iov_base, taken);
		size += taken;
		outgoing_drop(outgoing, taken);
	}
	return all;
}

#define expect_drained(outgoing, step, expected)     \
	do {                                         \
		char *got = drained(outgoing, step); \
		cr_expect_str_eq(got, expected);     \
		free(got);                           \
	} while (0)

Test(outgoing, joins_small_pieces)
{
	struct outgoing outgoing = {0};
	struct iovec pieces[4];

	outgoing_add(&outgoing, text("one "));
	outgoing_add(&outgoing, text(""));
	outgoing_add(&outgoing, text("two "));
	outgoing_add(&outgoing, text("three"));

	cr_expect_eq(outgoing_pieces(&outgoing, pieces, 4), 1);
	expect_drained(&outgoing, 3, "one two three");
	cr_expect_null(outgoing.first);
}

Test(outgoing, shares_large_slices_and_copies_borrowed_ones)
{
	static uint8_t borrowed[4000];
	struct outgoing outgoing = {0};
	struct iovec pieces[4];
	noh_bytes large = bytes_copy(borrowed, sizeof(borrowed));

	outgoing_add(&outgoing, large);
	outgoing_add(&outgoing, (noh_bytes){.at = borrowed, .size = sizeof(borrowed)});

	cr_assert_eq(outgoing_pieces(&outgoing, pieces, 4), 2);
	cr_expect_eq(pieces[0].iov_base, (void *)large.at);
	cr_expect_neq(pieces[1].iov_base, (void *)borrowed);
	outgoing_finish(&outgoing);
	bytes_release(large);
}

Test(outgoing, shares_a_small_slice_until_it_must_wait_or_another_comes)
{
	struct outgoing outgoing = {0};
	struct iovec pieces[4];
	void *stack = NULL;
	noh_bytes small = bytes_copy("one ", 4);

	outgoing_add(&outgoing, small);
	cr_assert_eq(outgoing_pieces(&outgoing, pieces, 4), 1);
	cr_expect_eq(pieces[0].iov_base, (void *)small.at);

	outgoing_drop(&outgoing, 1);
	outgoing_add(&outgoing, small);
	cr_expect_eq(outgoing_pieces(&outgoing, pieces, 4), 1);
	expect_drained(&outgoing, 3, "ne one ");

	outgoing_add(&outgoing, small);
	outgoing_hand_over(&outgoing, &stack);
	outgoing_take_over(&outgoing, &stack);
	cr_assert_eq(outgoing_pieces(&outgoing, pieces, 4), 1);
	cr_expect_neq(pieces[0].iov_base, (void *)small.at);
	expect_drained(&outgoing, 4, "one ");
	bytes_release(small);
}

Test(outgoing, keeps_the_order_through_hand_overs)
{
	struct outgoing mine = {0}, yours = {0};
	void *stack = NULL;
	char large[700];
	memset(large, '-', sizeof(large) - 1);
	large[sizeof(large) - 1] = 0;

	outgoing_add(&mine, text("a"));
	outgoing_hand_over(&mine, &stack);
	outgoing_add(&mine, text("b"));
	outgoing_add(&mine, text(large));
	for (int i = 0; i < 30; i++) {
		outgoing_add(&mine, text("c"));
		outgoing_add(&mine, text(large));
	}
	outgoing_hand_over(&mine, &stack);
	outgoing_hand_over(&mine, &stack);
	outgoing_take_over(&yours, &stack);
	outgoing_add(&mine, text("d"));
	outgoing_hand_over(&mine, &stack);
	outgoing_take_over(&yours, &stack);

	cr_expect_eq(outgoing_bytes(&yours), 3 + 30 + 31 * strlen(large));
	char *got = drained(&yours, 10000);
	cr_expect(!strncmp(got, "ab-", 3));
	cr_expect_str_eq(got + strlen(got) - 2, "-d");
	free(got);
}
