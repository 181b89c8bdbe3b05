/*
 * Connections between actors on two workers that come, carry bytes, change hands and go in every
 * way, all at once: for the sanitizers, and checked to lose nothing that they may not lose.
 */
#include <stdio.h>
#include <stdlib.h>

#include <noh/noh.h>

enum { CLIENTS = 40, ROUNDS = 25, LONG_ROUNDS = 250, BLOCK_MOST = 40000 };

NOH_MESSAGE(finished, (u64, bytes));

// ---- the server: some of its actors pass the connection on before they serve it

struct echo {
	int unused;
};

static void echo_data(struct echo *self, const struct noh_tcp_data *msg)
{
	(void)self;
	noh_tcp_write(msg->conn, msg->bytes);
}

static void echo_ended(struct echo *self, const struct noh_tcp_ended *msg)
{
	(void)self;
	noh_tcp_close(msg->conn);
	noh_stop(noh_self());
}

static void echo_closed(struct echo *self, const struct noh_tcp_closed *msg)
{
	(void)self;
	(void)msg;
	noh_stop(noh_self());
}

NOH_ACTOR(echo, (noh_tcp_data, echo_data), (noh_tcp_ended, echo_ended),
	  (noh_tcp_closed, echo_closed));

struct door {
	int unused;
};

static void door_opened(struct door *self, const struct noh_tcp_opened *msg)
{
	(void)self;
	if (msg->conn.id % 3)
		return;
	noh_actor heir = noh_spawn_with(echo, (.detached = true));
	if (noh_tcp_give(msg->conn, heir))
		noh_fail("the heir is gone");
	noh_stop(noh_self());
}

static void door_data(struct door *self, const struct noh_tcp_data *msg)
{
	(void)self;
	noh_tcp_write(msg->conn, msg->bytes);
}

static void door_closed(struct door *self, const struct noh_tcp_closed *msg)
{
	(void)self;
	(void)msg;
	noh_stop(noh_self());
}

NOH_ACTOR(door, (noh_tcp_opened, door_opened), (noh_tcp_data, door_data),
	  (noh_tcp_closed, door_closed));

// ---- clients

struct client {
	noh_actor root;
	uint16_t port;
	uint64_t random;
	int rounds;
	noh_conn conn;
	size_t sent, got;
	uint64_t total;
};

static uint64_t next_random(struct client *self)
{
	self->random = self->random * 6364136223846793005u + 1442695040888963407u;
	return self->random >> 33;
}

static void begin(struct client *self)
{
	self->sent = self->got = 0;
	self->conn = noh_tcp_connect(.host = "127.0.0.1", .port = self->port,
				     .options.credit = 1 + (uint32_t)(next_random(self) % 20),
				     .options.unsent_limit = 1000 + next_random(self) % 100000);
}

static void send_block(struct client *self)
{
	static _Thread_local uint8_t block[BLOCK_MOST];
	size_t size = 1 + next_random(self) % BLOCK_MOST;

	for (size_t i = 0; i < size; i++)
		block[i] = (uint8_t)((self->sent + i) % 251);
	if (!noh_tcp_write(self->conn, noh_bytes_copy(block, size)))
		self->sent += size;
}

static void client_start(struct client *self, const struct noh_start *msg)
{
	(void)msg;
	begin(self);
}

static void client_opened(struct client *self, const struct noh_tcp_opened *msg)
{
	(void)msg;
	for (uint64_t blocks = 1 + next_random(self) % 4; blocks; blocks--)
		send_block(self);
}

static void next_round(struct client *self)
{
	self->total += self->got;
	if (--self->rounds > 0) {
		begin(self);
		return;
	}
	noh_send(self->root, finished, .bytes = self->total);
	noh_stop(noh_self());
}

static void client_data(struct client *self, const struct noh_tcp_data *msg)
{
	if (msg->conn.id != self->conn.id)
		noh_fail("data of a connection that was closed");
	for (size_t i = 0; i < msg->bytes.size; i++, self->got++) {
		if (msg->bytes.at[i] != self->got % 251)
			noh_fail("byte %zu is wrong", self->got);
	}
	if (self->got < self->sent && next_random(self) % 50)
		return;

	switch (next_random(self) % 4) {
	case 0:
		noh_tcp_abort(self->conn);
		next_round(self);
		break;
	case 1:
		noh_tcp_close(self->conn);
		next_round(self);
		break;
	case 2:
		noh_tcp_half_close(self->conn); // the rest, and the end, still come
		break;
	case 3:
		send_block(self);
		break;
	}
}

static void client_closed(struct client *self, const struct noh_tcp_closed *msg)
{
	if (msg->conn.id != self->conn.id)
		noh_fail("the end of a connection that was closed");
	if (msg->err || self->got != self->sent)
		noh_fail("error %d after %zu of %zu bytes", (int)msg->err, self->got, self->sent);
	next_round(self);
}

NOH_ACTOR(client, (noh_start, client_start), (noh_tcp_opened, client_opened),
	  (noh_tcp_data, client_data), (noh_tcp_closed, client_closed));

static int root(void *rounds)
{
	noh_actor listener;
	uint64_t bytes = 0;

	if (noh_tcp_listen(&listener, .serve = &door_actor, .max_connections = CLIENTS / 2))
		return 1;
	for (int i = 0; i < CLIENTS; i++)
		noh_spawn(client, .root = noh_self(), .port = (uint16_t)noh_tcp_port(listener),
			  .random = (uint64_t)i, .rounds = *(int *)rounds);
	for (int i = 0; i < CLIENTS; i++) {
		const struct noh_delivery *in =
			noh_receive(getenv("NOH_LONG") ? 1200000 : 60000, finished);
		if (!in)
			noh_fail("only %d of %d have finished", i, CLIENTS);
		bytes += noh_as(in, finished)->bytes;
	}
	printf("%d connections carried %llu bytes\n", CLIENTS * *(int *)rounds,
	       (unsigned long long)bytes);
	return 0;
}

int main(void)
{
	int rounds = getenv("NOH_LONG") ? LONG_ROUNDS : ROUNDS;
	return noh_run(root, &rounds, .workers = 2);
}
