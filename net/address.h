/* Addresses of sockets, and the text people write them in. Knows no names: those are looked up. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* "[0123:...]%scope:65535" and a NUL. */
enum { ADDRESS_TEXT = INET6_ADDRSTRLEN + 24 };

/* Reads a numeric address, of either family. Returns 0; -EINVAL: it is none (perhaps a name). */
int address_parse(const char *host, uint16_t port, union address *ret_address);

/* "127.0.0.1:7000", "[::1]:7000". */
void address_print(const union address *address, char text[static ADDRESS_TEXT]);

uint16_t address_port(const union address *address);
void address_set_port(union address *address, uint16_t port);
socklen_t address_size(const union address *address);

/* True if a listener at `here` is reached by a peer that connects to `there`. */
bool address_reaches(const union address *there, const union address *here);

#endif
