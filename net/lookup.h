/* Names to addresses, by the C library's own way, on threads of its own: a lookup may take long and
 * cannot be stopped. Knows no actors. */
#ifndef NET_LOOKUP_H
#define NET_LOOKUP_H

#include "net/address.h"

enum { LOOKUP_ADDRESSES = 8 };

struct lookup;

/* Looks the name up and calls `done` on another thread, with how many addresses there are or a
 * negative errno (-ENOENT: no such name). Copies the name. */
struct lookup *lookup_start(const char *host, uint16_t port,
			    void (*done)(void *argument, int count, const union address *addresses),
			    void *argument);

/* After this `done` has been called, or never will be. Once for each lookup. */
void lookup_finish(struct lookup *lookup);

#endif
