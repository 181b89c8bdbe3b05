/* Addresses to text and back. */
#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int address_parse(const char *host, uint16_t port, union address *ret_address)
{
	union address address = {.any.sa_family = AF_INET};

	if (inet_pton(AF_INET, host, &address.v4.sin_addr) != 1) {
		address = (union address){.v6 = {.sin6_family = AF_INET6}};
		if (inet_pton(AF_INET6, host, &address.v6.sin6_addr) != 1)
			return -EINVAL;
	}
	address_set_port(&address, port);
	*ret_address = address;
	return 0;
}

void address_print(const union address *address, char text[static ADDRESS_TEXT])
{
	char host[INET6_ADDRSTRLEN];

	switch (address->any.sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof(host));
		snprintf(text, ADDRESS_TEXT, "%s:%u", host, address_port(address));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof(host));
		snprintf(text, ADDRESS_TEXT, "[%s]:%u", host, address_port(address));
		break;
	default:
		strcpy(text, "?");
	}
}

// Both families have it at the same place, but only each one's own field says so.
uint16_t address_port(const union address *address)
{
	return ntohs(address->any.sa_family == AF_INET6 ? address->v6.sin6_port
							: address->v4.sin_port);
}

void address_set_port(union address *address, uint16_t port)
{
	if (address->any.sa_family == AF_INET6)
		address->v6.sin6_port = htons(port);
	else
		address->v4.sin_port = htons(port);
}

socklen_t address_size(const union address *address)
{
	return address->any.sa_family == AF_INET6 ? sizeof(address->v6) : sizeof(address->v4);
}

bool address_reaches(const union address *there, const union address *here)
{
	if (there->any.sa_family != here->any.sa_family ||
	    address_port(there) != address_port(here))
		return false;
	if (here->any.sa_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&here->v6.sin6_addr) ||
		       IN6_ARE_ADDR_EQUAL(&here->v6.sin6_addr, &there->v6.sin6_addr);
	return here->v4.sin_addr.s_addr == htonl(INADDR_ANY) ||
	       here->v4.sin_addr.s_addr == there->v4.sin_addr.s_addr;
}
