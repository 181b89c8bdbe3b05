/*
 * What every poller promises of bytes, their order and their end, as sentences that each back end
 * is held to.
 */
#include "tests/support/poller_probe.h"

BOTH(carries_bytes_both_ways)
{
	connect_with(&defaults);
	poller->ops->read(poller, &ours.socket);
	poller->ops->read(poller, &theirs.socket);

	cr_expect_eq(sends(&ours, "from here"), 9);
	expect_bytes(theirs, "from here");
	cr_expect_eq(sends(&theirs, "from there"), 10);
	expect_bytes(ours, "from there");
	finish_all();
}

BOTH(gathers_pieces_in_order)
{
	struct iovec pieces[] = {{"ab", 2}, {"", 0}, {"cde", 3}};
	connect_with(&defaults);
	poller->ops->read(poller, &theirs.socket);

	cr_expect_eq(poller->ops->send_now(poller, ours.socket.descriptor, pieces, 3), 5);

	expect_bytes(theirs, "abcde");
	finish_all();
}

BOTH(reads_what_came_before_the_read_was_submitted)
{
	connect_with(&defaults);
	sends(&ours, "early");
	settle();
	cr_expect_eq(theirs.reads, 0);

	poller->ops->read(poller, &theirs.socket);

	expect_bytes(theirs, "early");
	finish_all();
}

BOTH(keeps_what_nobody_wants_to_read_yet)
{
	connect_with(&defaults);
	theirs.reads_wanted = 1;
	poller->ops->read(poller, &theirs.socket);
	sends(&ours, "first");
	expect_bytes(theirs, "first");

	sends(&ours, "second");
	settle();
	cr_expect_eq(theirs.size, 5);

	theirs.reads_wanted = 2;
	poller->ops->read(poller, &theirs.socket);
	expect_bytes(theirs, "firstsecond");
	finish_all();
}

BOTH(tells_the_end_of_the_peers_writing_once)
{
	connect_with(&defaults);
	poller->ops->read(poller, &theirs.socket);
	sends(&ours, "all");
	cr_assert_eq(poller->ops->shutdown(poller, &ours.socket), 0);

	until(theirs.read_ends);
	settle();

	cr_expect_eq(theirs.read_ends, 1);
	cr_expect_eq(theirs.read_err, 0);
	cr_expect_eq(theirs.size, 3);
	finish_all();
}

BOTH(still_writes_to_a_peer_that_has_ended)
{
	connect_with(&defaults);
	poller->ops->read(poller, &ours.socket);
	poller->ops->read(poller, &theirs.socket);
	cr_assert_eq(poller->ops->shutdown(poller, &ours.socket), 0);
	until(theirs.read_ends);

	cr_expect_eq(sends(&theirs, "answer"), 6);

	expect_bytes(ours, "answer");
	cr_expect_eq(sends(&ours, "more"), -EPIPE);
	finish_all();
}

static void expect_last_words_before_a_close(void)
{
	sends(&ours, "last words");
	poller->ops->close(poller, &ours.socket, false);

	until(theirs.read_ends);

	cr_expect_eq(theirs.read_err, 0);
	cr_expect_eq(theirs.size, 10);
	finish_all();
}

BOTH(sends_what_was_taken_before_a_close)
{
	connect_with(&defaults);
	poller->ops->read(poller, &theirs.socket);
	expect_last_words_before_a_close();
}

BOTH(loses_nothing_of_what_was_sent_when_it_closes_with_input_unread)
{
	connect_with(&defaults);
	poller->ops->read(poller, &theirs.socket);
	sends(&theirs, "never read");
	settle();
	expect_last_words_before_a_close();
}

BOTH(takes_no_more_than_fits_from_a_fast_writer)
{
	connect_with(&narrow);

	size_t taken = fills(&ours);

	cr_expect_lt(taken, 2 * 1024 * 1024);
	finish_all();
}

BOTH(ends_a_write_when_there_is_room_again)
{
	connect_with(&narrow);
	size_t taken = fills(&ours);
	struct iovec piece = {"more", 4};
	poller->ops->write(poller, &ours.socket, &piece, 1);
	settle();
	cr_expect_eq(ours.writes, 0);

	poller->ops->read(poller, &theirs.socket);
	until(ours.writes);

	cr_expect_eq(ours.wrote, 4);
	until(theirs.size == taken + 4);
	cr_expect(!memcmp(theirs.bytes + taken, "more", 4));
	finish_all();
}

BOTH(carries_a_large_amount_whole_and_in_order)
{
	enum { SIZE = 3 * 1000 * 1000 };
	uint8_t *bytes = malloc(SIZE);
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 24);
	connect_with(&defaults);
	poller->ops->read(poller, &theirs.socket);

	for (size_t sent = 0; sent < SIZE; sent += (size_t)ours.wrote) {
		struct iovec piece = {bytes + sent, SIZE - sent};
		int before = ours.writes;
		poller->ops->write(poller, &ours.socket, &piece, 1);
		until(ours.writes > before);
		cr_assert_gt(ours.wrote, 0);
	}
	until(theirs.size == SIZE);

	cr_expect(!memcmp(theirs.bytes, bytes, SIZE));
	cr_expect_lt(theirs.reads, 3000); // reads have grown with what came
	free(bytes);
	finish_all();
}

BOTH(tells_a_write_under_way_that_the_peer_is_gone)
{
	connect_with(&narrow);
	fills(&ours);
	struct iovec piece = {"more", 4};
	poller->ops->write(poller, &ours.socket, &piece, 1);
	settle();
	poller->ops->close(poller, &theirs.socket, true);

	until(ours.writes);

	// A kernel may report the reset to whichever call comes first.
	cr_expect(ours.wrote == -EPIPE || ours.wrote == -ECONNRESET);
	finish_all();
}

BOTH(serves_the_others_when_one_never_stops_sending)
{
	struct probe quiet, peer;
	union address at;
	connect_with(&defaults);
	at = address_of(&listener.socket, false);
	start(&quiet);
	cr_assert_eq(poller->ops->connect(poller, &quiet.socket, &at, &defaults), 0);
	until(listener.accepts == 2 && quiet.connected == 0);
	adopt(&peer, listener.accepted[1]);
	poller->ops->read(poller, &theirs.socket);
	poller->ops->read(poller, &peer.socket);

	fills(&ours);
	sends(&quiet, "me too");
	int visits = 0;
	while (!peer.reads && visits++ < 20)
		poll_once(1, 0);

	cr_expect_eq(peer.reads, 1);
	finish(&quiet);
	finish(&peer);
	finish_all();
}
