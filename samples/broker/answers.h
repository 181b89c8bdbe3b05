/* The answers that a connection owes its client: each is due when those who were asked about it
 * have all said so, and goes out after those that were owed before it. Knows no sockets and no
 * routers. */
#ifndef BROKER_ANSWERS_H
#define BROKER_ANSWERS_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/packet.h"

struct answer {
	enum packet_type type; // PUBACK, PUBREC, SUBACK or UNSUBACK
	uint16_t id;
	uint32_t missing;       // how many have not said yet that it is due
	uint32_t granted_count; // of a SUBACK: a byte for each filter, memory of malloc()
	uint8_t *granted;
};

struct answer_ring {
	uint32_t room; // a power of two
	uint32_t first;
	uint32_t count; // never 0: an empty ring is none
	uint32_t given; // tickets, in all; wraps
	struct answer at[];
};

/* Empty when all zero, and holds no memory then. Small: each idle client has one. */
struct answers {
	struct answer_ring *ring;
};

uint32_t answers_count(const struct answers *answers);

/* Takes the answer, and `granted` with it. Returns its ticket, which is never 0. */
uint64_t answers_owe(struct answers *answers, const struct answer *answer);

/* One of those asked says that the answer is due. */
void answers_settle(struct answers *answers, uint64_t ticket);

/* The next answer to send, or NULL; it lives until the next call. */
const struct answer *answers_next(struct answers *answers);

/* After answers_next() gave one and it was sent. */
void answers_drop(struct answers *answers);

void answers_finish(struct answers *answers);

#endif
