/* Packets put together to be sent at once: small ones copied one behind the other, large topics
 * and payloads shared. Knows neither sessions nor sockets. */
#ifndef BROKER_PARCEL_H
#define BROKER_PARCEL_H

#include <noh/bytes.h>

#include "broker/outbox.h"

enum {
	PARCEL_COPIED_MOST = 1024,   // what is larger is shared
	PARCEL_COPIES_BYTES = 16384, // room for several packets with all of it copied
	PARCEL_PIECES = 64,
	PARCEL_BYTES = 65536, // with so much it is large enough
};

/* Starts by parcel_clear(). Shared pieces are borrowed until it is sent. */
struct parcel {
	size_t piece_count;
	size_t copied;
	size_t bytes;
	noh_bytes pieces[PARCEL_PIECES]; // what to send
	uint8_t copies[PARCEL_COPIES_BYTES];
};

void parcel_clear(struct parcel *parcel);

/* It must be sent before anything more is put in. */
bool parcel_is_full(const struct parcel *parcel);

/* Puts in the PUBLISH of a message, or those of a burst, or its PUBREL if that is its stage. */
void parcel_add(struct parcel *parcel, const struct outbox_message *message);

/* Puts in a PUBREL by itself. */
void parcel_add_release(struct parcel *parcel, uint16_t id);

#endif
