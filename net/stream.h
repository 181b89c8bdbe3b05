/* What a fiber has got of a connection that it reads in line, and has not read yet. */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <noh/tcp.h>

struct stream;

/* Any thread. NULL is fine. Releases what was not read, and what the last read lent. */
void stream_destroy(struct stream *stream);

/* Calls keep(argument, bytes) for each slice that was not read, in order, and forgets them. */
void stream_give_back(struct stream *stream, void (*keep)(void *argument, noh_bytes bytes),
		      void *argument);

#endif
