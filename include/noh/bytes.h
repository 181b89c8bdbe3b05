/* Byte slices: reference-counted, shared between actors without a copy. */
#ifndef NOH_BYTES_H
#define NOH_BYTES_H

#include <noh/message.h>

NOH_BEGIN

/* What these three make lives until the handler returns (a fiber: until its next noh_receive());
 * plain threads give it back by noh_bytes_drop(). Any thread. */
noh_bytes noh_bytes_copy(const void *at, size_t size);
noh_bytes noh_bytes_slice(noh_bytes whole, size_t from, size_t size); // shares; clipped to `whole`
noh_bytes noh_bytes_wrap(const void *at, size_t size, void (*drop)(void *),
			 void *argument); // takes: drop(argument) when the last slice is gone

/* Makes the slice this actor's own until noh_bytes_drop() or its end. Handlers, fibers. */
noh_bytes noh_keep_bytes(noh_bytes bytes);

/* Gives back what noh_keep_bytes() kept, or what a plain thread made. */
void noh_bytes_drop(noh_bytes kept);

NOH_END
#endif
