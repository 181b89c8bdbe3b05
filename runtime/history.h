/* What a simulated run has done so far: who was born, in which order, and a hash over what was
 * delivered to whom. Slots are only names here: they differ from run to run. */
#ifndef NOH_RUNTIME_HISTORY_H
#define NOH_RUNTIME_HISTORY_H

#include "runtime/slot.h"

struct numbered {
	uint64_t handle; // 0: free
	uint32_t number;
	bool is_born;
};

struct history {
	uint64_t hash, deliveries;
	// Of everybody that there ever was in the run: open addressing.
	struct numbered *numbers;
	uint64_t *born; // handles, the oldest first; of those who are gone some are left out
	uint32_t numbers_room, numbers_count, born_room, born_count;
};

void history_finish(struct history *history);

/* A number of the actor that is the same whenever the run is repeated: they are given as they are
 * asked for, 1, 2, ... Nobody has 0. */
uint64_t history_number(struct history *history, uint64_t handle);

/* The slot has its turn. Its tenant is born with the first. */
void history_meet(struct history *history, const struct slot *slot);

/* The envelope is about to be handled by the slot's tenant. */
void history_note(struct history *history, uint64_t now_ns, const struct slot *slot,
		  const struct envelope *envelope);

/* Leaves out who is gone. */
void history_forget_the_dead(struct history *history);

#endif
