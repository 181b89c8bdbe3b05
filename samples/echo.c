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

struct options {
	uint16_t port;
	uint32_t workers; // 0: as many as there are processors
};

static bool read_number(const char *text, unsigned long most, unsigned long *ret_value)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value > most)
		return false;
	*ret_value = value;
	return true;
}

static bool read_options(int count, char **words, struct options *options)
{
	unsigned long value;

	for (int i = 1; i < count; i += 2) {
		if (i + 1 < count && !strcmp(words[i], "--port") &&
		    read_number(words[i + 1], 65535, &value))
			options->port = (uint16_t)value;
		else if (i + 1 < count && !strcmp(words[i], "--workers") &&
			 read_number(words[i + 1], 256, &value))
			options->workers = (uint32_t)value;
		else
			return false;
	}
	return true;
}

int main(int count, char **words)
{
	struct options options = {.port = 7000};

	if (!read_options(count, words, &options)) {
		fprintf(stderr, "usage: echo [--port 0..65535] [--workers 0..256]\n");
		return 2;
	}
	return noh_run(serve, &options.port, .workers = options.workers);
}
