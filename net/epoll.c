/*
 * The poller on epoll: makes completions of readiness. Knows descriptors and the kernel's ways with
 * them, no connections.
 *
 * A descriptor is registered once, edge-triggered, for everything; nothing is ever re-armed. What
 * the kernel has said is remembered in `has`, what has been submitted in `wants`; a socket where
 * the two meet is visited, either as its event is taken or, if it is submitted later, from the
 * ready list by the next tell().
 */
#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mailbox/pool.h"
#include "net/intake.h"
#include "net/kernel.h"
#include "net/poller.h"
#include "net/ready.h"

enum {
	HAS_INPUT = 1,   // bytes, or peers to accept
	HAS_ENDED = 2,   // the peer ended writing, or the connection broke: read on to the end
	HAS_OUTCOME = 4, // of a connect

	EVENTS_A_WAIT = 128,
	READS_A_VISIT = 16, // so that one fast peer does not keep the others waiting
	ACCEPTS_A_VISIT = 32,
};

struct epoll_poller {
	struct poller base;
	int epoll_fd, bell_fd; // written once

	// Holder only.
	_Alignas(CACHE_LINE) struct intake intake;
	struct ready ready; // to be visited by the next tell()
	bool has_pwait2;
	int event_count; // collected, not told yet
	struct epoll_event events[EVENTS_A_WAIT];
};

static struct epoll_poller *as_epoll(struct poller *poller)
{
	return (struct epoll_poller *)poller;
}

static int error_now(void)
{
	return -errno;
}

// ---- sockets come and go

static int epoll_adopt(struct poller *base, struct socket *socket)
{
	struct epoll_poller *poller = as_epoll(base);
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = socket,
	};

	socket->read_size = READ_LEAST;
	if (epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD, (int)socket->descriptor, &event))
		return error_now();
	return 0;
}

static int epoll_connect(struct poller *base, struct socket *socket, const union address *address,
			 const struct noh_tcp_options *options)
{
	int fd = kernel_open(address, options);
	if (fd < 0)
		return fd;

	int err = connect(fd, &address->any, address_size(address)) ? error_now() : 0;
	socket->has = 0;
	if (!err || err == -EINPROGRESS || err == -EINTR) {
		// Not before: a socket that has not begun to connect is told to have hung up.
		socket->descriptor = fd;
		socket->wants = WANTS_CONNECT;
		err = epoll_adopt(base, socket);
	}
	if (err) {
		socket->descriptor = NO_DESCRIPTOR;
		socket->wants = 0;
		close(fd);
	}
	return err;
}

static void epoll_close(struct poller *base, struct socket *socket, bool reset)
{
	int fd = (int)socket->descriptor;
	if (fd < 0)
		return;

	ready_remove(&as_epoll(base)->ready, socket);
	bool unread = socket->has & HAS_INPUT && !(socket->wants & WANTS_ACCEPT);
	socket->descriptor = NO_DESCRIPTOR;
	socket->wants = socket->has = 0;
	kernel_close(fd, reset, unread); // which also takes it out of the epoll set
}

// ---- submitting

static void submit(struct epoll_poller *poller, struct socket *socket, uint8_t what)
{
	socket->wants |= what;
	ready_add(&poller->ready, socket);
}

static void epoll_accept(struct poller *poller, struct socket *socket)
{
	// Perhaps there is nobody: one look is cheaper than being certain that no edge was missed.
	socket->has |= HAS_INPUT;
	submit(as_epoll(poller), socket, WANTS_ACCEPT);
}

static void epoll_read(struct poller *poller, struct socket *socket)
{
	socket->wants |= WANTS_READ;
	if (socket->has & (HAS_INPUT | HAS_ENDED))
		ready_add(&as_epoll(poller)->ready, socket);
}

static void epoll_write(struct poller *poller, struct socket *socket, const struct iovec *pieces,
			uint32_t count)
{
	assert(!(socket->wants & WANTS_WRITE));
	socket->pieces = pieces;
	socket->piece_count = (uint16_t)count;
	submit(as_epoll(poller), socket, WANTS_WRITE);
}

// ---- visiting

static void visit_accept(struct epoll_poller *poller, struct socket *socket)
{
	for (int i = 0; i < ACCEPTS_A_VISIT; i++) {
		union address peer = {0};
		socklen_t size = sizeof(peer);
		int fd = accept4((int)socket->descriptor, &peer.any, &size,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
		int err = fd < 0 ? error_now() : 0;

		if (err == -EAGAIN) {
			socket->has &= (uint8_t)~HAS_INPUT;
			return;
		}
		if (kernel_error_is_of_one_peer(err))
			continue;

		bool goes_on =
			socket->events->accepted(socket, err, err ? NO_DESCRIPTOR : fd, &peer);
		if (err || !goes_on) {
			socket->wants &= (uint8_t)~WANTS_ACCEPT;
			return;
		}
		if (socket->descriptor < 0)
			return;
	}
	ready_add(&poller->ready, socket);
}

static void visit_connect(struct socket *socket)
{
	int err = 0;
	socklen_t size = sizeof(err);

	if (getsockopt((int)socket->descriptor, SOL_SOCKET, SO_ERROR, &err, &size))
		err = errno;
	socket->wants &= (uint8_t)~WANTS_CONNECT;
	socket->events->connected(socket, -err);
}

static void visit_read(struct epoll_poller *poller, struct socket *socket)
{
	for (int i = 0; i < READS_A_VISIT; i++) {
		size_t room;
		uint8_t *space = intake_space(&poller->intake, socket->read_size, &room);
		ssize_t got = recv((int)socket->descriptor, space, room, MSG_DONTWAIT);
		int err = got < 0 ? error_now() : 0;

		if (err == -EINTR)
			continue;
		if (err == -EAGAIN) {
			socket->has &= (uint8_t) ~(HAS_INPUT | HAS_ENDED);
			return;
		}
		if (got <= 0) {
			socket->wants &= (uint8_t)~WANTS_READ;
			socket->events->was_read(socket, err, (noh_bytes){0});
			return;
		}

		// Less than there was space for: that was all, and more will be an edge. Unless the
		// end has come already, which has had its edge.
		if ((size_t)got < room)
			socket->has &= (uint8_t)~HAS_INPUT;
		socket->read_size = intake_next_size(socket->read_size, (size_t)got, room);
		bool goes_on = socket->events->was_read(socket, 0,
							intake_take(&poller->intake, (size_t)got));
		if (!goes_on) {
			socket->wants &= (uint8_t)~WANTS_READ;
			return;
		}
		if (!(socket->has & (HAS_INPUT | HAS_ENDED)))
			return;
	}
	ready_add(&poller->ready, socket);
}

static void visit_write(struct epoll_poller *poller, struct socket *socket)
{
	ssize_t taken = kernel_send_now(&poller->base, socket->descriptor, socket->pieces,
					socket->piece_count);
	if (taken == -EAGAIN)
		return;
	socket->wants &= (uint8_t)~WANTS_WRITE;
	socket->events->wrote(socket, taken);
}

// Each step may close the socket, which clears what it wants.
static void visit(struct epoll_poller *poller, struct socket *socket)
{
	if (socket->wants & WANTS_CONNECT && socket->has & HAS_OUTCOME)
		visit_connect(socket);
	if (socket->wants & WANTS_ACCEPT && socket->has & HAS_INPUT)
		visit_accept(poller, socket);
	if (socket->wants & WANTS_READ && socket->has & (HAS_INPUT | HAS_ENDED))
		visit_read(poller, socket);
	if (socket->wants & WANTS_WRITE)
		visit_write(poller, socket);
}

static void note_event(struct epoll_poller *poller, const struct epoll_event *event)
{
	struct socket *socket = event->data.ptr;

	if (!socket || socket->descriptor < 0) // the bell; closed by a visit before it
		return;
	// Mostly bytes have come, and somebody waits for them.
	if (__builtin_expect((event->events & ~(uint32_t)EPOLLOUT) == EPOLLIN &&
				     socket->wants == WANTS_READ,
			     1)) {
		socket->has |= HAS_INPUT;
		visit_read(poller, socket);
		return;
	}
	if (event->events & EPOLLIN)
		socket->has |= HAS_INPUT;
	if (event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		socket->has |= HAS_ENDED;
	if (event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		socket->has |= HAS_OUTCOME;
	visit(poller, socket);
}

static void epoll_tell(struct poller *base, uint32_t room)
{
	struct epoll_poller *poller = as_epoll(base);
	uint32_t count = poller->ready.count <= room ? poller->ready.count : room + 1;

	// What becomes ready meanwhile waits for the next time.
	for (uint32_t i = 0; i < count && poller->ready.count; i++)
		visit(poller, ready_take(&poller->ready));
	for (int i = 0; i < poller->event_count; i++)
		note_event(poller, &poller->events[i]);
	poller->event_count = 0;
}

// ---- waiting

// The C library's wrapper came later than the system call.
static int wait_exactly(struct epoll_poller *poller, int most, uint64_t timeout_ns)
{
#ifdef SYS_epoll_pwait2
	if (poller->has_pwait2) {
		struct {
			int64_t seconds, nanoseconds;
		} timeout = {(int64_t)(timeout_ns / 1000000000),
			     (int64_t)(timeout_ns % 1000000000)};
		int count = (int)syscall(SYS_epoll_pwait2, poller->epoll_fd, poller->events, most,
					 &timeout, NULL, (size_t)0);
		if (count >= 0 || (errno != ENOSYS && errno != EPERM))
			return count;
		poller->has_pwait2 = false;
	}
#endif
	uint64_t ms = timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);
	return epoll_wait(poller->epoll_fd, poller->events, most,
			  ms > INT32_MAX ? INT32_MAX : (int)ms);
}

static void epoll_poller_wait(struct poller *base, uint64_t now_ns, uint64_t until_ns,
			      uint32_t room)
{
	struct epoll_poller *poller = as_epoll(base);
	int fd = poller->epoll_fd, count;
	int most = room >= poller->ready.count + EVENTS_A_WAIT ? EVENTS_A_WAIT
		   : room > poller->ready.count                ? (int)(room - poller->ready.count)
							       : 1;

	if (poller->ready.count || until_ns <= now_ns)
		count = epoll_wait(fd, poller->events, most, 0);
	else if (until_ns == UINT64_MAX)
		count = epoll_wait(fd, poller->events, most, -1);
	else
		count = wait_exactly(poller, most, until_ns - now_ns);
	poller->event_count = count > 0 ? count : 0;
}

static bool epoll_is_ready(struct poller *poller)
{
	return as_epoll(poller)->ready.count > 0;
}

// Edge-triggered and never read: each write is an edge, and the count would need centuries to fill.
static void epoll_ring(struct poller *poller)
{
	uint64_t one = 1;
	ssize_t written = write(as_epoll(poller)->bell_fd, &one, sizeof(one));
	(void)written;
}

static void epoll_destroy(struct poller *base)
{
	struct epoll_poller *poller = as_epoll(base);

	intake_finish(&poller->intake);
	close(poller->epoll_fd);
	close(poller->bell_fd);
	pool_give(pool_class_of(sizeof(*poller)), poller);
}

static const struct poller_ops epoll_ops = {
	.listen = kernel_listen,
	.adopt = epoll_adopt,
	.discard = kernel_discard,
	.connect = epoll_connect,
	.close = epoll_close,
	.accept = epoll_accept,
	.read = epoll_read,
	.write = epoll_write,
	.send_now = kernel_send_now,
	.shutdown = kernel_shutdown,
	.address = kernel_address,
	.lookup = kernel_lookup,
	.wait = epoll_poller_wait,
	.tell = epoll_tell,
	.is_ready = epoll_is_ready,
	.ring = epoll_ring,
	.destroy = epoll_destroy,
};

int epoll_poller_create(struct poller **ret_poller)
{
	struct epoll_event bell = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int bell_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (epoll_fd < 0 || bell_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, bell_fd, &bell)) {
		int err = error_now();
		if (epoll_fd >= 0)
			close(epoll_fd);
		if (bell_fd >= 0)
			close(bell_fd);
		return err;
	}

	struct epoll_poller *poller = pool_take(pool_class_of(sizeof(*poller)), sizeof(*poller));
	*poller = (struct epoll_poller){
		.base.ops = &epoll_ops,
		.epoll_fd = epoll_fd,
		.bell_fd = bell_fd,
		.has_pwait2 = true,
	};
	ready_init(&poller->ready);
	*ret_poller = &poller->base;
	return 0;
}
