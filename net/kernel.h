/* The kernel's sockets as far as no poller is needed for them: what epoll and others share. The
 * functions fit struct poller_ops, which tells what they do. */
#ifndef NET_KERNEL_H
#define NET_KERNEL_H

#include "net/poller.h"

int kernel_listen(struct poller *poller, const union address *address, int backlog,
		  const struct noh_tcp_options *options, intptr_t *ret_descriptor);
void kernel_discard(struct poller *poller, intptr_t descriptor);
ssize_t kernel_send_now(struct poller *poller, intptr_t descriptor, const struct iovec *pieces,
			uint32_t count);
int kernel_shutdown(struct poller *poller, struct socket *socket);
int kernel_address(struct poller *poller, intptr_t descriptor, bool of_peer,
		   union address *ret_address);
int kernel_lookup(struct poller *poller, const char *host, uint16_t port,
		  union address *ret_addresses, int most);

/* A socket that does not block, with its options set; or a negative errno. */
int kernel_open(const union address *address, const struct noh_tcp_options *options);

/* True for an error of accept() that is no reason to stop accepting the others. */
bool kernel_error_is_of_one_peer(int err);

/* Closes. Unread bytes are read away first, or the kernel would reset the connection and the peer
 * lose what was sent last. */
void kernel_close(intptr_t descriptor, bool reset, bool unread);

#endif
