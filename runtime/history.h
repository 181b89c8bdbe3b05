/* What a simulated run has done so far: who was born, in which order, and a hash over what was
 * delivered to whom. Slots are only names here: they differ from run to run. */
#ifndef NOH_RUNTIME_HISTORY_H
#define NOH_RUNTIME_HISTORY_H

#include "runtime/slot.h"

struct birth {
	uint32_t generation; // of the slot's tenant
	uint32_t number;     // his in the order of births: 1, 2, ...; 0: nobody was met here
};

struct history {
	uint64_t hash, deliveries;
	struct birth *births; // by slot
	uint64_t *born;       // handles, the oldest first; of those who are gone some are left out
	uint32_t births_room, born_room, born_count, number;
};

void history_finish(struct history *history);

/* The slot has its turn. Its tenant is born with the first. */
void history_meet(struct history *history, const struct slot *slot);

/* The envelope is about to be handled by the slot's tenant. */
void history_note(struct history *history, uint64_t now_ns, const struct slot *slot,
		  const struct envelope *envelope);

/* Leaves out who is gone. */
void history_forget_the_dead(struct history *history);

#endif
