/* echo: a TCP echo server on libuv, one loop, as its users would write it for speed: one read
 * buffer for all, written back at once, and kept in a request only where the socket does not take
 * all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define CHUNK_BYTES 65536

struct unsent {
	uv_write_t request;
	char bytes[];
};

static char chunk[CHUNK_BYTES];

static void fail(const char *what, int err)
{
	fprintf(stderr, "libuv echo: %s: %s\n", what, uv_strerror(err));
	exit(1);
}

static void on_close(uv_handle_t *handle)
{
	free(handle);
}

static void lend_chunk(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	(void)handle, (void)suggested;
	*buffer = uv_buf_init(chunk, sizeof(chunk));
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer);

static void on_written(uv_write_t *request, int err)
{
	uv_stream_t *stream = request->handle;

	free(request);
	if (!err)
		uv_read_start(stream, lend_chunk, on_read);
	else if (!uv_is_closing((uv_handle_t *)stream))
		uv_close((uv_handle_t *)stream, on_close);
}

// Nothing more is read from a peer that does not take what it is sent.
static void send_later(uv_stream_t *stream, const char *bytes, size_t size)
{
	struct unsent *unsent = malloc(sizeof(*unsent) + size);
	if (!unsent)
		fail("malloc", UV_ENOMEM);

	memcpy(unsent->bytes, bytes, size);
	uv_buf_t rest = uv_buf_init(unsent->bytes, (unsigned)size);
	uv_read_stop(stream);
	int err = uv_write(&unsent->request, stream, &rest, 1, on_written);
	if (err)
		fail("uv_write", err);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
	if (got < 0)
		uv_close((uv_handle_t *)stream, on_close);
	if (got <= 0)
		return;

	uv_buf_t all = uv_buf_init(buffer->base, (unsigned)got);
	int sent = uv_try_write(stream, &all, 1);
	if (sent < 0)
		sent = 0; // it is full, or broken, which shows later
	if (sent < got)
		send_later(stream, all.base + sent, (size_t)(got - sent));
}

static void on_connection(uv_stream_t *listener, int err)
{
	uv_tcp_t *peer = malloc(sizeof(*peer));

	if (err || !peer)
		fail("accept", err);
	uv_tcp_init(listener->loop, peer);
	if (uv_accept(listener, (uv_stream_t *)peer) != 0) {
		uv_close((uv_handle_t *)peer, on_close);
		return;
	}
	uv_tcp_nodelay(peer, 1);
	uv_read_start((uv_stream_t *)peer, lend_chunk, on_read);
}

int main(void)
{
	uv_loop_t *loop = uv_default_loop();
	struct sockaddr_in address;
	int size = sizeof(address);
	uv_tcp_t listener;

	uv_ip4_addr("127.0.0.1", 0, &address);
	uv_tcp_init(loop, &listener);
	int err = uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0);
	if (!err)
		err = uv_listen((uv_stream_t *)&listener, 4096, on_connection);
	if (!err)
		err = uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &size);
	if (err)
		fail("cannot listen", err);
	printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
	fflush(stdout);
	return uv_run(loop, UV_RUN_DEFAULT);
}
