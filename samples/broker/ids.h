/* A set of packet ids, small and in no order: what a publisher at QoS 2 has sent and not released.
 * Knows no packets. */
#ifndef BROKER_IDS_H
#define BROKER_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Empty when all zero, and holds no memory then. */
struct ids {
	uint16_t *places; // 0 is free: no packet has that id
	uint32_t room;    // a power of two
	uint32_t count;
};

/* False if it was there already. */
bool ids_add(struct ids *ids, uint16_t id);

/* False if it was not there. */
bool ids_remove(struct ids *ids, uint16_t id);

/* All of them, `count` in number, in memory of malloc(). */
uint64_t *ids_listed(const struct ids *ids);

void ids_finish(struct ids *ids);

#endif
