/*
 * The seam to the kernel: submit an accept, a read, a write, a connect; get told. What waits for
 * events, moves bytes and knows addresses is behind it; actors, credit and time are not its
 * business. epoll.c and memory.c (a network within the process, for simulation) implement it.
 *
 * Who may call: "holder" is the one thread at a time that holds the reactor whose poller this is.
 * A poller tells its holder what happened from inside tell() alone, never from inside a submit.
 * Who is told may submit, and may close, the same socket or another one.
 */
#ifndef NET_POLLER_H
#define NET_POLLER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <noh/message.h>

#include "net/address.h"

struct poller;
struct noh_tcp_options;

enum { NO_DESCRIPTOR = -1 };

// What has been submitted to a socket and not been told.
enum { WANTS_ACCEPT = 1, WANTS_CONNECT = 2, WANTS_READ = 4, WANTS_WRITE = 8 };

/*
 * A listening socket or a connection as its poller sees it, embedded in what it belongs to. All
 * zero but for `events` and `descriptor` before its first use; the poller writes the rest. Its
 * memory must outlive the tell() after it was closed. Apart from `descriptor`, which is written
 * before anyone else sees the socket and by close(), holder only.
 */
struct socket {
	const struct socket_events *events;
	intptr_t descriptor; // the back end's own: a file descriptor, an end of a pipe

	struct socket *ready_next, **ready_link; // in the poller's list of those to visit
	const struct iovec *pieces;              // of the write under way
	uint32_t read_size;                      // the space that the next read gets
	uint16_t piece_count;
	uint8_t wants; // WANTS_ bits
	uint8_t has;   // the back end's own: what it has been told since
};

/* What happened to a socket. An `err` is 0 or a negative errno. */
struct socket_events {
	/* Of a listener: a peer has connected. Its descriptor belongs to who is told, who hands it
	 * to adopt() or discard(), of any poller of the same kind. With an error (-EMFILE, ...)
	 * there is no descriptor and accepting has ended; later attempts may succeed. True: go on
	 * accepting. */
	bool (*accepted)(struct socket *socket, int err, intptr_t descriptor,
			 const union address *peer);
	/* A connect() has ended, well or not. */
	void (*connected)(struct socket *socket, int err);
	/* Bytes have come, borrowed until this returns: retain them. Without bytes the peer has
	 * ended its writing (err 0), or the connection is broken; reading has ended then. True: go
	 * on reading. */
	bool (*was_read)(struct socket *socket, int err, noh_bytes bytes);
	/* The write has ended: `taken` bytes of it, at least one, were taken; or it is a negative
	 * errno. */
	void (*wrote)(struct socket *socket, ssize_t taken);
};

struct poller {
	const struct poller_ops *ops;
};

struct poller_ops {
	// ---- sockets come and go

	/* Any thread. A descriptor that listens; what it accepts has the same options.
	 * -EADDRINUSE, -EACCES, ... */
	int (*listen)(struct poller *poller, const union address *address, int backlog,
		      const struct noh_tcp_options *options, intptr_t *ret_descriptor);
	/* Holder. Takes socket->descriptor, which listen() or accepted() gave, under this poller.
	 * On an error (-ENOMEM, -ENOSPC) the descriptor is still the caller's. */
	int (*adopt)(struct poller *poller, struct socket *socket);
	/* Any thread. Closes a descriptor that was never adopted. */
	void (*discard)(struct poller *poller, intptr_t descriptor);
	/* Holder. Gives the socket a descriptor and connects it: told once by connected(). An error
	 * that is known at once is returned, and nothing is told. */
	int (*connect)(struct poller *poller, struct socket *socket, const union address *address,
		       const struct noh_tcp_options *options);
	/* Holder. Nothing is told of it any more; a write under way is forgotten. What the kernel
	 * has taken is still sent, or with `reset` dropped and the peer told so. Harmless when it
	 * has no descriptor. */
	void (*close)(struct poller *poller, struct socket *socket, bool reset);

	// ---- what can be submitted; each is holder only, and at most one of a kind at a time

	/* Accept peers: told by accepted(), again and again until that returns false. */
	void (*accept)(struct poller *poller, struct socket *socket);
	/* Read: told by was_read(), again and again until that returns false or there is no more to
	 * come. What has not been read stays for the next submit. Harmless when it reads already.
	 */
	void (*read)(struct poller *poller, struct socket *socket);
	/* Write: told once by wrote(), as soon as anything could be taken. The pieces and their
	 * bytes must stay until then, or until close(). */
	void (*write)(struct poller *poller, struct socket *socket, const struct iovec *pieces,
		      uint32_t count);

	// ---- at once

	/* Any thread that knows the socket is not being closed; not while a write is under way.
	 * Writes what fits now. Returns the bytes taken; -EAGAIN; an error. No SIGPIPE. */
	ssize_t (*send_now)(struct poller *poller, intptr_t descriptor, const struct iovec *pieces,
			    uint32_t count);
	/* Holder. Ends writing; the peer reads the end after what was taken before. */
	int (*shutdown)(struct poller *poller, struct socket *socket);
	/* Any thread that knows the socket is not being closed. -ENOTCONN, ... */
	int (*address)(struct poller *poller, intptr_t descriptor, bool of_peer,
		       union address *ret_address);
	/* Any thread. The addresses of a name as far as they are known without waiting: how many;
	 * -EAGAIN: the lookup threads must be asked; another errno: there are none. */
	int (*lookup)(struct poller *poller, const char *host, uint16_t port,
		      union address *ret_addresses, int most);

	// ---- waiting, and being told

	/* Holder. Collects what has happened, of at most about `room` sockets. If nothing has,
	 * waits until something does, until ring(), or until the runtime's clock, which says
	 * now_ns, reaches until_ns (UINT64_MAX: for ever; not above now_ns: does not wait). May
	 * return early. Followed by tell(). */
	void (*wait)(struct poller *poller, uint64_t now_ns, uint64_t until_ns, uint32_t room);
	/* Holder. Calls what is to be told: of what wait() has collected, and of what has been
	 * submitted and could be done at once. */
	void (*tell)(struct poller *poller, uint32_t room);
	/* Holder. True if there is something to tell already, and wait() would not wait. */
	bool (*is_ready)(struct poller *poller);
	/* Any thread. Makes a wait(), or the next one that would wait, return at once. */
	void (*ring)(struct poller *poller);
	/* Nobody holds it any more, and all its sockets are closed. */
	void (*destroy)(struct poller *poller);
};

/* The kernel's sockets, by epoll. */
int epoll_poller_create(struct poller **ret_poller);

#endif
