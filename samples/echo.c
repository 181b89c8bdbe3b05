/*
 * Sends back what it gets: one actor a connection, gone when that closes.
 *
 *	$ echo --port 7000 &
 *	listening on 127.0.0.1:7000
 *	$ printf 'hello\n' | nc -N 127.0.0.1 7000
 *	hello
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

struct echo {
	uint64_t bytes;
};

static void on_data(struct echo *self, const struct noh_tcp_data *msg)
{
	self->bytes += msg->bytes.size;
	noh_tcp_write(msg->conn, msg->bytes); // no copy; reading pauses while the peer is slow
}

static void on_closed(struct echo *self, const struct noh_tcp_closed *msg)
{
	noh_log(NOH_INFO, "echoed %zu bytes, %s", (size_t)self->bytes,
		msg->err ? strerror((int)-msg->err) : "closed");
	noh_stop(noh_self());
}

NOH_ACTOR(echo, (noh_tcp_data, on_data), (noh_tcp_closed, on_closed));

static int serve(void *port)
{
	noh_actor listener;

	int err = noh_tcp_listen(&listener, .port = *(uint16_t *)port, .serve = &echo_actor);
	if (err) {
		fprintf(stderr, "echo: cannot listen: %s\n", strerror(-err));
		return 1;
	}
	printf("listening on 127.0.0.1:%d\n", noh_tcp_port(listener));
	fflush(stdout);
	noh_wait_for_stop();
	return 0;
}

// The number after --name, or what it is without.
static uint32_t option(int count, char **words, const char *name, uint32_t without)
{
	for (int i = 1; i + 1 < count; i += 2) {
		if (!strcmp(words[i], name))
			return (uint32_t)strtoul(words[i + 1], NULL, 10);
	}
	return without;
}

int main(int count, char **words)
{
	uint16_t port = (uint16_t)option(count, words, "--port", 7000);
	return noh_run(serve, &port, .workers = option(count, words, "--workers", 0));
}
