/* How connections end, and how they go from owner to owner. */
#include <errno.h>

#include "tests/net/both.h"
#include "tests/net/tcp_peers.h"

// ---- ends of connections

BOTH(reads_on_after_a_half_close)
{
	uint16_t port;
	listens(&port, echo);
	noh_conn conn = connects(port);

	writes(conn, "what comes back");
	noh_check(!noh_tcp_half_close(conn));
	noh_check(noh_tcp_write(conn, noh_bytes_copy("more", 4)) == -EPIPE);

	reads_text(conn, "what comes back");
	noh_check(is_closed(conn) == 0);
	return 0;
}

BOTH(tells_the_peers_half_close_once_and_still_writes)
{
	uint16_t port;
	listens(&port, tells, noh_self());
	noh_conn conn = connects(port);
	hears("opened", NULL);

	noh_tcp_half_close(conn);

	hears("ended", NULL);
	reads_text(conn, "still here");
	noh_check(is_closed(conn) == 0);
	hears_no_more();
	return 0;
}

// Answers the peer's end with its own.
struct polite {
	noh_actor root;
};

static void polite_ended(struct polite *self, const struct noh_tcp_ended *msg)
{
	report(self->root, msg->conn, "ended", 0);
	noh_tcp_half_close(msg->conn);
}

static void polite_closed(struct polite *self, const struct noh_tcp_closed *msg)
{
	report(self->root, msg->conn, "closed", msg->err);
	noh_stop(noh_self());
}

NOH_ACTOR(polite, (noh_tcp_ended, polite_ended), (noh_tcp_closed, polite_closed));

BOTH(is_closed_when_both_sides_have_ended)
{
	uint16_t port;
	int64_t err;
	listens(&port, polite, noh_self());
	noh_conn conn = connects(port);

	noh_tcp_half_close(conn);

	hears("ended", NULL);
	hears("closed", &err);
	noh_check(err == 0);
	noh_check(is_closed(conn) == 0);
	return 0;
}

BOTH(sends_what_was_written_before_a_close)
{
	uint16_t port;
	listens(&port, tells, noh_self());
	static const char *const ways[] = {"close", "a: end", "fail", "kill"};

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		noh_conn conn = connects(port);
		writes(conn, ways[i]);
		reads_text(conn, "bye");
		noh_check(is_closed(conn) == 0);
		hears("opened", NULL);
		hears("data", NULL);
	}
	hears_no_more();
	return 0;
}

BOTH(tells_a_reset)
{
	uint16_t port;
	listens(&port, tells, noh_self());
	noh_conn conn = connects(port);

	writes(conn, "reset");

	noh_check(is_closed(conn) == -ECONNRESET);
	return 0;
}

BOTH(tells_nothing_after_a_close)
{
	uint16_t port, echo_port;
	listens(&port, tells, noh_self());
	listens(&echo_port, echo);
	noh_conn conn = connects(port);

	writes(conn, "half");
	noh_check(noh_as(noh_receive(PATIENCE_MS, heard), heard)); // opened
	noh_check(noh_as(noh_receive(PATIENCE_MS, heard), heard)); // data: an answer is under way
	noh_tcp_close(conn);
	noh_check(noh_tcp_write(conn, noh_bytes_copy("?", 1)) == -EPIPE);
	lets_things_happen(echo_port);

	noh_check(!noh_receive(0, noh_tcp_data, noh_tcp_closed, noh_tcp_ended));
	return 0;
}

BOTH(is_nobody_elses)
{
	uint16_t port;
	listens(&port, tells, noh_self());
	noh_conn ours = connects(port);
	noh_conn theirs = hears("opened", NULL);

	noh_check(theirs.id != ours.id);
	noh_check(noh_tcp_write(theirs, noh_bytes_copy("?", 1)) == -EPIPE);
	noh_check(noh_tcp_give(theirs, noh_self()) == -ESRCH);
	noh_check(!noh_tcp_peer(theirs));
	noh_tcp_close(theirs);
	noh_tcp_abort((noh_conn){0});
	noh_tcp_abort((noh_conn){UINT64_MAX});

	writes(ours, "half");
	reads_text(ours, "bye");
	return 0;
}

BOTH(concerns_nobody_else_when_its_actor_fails)
{
	uint16_t port;
	listens(&port, tells, noh_self());
	noh_conn fails = connects(port), other = connects(port);

	writes(fails, "fail");
	reads_text(fails, "bye");
	noh_check(is_closed(fails) == 0);

	writes(other, "half");
	reads_text(other, "bye");
	return 0;
}

// Connects in each of its lives, and fails when it is told to.
struct dialer {
	uint64_t port;
};

NOH_MESSAGE(breaks);

static void dialer_start(struct dialer *self, const struct noh_start *msg)
{
	(void)msg;
	noh_tcp_connect(.host = "127.0.0.1", .port = (uint16_t)self->port);
}

static void dialer_breaks(struct dialer *self, const struct breaks *msg)
{
	(void)self;
	(void)msg;
	noh_fail("as it was told to");
}

NOH_ACTOR(dialer, (noh_start, dialer_start), (breaks, dialer_breaks));

BOTH(is_closed_when_its_actor_starts_again)
{
	uint16_t port;
	listens(&port, tells, noh_self());
	struct dialer state = {.port = port};
	noh_actor dialer =
		noh_spawn_type(&dialer_actor, &state,
			       &(struct noh_spawn_options){.size = sizeof(struct noh_spawn_options),
							   .keeps_place = true,
							   .monitored = true});
	noh_conn first = hears("opened", NULL);

	noh_send(dialer, breaks);
	const struct noh_down *down = noh_as(noh_receive(PATIENCE_MS, noh_down), noh_down);
	noh_check(down && down->restarting);
	noh_check(hears("ended", NULL).id == first.id);
	noh_check(!noh_restart(dialer, &state));

	noh_check(hears("opened", NULL).id != first.id);
	hears_no_more();
	return 0;
}

BOTH(closes_all_when_the_listener_ends)
{
	noh_actor listener;
	noh_check(!noh_tcp_listen(&listener, .serve = &echo_actor));
	noh_conn conn = connects(port_of(listener));
	writes(conn, "x");
	reads_text(conn, "x");

	noh_stop(listener);

	noh_check(is_closed(conn) == 0);
	return 0;
}

SIMULATED(gives_what_is_unsent_four_seconds_after_a_close)
BODY(gives_what_is_unsent_four_seconds_after_a_close)
{
	uint16_t port;
	listens(&port, floods, noh_self(), 500000);
	noh_conn conn = opened(noh_tcp_connect(.host = "127.0.0.1", .port = port,
					       .options.credit = NOH_CREDIT_BY_HAND));
	writes(conn, "x");
	noh_conn theirs = hears("written", NULL);
	(void)theirs;
	noh_tcp_half_close(conn); // the server takes this for the end, and closes
	hears("closed", NULL);
	noh_sleep(3900);
	noh_tcp_read_more(conn, 1);
	noh_check(noh_as(noh_receive(100, noh_tcp_data), noh_tcp_data));

	noh_sleep(200); // now it is too late
	noh_tcp_read_more(conn, 1000);
	size_t got = 0;
	const struct noh_delivery *in;
	while ((in = noh_receive(PATIENCE_MS, noh_tcp_data, noh_tcp_closed)) &&
	       noh_as(in, noh_tcp_data))
		got += noh_as(in, noh_tcp_data)->bytes.size;
	noh_check(noh_as(in, noh_tcp_closed));
	noh_check(got < 400000);
	return 0;
}

// ---- owners

BOTH(goes_to_a_new_owner_with_all_that_was_not_handled)
{
	uint16_t port;
	listens(&port, tells, noh_self());
	noh_conn ours = connects(port);
	noh_conn theirs = hears("opened", NULL);

	writes(ours, "give");
	hears("data", NULL);
	for (int i = 0; i < 20; i++)
		writes(ours, "0123456789");
	opened(theirs);

	char all[201] = "";
	for (int i = 0; i < 20; i++)
		strcat(all, "0123456789");
	reads_text(theirs, all);
	writes(theirs, "thanks");
	reads_text(ours, "thanks");
	return 0;
}

// Gives its connection to the root, and is not done with the word that it has one for a while.
struct slow_giver {
	noh_actor root;
};

static bool root_has_data; // set by the root's thread, awaited on the giver's

static void give_slowly(struct slow_giver *self)
{
	const struct noh_tcp_opened *msg = noh_as(noh_receive(-1, noh_tcp_opened), noh_tcp_opened);
	noh_tcp_give(msg->conn, self->root);
	report(self->root, msg->conn, "given", 0);
	while (!__atomic_load_n(&root_has_data, __ATOMIC_RELAXED))
		noh_sleep(1);         // the network goes on
	noh_receive(0, noh_tcp_data); // gives back what was received before
	report(self->root, (noh_conn){0}, "done", 0);
}

NOH_FIBER(slow_giver, give_slowly);

BOTH(stays_open_while_its_old_owner_has_not_returned)
{
	uint16_t port;
	__atomic_store_n(&root_has_data, false, __ATOMIC_RELAXED);
	listens(&port, slow_giver, noh_self());
	noh_conn ours = noh_tcp_connect(.host = "127.0.0.1", .port = port);
	hears("given", NULL);
	writes(ours, "x"); // not before: the old owner would have to be done with it

	const struct noh_tcp_data *data =
		noh_as(noh_receive(PATIENCE_MS, noh_tcp_data), noh_tcp_data);
	noh_check(data && data->conn.id != ours.id);
	noh_conn theirs = data->conn;
	__atomic_store_n(&root_has_data, true, __ATOMIC_RELAXED);
	hears("done", NULL);

	writes(theirs, "still here");
	reads_text(ours, "still here");
	return 0;
}

NOH_MESSAGE(take, (conn, conn), (actor, from));

// Owns a connection that it was given, and hands it on and on.
struct relay {
	noh_actor root, next;
};

NOH_MESSAGE(meet, (actor, next));

static void relay_meet(struct relay *self, const struct meet *msg)
{
	self->next = msg->next;
}

static void relay_data(struct relay *self, const struct noh_tcp_data *msg)
{
	// In order: each byte is one more than the one before, whoever got that.
	for (size_t i = 0; i < msg->bytes.size; i++)
		report(self->root, msg->conn, "byte", msg->bytes.at[i]);
	noh_tcp_give(msg->conn, self->next);
}

NOH_ACTOR(relay, (meet, relay_meet), (noh_tcp_data, relay_data));

BOTH(keeps_the_order_while_it_goes_from_owner_to_owner)
{
	enum { BYTES = 120 };
	noh_actor a = noh_spawn(relay, .root = noh_self());
	noh_actor b = noh_spawn(relay, .root = noh_self(), .next = a);
	uint16_t port;
	noh_send(a, meet, .next = b);
	listens(&port, relay, .root = noh_self(), .next = b);
	noh_conn conn = connects(port);

	for (uint8_t i = 0; i < BYTES; i++) {
		noh_check(!noh_tcp_write(conn, noh_bytes_copy(&i, 1)));
		noh_yield();
	}
	for (int64_t i = 0; i < BYTES; i++) {
		int64_t byte;
		hears("byte", &byte);
		noh_check(byte == i);
	}
	return 0;
}

BOTH(is_closed_when_the_new_owner_is_gone)
{
	uint16_t port;
	listens(&port, echo);
	noh_conn conn = connects(port);
	noh_actor heir = noh_spawn(echo);
	uint64_t monitor = noh_monitor(heir, true);
	noh_stop(heir);
	noh_check(noh_as(noh_receive(PATIENCE_MS, noh_down), noh_down)->monitor == monitor);

	noh_check(noh_tcp_give(conn, heir) == -ESRCH);

	writes(conn, "still mine");
	reads_text(conn, "still mine");
	return 0;
}
