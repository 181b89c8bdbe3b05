/* What a close waits for the peer, if the options say otherwise: on the kernel's network and on one
 * in memory. Knows no default: that is tcp_life_test.c's. */
#include <errno.h>

#include <criterion/criterion.h>
#include <noh/test.h>

#include "tests/support/seeds.h"

enum { PATIENCE_MS = 20000, MUCH = 500000, LINGER_MS = 1000 };

NOH_MESSAGE(closed);

// Writes as much as it is to, and closes or ends, when it gets its first byte.
struct server {
	noh_actor root;
	size_t bytes;
};

static void on_data(struct server *self, const struct noh_tcp_data *msg)
{
	static const char zeros[MUCH];

	noh_check(!noh_tcp_write(msg->conn, noh_bytes_copy(zeros, self->bytes)));
	if (msg->bytes.at[0] == 'e')
		noh_stop(noh_self());
	else
		noh_tcp_close(msg->conn);
	noh_send(self->root, closed);
}

NOH_ACTOR(server, (noh_tcp_data, on_data));

// A connection to a server that lingers so long, and of which nothing is read but what is granted.
static noh_conn connected(int64_t linger_ms, size_t bytes, const char *first)
{
	noh_actor listener;
	struct server state = {.root = noh_self(), .bytes = bytes};
	noh_check(!noh_tcp_listen(&listener, .serve = &server_actor, .state = &state,
				  .options.linger_ms = linger_ms));

	noh_conn conn =
		noh_tcp_connect(.host = "127.0.0.1", .port = (uint16_t)noh_tcp_port(listener),
				.options.credit = NOH_CREDIT_BY_HAND);
	noh_check(noh_receive(PATIENCE_MS, noh_tcp_opened));
	noh_check(!noh_tcp_write(conn, noh_bytes_copy(first, 1)));
	noh_check(noh_receive(PATIENCE_MS, closed));
	return conn;
}

// Reads on to the end: how many bytes there were, and why no more came.
static size_t reads_to_the_end(noh_conn conn, int64_t *ret_err)
{
	size_t got = 0;

	noh_tcp_read_more(conn, 1000000);
	for (;;) {
		const struct noh_delivery *in =
			noh_receive(PATIENCE_MS, noh_tcp_data, noh_tcp_closed);
		noh_check(in);
		if (noh_as(in, noh_tcp_closed)) {
			*ret_err = noh_as(in, noh_tcp_closed)->err;
			return got;
		}
		got += noh_as(in, noh_tcp_data)->bytes.size;
	}
}

// ---- not at all

static int none(void *unused)
{
	int64_t err;

	(void)unused;
	reads_to_the_end(connected(-1, 0, "close"), &err);
	noh_check(err == -ECONNRESET);
	reads_to_the_end(connected(-1, 0, "end"), &err);
	noh_check(err == -ECONNRESET);
	return 0;
}

Test(linger, of_none_resets_at_a_close_and_at_the_end_of_the_owner)
{
	cr_expect_eq(noh_run(none, NULL, .workers = 2), 0);
}

Simulated(linger, of_none_resets_in_memory_too)
{
	none(NULL);
}

// ---- for a time

Simulated(linger, lasts_as_long_as_it_says)
{
	int64_t err, before = noh_now_ms();

	noh_conn late = connected(LINGER_MS, MUCH, "close");
	noh_conn in_time = connected(LINGER_MS, MUCH, "end");
	noh_check(noh_now_ms() - before < 100);

	noh_sleep(LINGER_MS - 200);
	noh_check(reads_to_the_end(in_time, &err) == MUCH && !err);
	noh_sleep(300);
	noh_check(reads_to_the_end(late, &err) < MUCH);
}
