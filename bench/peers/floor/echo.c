/* echo: the least that a TCP echo server can be, one thread and edge-triggered epoll. It is the
 * floor that other servers are compared with, and knows nothing of Noh. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 256
#define CHUNK_BYTES 65536

// What a peer has not taken yet. While there is any, nothing more is read from that peer.
struct peer {
	int fd;
	uint8_t *unsent;
	size_t from, until;
};

static uint8_t chunk[CHUNK_BYTES];
static int poll_fd;

static void fail(const char *what)
{
	fprintf(stderr, "floor echo: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void drop(struct peer *peer)
{
	close(peer->fd);
	free(peer->unsent);
	free(peer);
}

static void watch(int fd, void *tag)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLET | (tag ? EPOLLOUT | EPOLLRDHUP : 0),
		.data.ptr = tag,
	};

	if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
		fail("epoll_ctl");
}

static void accept_all(int listener)
{
	int fd, yes = 1;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct peer *peer = calloc(1, sizeof(*peer));
		if (!peer)
			fail("calloc");
		peer->fd = fd;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
		watch(fd, peer);
	}
	if (errno != EAGAIN)
		fail("accept");
}

// Returns whether all went; what did not is kept. A broken connection shows at the next read.
static bool send_or_keep(struct peer *peer, const uint8_t *bytes, size_t size)
{
	ssize_t sent = send(peer->fd, bytes, size, MSG_NOSIGNAL);

	if (sent < 0)
		sent = 0;
	if ((size_t)sent == size)
		return true;
	if (!peer->unsent && !(peer->unsent = malloc(CHUNK_BYTES)))
		fail("malloc");
	if (bytes == chunk) {
		peer->until = size - (size_t)sent;
		peer->from = 0;
		memcpy(peer->unsent, bytes + sent, peer->until);
	} else {
		peer->from += (size_t)sent;
	}
	return false;
}

static void serve(struct peer *peer)
{
	ssize_t got;

	if (peer->from < peer->until) {
		if (!send_or_keep(peer, peer->unsent + peer->from, peer->until - peer->from))
			return;
		peer->from = peer->until = 0;
	}
	do {
		got = recv(peer->fd, chunk, sizeof(chunk), 0);
		if (got == 0 || (got < 0 && errno != EAGAIN)) {
			drop(peer);
			return;
		}
		if (got > 0 && !send_or_keep(peer, chunk, (size_t)got))
			return;
	} while (got == sizeof(chunk));
}

static int listen_anywhere(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(fd, 4096) != 0 || getsockname(fd, (struct sockaddr *)&address, &size) != 0)
		fail("cannot listen");
	printf("listening on 127.0.0.1:%u\n", ntohs(address.sin_port));
	fflush(stdout);
	return fd;
}

int main(void)
{
	struct epoll_event events[EVENTS];
	struct rlimit files;

	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (poll_fd < 0)
		fail("epoll_create1");
	int listener = listen_anywhere();
	watch(listener, NULL);

	for (;;) {
		int ready = epoll_wait(poll_fd, events, EVENTS, -1);
		for (int at = 0; at < ready; at++) {
			if (events[at].data.ptr)
				serve(events[at].data.ptr);
			else
				accept_all(listener);
		}
	}
}
