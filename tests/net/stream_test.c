/* TCP in line, as fibers use it. */
#include <errno.h>
#include <string.h>

#include "tests/net/both.h"

enum { PATIENCE_MS = 5000 };

NOH_MESSAGE(note, (u64, number));
NOH_MESSAGE(go);
NOH_MESSAGE(length, (u64, bytes));
NOH_REQUEST(get_length, length, (conn, conn));

static noh_bytes text(const char *text)
{
	return (noh_bytes){.at = (const uint8_t *)text, .size = strlen(text)};
}

static bool is(noh_bytes bytes, const char *text)
{
	return bytes.size == strlen(text) && !memcmp(bytes.at, text, bytes.size);
}

// ---- a server that reads lines, and says each in capitals; at the end of all it says how many

struct speaker {
	int unused;
};

static void speak(struct speaker *self)
{
	noh_conn conn;
	noh_bytes line;
	int lines = 0;

	(void)self;
	noh_check(!noh_tcp_accept(PATIENCE_MS, &conn));
	for (;;) {
		int err = noh_tcp_read_to(conn, '\n', 4000, PATIENCE_MS, &line);
		if (err || !line.size)
			break;
		char *loud = noh_alloc(line.size);
		for (size_t i = 0; i < line.size; i++)
			loud[i] = line.at[i] >= 'a' && line.at[i] <= 'z' ? (char)(line.at[i] - 32)
									 : (char)line.at[i];
		noh_check(!noh_tcp_write_within(
			conn, (noh_bytes){.at = (const uint8_t *)loud, .size = line.size},
			PATIENCE_MS));
		noh_drop(loud);
		lines++;
	}
	noh_tcp_write(conn, text(noh_format("%d lines\n", lines)));
}

NOH_FIBER(speaker, speak);

static noh_conn dial_to(const struct noh_actor_type *serve)
{
	noh_actor listener;
	noh_conn conn;
	noh_check(!noh_tcp_listen(&listener, .serve = serve));
	noh_check(!noh_tcp_dial(&conn, .host = "127.0.0.1",
				.port = (uint16_t)noh_tcp_port(listener)));
	return conn;
}

BOTH(reads_lines_and_still_writes_when_the_peer_has_ended)
{
	noh_conn conn = dial_to(&speaker_actor);
	noh_bytes line;

	noh_tcp_write(conn, text("first\nsec"));
	noh_check(!noh_tcp_read_to(conn, '\n', 100, PATIENCE_MS, &line) && is(line, "FIRST\n"));
	noh_check(noh_tcp_read_to(conn, '\n', 100, 20, &line) == -ETIMEDOUT);
	noh_tcp_write(conn, text("ond\nthird\nwithout end"));
	noh_tcp_half_close(conn);

	noh_check(!noh_tcp_read_to(conn, '\n', 100, PATIENCE_MS, &line) && is(line, "SECOND\n"));
	noh_check(!noh_tcp_read_to(conn, '\n', 100, PATIENCE_MS, &line) && is(line, "THIRD\n"));
	noh_check(!noh_tcp_read_to(conn, '\n', 100, PATIENCE_MS, &line) &&
		  is(line, "WITHOUT END4 lines\n"));
	noh_check(!noh_tcp_read_to(conn, '\n', 100, PATIENCE_MS, &line) && !line.size);
	noh_check(!noh_tcp_read(conn, 0, 0, PATIENCE_MS, &line) && !line.size);
	return 0;
}

BOTH(reads_as_many_bytes_as_are_asked_for)
{
	noh_conn conn = dial_to(&speaker_actor);
	noh_bytes bytes;
	char sent[3001];

	for (int i = 0; i < 3000; i++)
		sent[i] = (char)('A' + i % 26);
	sent[3000] = '\n';
	for (int i = 0; i < 50; i++)
		noh_tcp_write(conn, noh_bytes_copy(sent, sizeof(sent)));

	// By pieces of a length that fits nothing.
	size_t all = 50 * sizeof(sent), count = 0;
	char *got = noh_alloc(all);
	while (count + 1777 <= all) {
		noh_check(!noh_tcp_read(conn, 1777, 1777, PATIENCE_MS, &bytes));
		noh_check(bytes.size == 1777);
		memcpy(got + count, bytes.at, bytes.size);
		count += bytes.size;
	}
	noh_check(!noh_tcp_read(conn, all - count, 0, PATIENCE_MS, &bytes));
	noh_check(bytes.size == all - count);
	memcpy(got + count, bytes.at, bytes.size);
	for (size_t i = 0; i < all; i++)
		noh_check(got[i] == sent[i % sizeof(sent)]);
	noh_check(noh_tcp_read(conn, 5, 3, 0, &bytes) == -EINVAL);
	return 0;
}

BOTH(keeps_what_came_when_time_is_up)
{
	noh_conn conn = dial_to(&speaker_actor);
	noh_bytes bytes;

	noh_tcp_write(conn, text("abc\n"));
	int64_t before = noh_now_ms();
	noh_check(noh_tcp_read(conn, 5, 0, 50, &bytes) == -ETIMEDOUT);
	noh_check(noh_now_ms() >= before + 50);
	noh_check(!noh_tcp_read(conn, 0, 2, 0, &bytes) && is(bytes, "AB"));
	noh_check(noh_tcp_read_to(conn, '!', 2, PATIENCE_MS, &bytes) == -EMSGSIZE);
	noh_check(!noh_tcp_read(conn, 0, 0, 0, &bytes) && is(bytes, "C\n"));
	return 0;
}

BOTH(leaves_other_mail_in_order)
{
	noh_conn conn = dial_to(&speaker_actor);
	noh_bytes bytes;

	for (uint64_t i = 0; i < 100; i++) {
		noh_send(noh_self(), note, .number = i);
		if (i % 10)
			continue;
		noh_tcp_write(conn, text("x\n"));
		noh_check(!noh_tcp_read_to(conn, '\n', 9, PATIENCE_MS, &bytes) && is(bytes, "X\n"));
	}
	for (uint64_t i = 0; i < 100; i++)
		noh_check(noh_as(noh_receive(PATIENCE_MS), note)->number == i);
	return 0;
}

// ---- a request in hand is still there after a read

struct client {
	uint64_t port;
};

static void ask_the_speaker(struct client *self)
{
	noh_conn conn;
	noh_bytes line;

	noh_check(!noh_tcp_dial(&conn, .host = "127.0.0.1", .port = (uint16_t)self->port));
	for (;;) {
		noh_receive(-1, get_length);
		noh_tcp_write(conn, text("how long\n"));
		noh_check(!noh_tcp_read_to(conn, '\n', 99, PATIENCE_MS, &line));
		noh_reply(length, .bytes = line.size);
	}
}

NOH_FIBER(client, ask_the_speaker);

BOTH(leaves_the_request_in_hand)
{
	const struct length *length;
	noh_actor listener;
	noh_check(!noh_tcp_listen(&listener, .serve = &speaker_actor));
	noh_actor client = noh_spawn(client, .port = (uint64_t)noh_tcp_port(listener));

	for (int i = 0; i < 10; i++) {
		noh_check(!noh_ask(client, get_length, PATIENCE_MS, &length));
		noh_check(length->bytes == 9);
	}
	return 0;
}

// ---- accepting in line

BOTH(accepts_one_after_the_other)
{
	noh_actor listener;
	noh_conn mine[5], theirs[5], none;
	noh_bytes bytes;
	noh_check(!noh_tcp_listen(&listener, .port = 0));

	for (int i = 0; i < 5; i++) {
		noh_check(!noh_tcp_dial(&mine[i], .host = "127.0.0.1",
					.port = (uint16_t)noh_tcp_port(listener)));
		noh_check(!noh_tcp_accept(PATIENCE_MS, &theirs[i]));
		noh_check(mine[i].id != theirs[i].id);
	}
	noh_check(noh_tcp_accept(10, &none) == -ETIMEDOUT);
	for (int i = 0; i < 5; i++) {
		noh_tcp_write(mine[i], text(noh_format("to %d", i)));
		noh_check(!noh_tcp_read(theirs[i], 4, 0, PATIENCE_MS, &bytes));
		noh_check(is(bytes, noh_format("to %d", i)));
		noh_tcp_close(mine[i]);
		noh_check(!noh_tcp_read(theirs[i], 1, 0, PATIENCE_MS, &bytes) && !bytes.size);
	}
	return 0;
}

BOTH(dialing_nobody_says_why)
{
	noh_actor listener;
	noh_conn conn;
	int err;
	noh_check(!noh_tcp_listen(&listener, .serve = &speaker_actor));
	uint16_t port = (uint16_t)noh_tcp_port(listener);
	noh_monitor(listener, true);
	noh_stop(listener);
	noh_receive(PATIENCE_MS, noh_down);

	// It is gone, and its reactor closes what it listened with soon.
	do {
		conn = (noh_conn){0};
		err = noh_tcp_dial(&conn, .host = "127.0.0.1", .port = port);
		if (!err)
			noh_tcp_close(conn);
	} while (!err || err == -ECONNRESET);

	noh_check(err == -ECONNREFUSED);
	noh_check(!conn.id);
	return 0;
}

// ---- writing more than the peer reads

struct slow {
	noh_actor root;
};

static void read_slowly(struct slow *self)
{
	noh_conn conn;
	noh_bytes bytes;
	uint64_t count = 0;

	noh_check(!noh_tcp_accept(PATIENCE_MS, &conn));
	noh_receive(-1, go);
	do {
		noh_check(!noh_tcp_read(conn, 0, 0, PATIENCE_MS, &bytes));
		count += bytes.size;
	} while (bytes.size);
	noh_send(self->root, length, .bytes = count);
}

NOH_FIBER(slow, read_slowly);

enum { PIECE = 64 * 1024, PIECES = 400 };

BOTH(writing_waits_until_the_peer_has_read)
{
	noh_actor listener;
	noh_conn conn;
	struct slow state = {.root = noh_self()};
	char *piece = noh_alloc(PIECE);
	noh_bytes bytes = {.at = (const uint8_t *)piece, .size = PIECE};
	noh_check(!noh_tcp_listen(&listener, .serve = &slow_actor, .state = &state));
	noh_check(!noh_tcp_dial(&conn, .host = "127.0.0.1",
				.port = (uint16_t)noh_tcp_port(listener),
				.options.unsent_limit = 4 * PIECE));

	// Nobody reads: the kernel's buffers fill, then ours, then time is up.
	int err;
	while (!(err = noh_tcp_write_within(conn, bytes, 50)))
		;
	noh_check(err == -ETIMEDOUT);
	noh_check(noh_tcp_unsent(conn) > 4 * PIECE && noh_tcp_unsent(conn) <= 5 * PIECE);

	noh_tcp_half_close(conn);
	noh_check(noh_tcp_write_within(conn, bytes, 0) != 0);
	return 0;
}

struct reader {
	noh_actor root;
};

static void read_all(struct reader *self)
{
	noh_conn conn;
	noh_bytes bytes;
	uint64_t count = 0;

	noh_check(!noh_tcp_accept(PATIENCE_MS, &conn));
	do {
		noh_check(!noh_tcp_read(conn, 0, 0, PATIENCE_MS, &bytes));
		count += bytes.size;
	} while (bytes.size);
	noh_send(self->root, length, .bytes = count);
}

NOH_FIBER(reader, read_all);

BOTH(writes_all_with_little_that_waits)
{
	noh_actor listener;
	noh_conn conn;
	struct reader state = {.root = noh_self()};
	char *piece = noh_alloc(PIECE);
	noh_bytes bytes = {.at = (const uint8_t *)piece, .size = PIECE};
	noh_check(!noh_tcp_listen(&listener, .serve = &reader_actor, .state = &state));
	noh_check(!noh_tcp_dial(&conn, .host = "127.0.0.1",
				.port = (uint16_t)noh_tcp_port(listener),
				.options.unsent_limit = 2 * PIECE));

	for (int i = 0; i < PIECES; i++) {
		noh_check(!noh_tcp_write_within(conn, bytes, PATIENCE_MS));
		noh_check(noh_tcp_unsent(conn) <= 3 * PIECE);
	}
	noh_tcp_half_close(conn);
	noh_check(noh_as(noh_receive(PATIENCE_MS, length), length)->bytes ==
		  (uint64_t)PIECE * PIECES);
	return 0;
}

BOTH(a_reset_ends_reading_and_writing_with_its_error)
{
	noh_actor listener;
	noh_conn mine, theirs;
	noh_bytes bytes;
	noh_check(!noh_tcp_listen(&listener, .port = 0));
	noh_check(!noh_tcp_dial(&mine, .host = "127.0.0.1",
				.port = (uint16_t)noh_tcp_port(listener)));
	noh_check(!noh_tcp_accept(PATIENCE_MS, &theirs));

	noh_tcp_abort(mine);

	noh_check(noh_tcp_read(theirs, 1, 0, PATIENCE_MS, &bytes) == -ECONNRESET);
	noh_check(noh_tcp_read(theirs, 1, 0, PATIENCE_MS, &bytes) == -ECONNRESET);
	noh_check(noh_tcp_write_within(theirs, text("x"), PATIENCE_MS) == -EPIPE);
	noh_check(noh_tcp_read(mine, 1, 0, PATIENCE_MS, &bytes) == -EPIPE);
	return 0;
}

// ---- what was not read goes along

struct heir {
	noh_actor root;
};

static void read_the_rest(struct heir *self)
{
	noh_conn conn;
	noh_bytes bytes;

	noh_check(!noh_tcp_accept(PATIENCE_MS, &conn));
	noh_check(!noh_tcp_read_to(conn, '\n', 100, PATIENCE_MS, &bytes));
	noh_check(is(bytes, "the rest\n"));
	noh_send(self->root, go);
}

NOH_FIBER(heir, read_the_rest);

BOTH(gives_along_what_was_not_read)
{
	noh_actor listener;
	noh_conn mine, theirs;
	noh_bytes bytes;
	noh_check(!noh_tcp_listen(&listener, .port = 0));
	noh_check(!noh_tcp_dial(&mine, .host = "127.0.0.1",
				.port = (uint16_t)noh_tcp_port(listener)));
	noh_check(!noh_tcp_accept(PATIENCE_MS, &theirs));
	noh_tcp_write(mine, text("start the re"));
	noh_check(!noh_tcp_read(theirs, 6, 6, PATIENCE_MS, &bytes) && is(bytes, "start "));

	noh_tcp_give(theirs, noh_spawn(heir, .root = noh_self()));
	noh_tcp_write(mine, text("st\n"));

	noh_check(noh_receive(PATIENCE_MS, go));
	return 0;
}

// ---- in handlers

struct handler {
	int unused;
};

static void read_in_a_handler(struct handler *self, const struct go *msg)
{
	noh_bytes bytes;
	(void)self;
	(void)msg;
	noh_tcp_read((noh_conn){0}, 1, 1, 1, &bytes);
}

NOH_ACTOR(handler, (go, read_in_a_handler));

BOTH(reading_in_a_handler_fails_the_actor)
{
	noh_send(noh_spawn_with(handler, (.monitored = true)), go);
	const struct noh_down *down = noh_as(noh_receive(PATIENCE_MS, noh_down), noh_down);
	noh_check(down && down->why == NOH_WHY_FAILED);
	noh_check(!strcmp(down->reason,
			  "noh_tcp_read in a handler would stop its worker: it is for fibers"));
	return 0;
}
