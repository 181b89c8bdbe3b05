/* What the sockets of connections are set to, by themselves and by options. Looks at the sockets of
 * this process behind the back of the library. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <criterion/criterion.h>
#include <noh/noh.h>

enum { DESCRIPTORS = 256 };

struct server {
	char unused;
};

static void on_data(struct server *self, const struct noh_tcp_data *msg)
{
	(void)self;
	(void)msg;
}

NOH_ACTOR(server, (noh_tcp_data, on_data));

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);
	return getsockopt(fd, level, name, &value, &size) ? -1 : value;
}

static bool is_connection(int fd)
{
	struct sockaddr_in peer;
	socklen_t size = sizeof(peer);
	return !getpeername(fd, (struct sockaddr *)&peer, &size) && peer.sin_family == AF_INET;
}

// Both ends of a connection on the loopback interface, with these options.
static int two_ends(const struct noh_tcp_options *options, int *fds)
{
	noh_actor listener;
	noh_check(!noh_tcp_listen(&listener, .serve = &server_actor, .state = &(struct server){0},
				  .options = *options));
	noh_tcp_connect(.host = "127.0.0.1", .port = (uint16_t)noh_tcp_port(listener),
			.options = *options);
	noh_check(noh_receive(20000, noh_tcp_opened));
	int count = 0;
	for (int tries = 0; count < 2 && tries < 5000; tries++) {
		count = 0;
		for (int fd = 0; fd < DESCRIPTORS && count < 2; fd++)
			if (is_connection(fd))
				fds[count++] = fd;
		noh_sleep(1); // until it is accepted
	}
	return count;
}

static int look_at_defaults(void *unused)
{
	int fds[2];
	(void)unused;
	noh_check(two_ends(&(struct noh_tcp_options){0}, fds) == 2);
	for (int i = 0; i < 2; i++) {
		noh_check(option(fds[i], IPPROTO_TCP, TCP_NODELAY) == 1);
		noh_check(option(fds[i], SOL_SOCKET, SO_KEEPALIVE) == 0);
	}
	return 0;
}

Test(tcp_options, send_small_pieces_at_once_and_probe_nobody_by_default)
{
	cr_expect_eq(noh_run(look_at_defaults, NULL, .workers = 1), 0);
}

static int look_at_others(void *unused)
{
	int fds[2];
	(void)unused;
	noh_check(two_ends(&(struct noh_tcp_options){.delay = true,
						     .keep_alive_s = 40,
						     .send_buffer_bytes = 30000,
						     .receive_buffer_bytes = 40000},
			   fds) == 2);
	for (int i = 0; i < 2; i++) {
		noh_check(option(fds[i], IPPROTO_TCP, TCP_NODELAY) == 0);
		noh_check(option(fds[i], SOL_SOCKET, SO_KEEPALIVE) == 1);
		noh_check(option(fds[i], IPPROTO_TCP, TCP_KEEPIDLE) == 40);
		noh_check(option(fds[i], IPPROTO_TCP, TCP_KEEPINTVL) == 10);
		noh_check(option(fds[i], SOL_SOCKET, SO_SNDBUF) >= 30000); // the kernel doubles it
		noh_check(option(fds[i], SOL_SOCKET, SO_RCVBUF) >= 40000);
	}
	return 0;
}

Test(tcp_options, hold_for_both_who_connects_and_who_is_accepted)
{
	cr_expect_eq(noh_run(look_at_others, NULL, .workers = 1), 0);
}
