/* The system calls behind the sockets of a poller. */
#include "net/kernel.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <noh/tcp.h>

enum { DISCARD_MOST = 256 * 1024 }; // unread bytes that a close reads away

static int error_now(void)
{
	return -errno;
}

static void set(int fd, int level, int name, int value)
{
	// A kernel that refuses one of these still gives a working connection.
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

static int clipped(uint64_t value)
{
	return value > INT32_MAX ? INT32_MAX : (int)value;
}

static void set_buffers(int fd, const struct noh_tcp_options *options)
{
	if (options->send_buffer_bytes)
		set(fd, SOL_SOCKET, SO_SNDBUF, clipped(options->send_buffer_bytes));
	if (options->receive_buffer_bytes)
		set(fd, SOL_SOCKET, SO_RCVBUF, clipped(options->receive_buffer_bytes));
}

// Before it listens or connects: the window depends on the buffers, and a listener's options are
// inherited by what it accepts.
static void set_options(int fd, const struct noh_tcp_options *options)
{
	set_buffers(fd, options);
	if (!options->delay)
		set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (options->keep_alive_s > 0) {
		int idle = clipped((uint64_t)options->keep_alive_s);
		set(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle);
		set(fd, IPPROTO_TCP, TCP_KEEPINTVL, idle > 4 ? idle / 4 : 1);
		set(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
		set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	}
}

int kernel_open(const union address *address, const struct noh_tcp_options *options)
{
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_now();
	set_options(fd, options);
	return fd;
}

int kernel_listen(struct poller *poller, const union address *address, int backlog,
		  const struct noh_tcp_options *options, intptr_t *ret_descriptor)
{
	(void)poller;
	int fd = kernel_open(address, options);
	if (fd < 0)
		return fd;

	set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind(fd, &address->any, address_size(address)) || listen(fd, backlog)) {
		int err = error_now();
		close(fd);
		return err;
	}
	*ret_descriptor = fd;
	return 0;
}

void kernel_discard(struct poller *poller, intptr_t descriptor)
{
	(void)poller;
	close((int)descriptor);
}

ssize_t kernel_send_now(struct poller *poller, intptr_t descriptor, const struct iovec *pieces,
			uint32_t count)
{
	int fd = (int)descriptor, flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	ssize_t sent;
	(void)poller;

	do {
		if (count == 1) {
			sent = send(fd, pieces->iov_base, pieces->iov_len, flags);
		} else {
			struct msghdr message = {.msg_iov = (struct iovec *)pieces,
						 .msg_iovlen = count};
			sent = sendmsg(fd, &message, flags);
		}
	} while (sent < 0 && errno == EINTR);

	if (sent >= 0)
		return sent;
	// A kernel that lacks memory for the moment will have a full buffer to tell about later.
	return errno == ENOBUFS || errno == EWOULDBLOCK ? -EAGAIN : error_now();
}

int kernel_shutdown(struct poller *poller, struct socket *socket)
{
	(void)poller;
	return shutdown((int)socket->descriptor, SHUT_WR) ? error_now() : 0;
}

int kernel_address(struct poller *poller, intptr_t descriptor, bool of_peer,
		   union address *ret_address)
{
	union address address = {0};
	socklen_t size = sizeof(address);
	int fd = (int)descriptor;
	(void)poller;

	if (of_peer ? getpeername(fd, &address.any, &size) : getsockname(fd, &address.any, &size))
		return error_now();
	*ret_address = address;
	return 0;
}

int kernel_lookup(struct poller *poller, const char *host, uint16_t port,
		  union address *ret_addresses, int most)
{
	(void)poller;
	if (most < 1)
		return 0;
	return address_parse(host, port, ret_addresses) ? -EAGAIN : 1;
}

bool kernel_error_is_of_one_peer(int err)
{
	switch (err) {
	case -ECONNABORTED:
	case -EINTR:
	case -EPERM: // a firewall's
	case -ENETDOWN:
	case -EPROTO:
	case -ENOPROTOOPT:
	case -EHOSTDOWN:
	case -ENONET:
	case -EHOSTUNREACH:
	case -EOPNOTSUPP:
	case -ENETUNREACH:
		return true;
	default:
		return false;
	}
}

// Unread bytes would make the kernel reset the connection, and the peer lose what was sent last.
static void read_away(int fd)
{
	char bytes[4096];
	size_t total = 0;
	ssize_t got;

	while (total < DISCARD_MOST && (got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		total += (size_t)got;
}

void kernel_close(intptr_t descriptor, bool reset, bool unread)
{
	int fd = (int)descriptor;

	if (reset) {
		struct linger none = {.l_onoff = 1, .l_linger = 0};
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	} else if (unread) {
		read_away(fd);
	}
	close(fd);
}
