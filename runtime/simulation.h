/* A simulated runtime: one thread, a seeded choice of who runs next, a clock that jumps. Knows no
 * network. */
#ifndef NOH_RUNTIME_SIMULATION_H
#define NOH_RUNTIME_SIMULATION_H

#include "runtime/clock.h"
#include "runtime/random.h"
#include "runtime/slot.h"

struct worker;

struct simulation {
	struct clock_virtual clock;
	struct random random;
	uint64_t seed;
	struct slot **runnable; // in no order: the next is drawn
	uint32_t count, room;
	bool root_settles; // the root waits until nobody has work
};

void simulation_init(struct simulation *simulation, uint64_t seed);
void simulation_finish(struct simulation *simulation);

void simulation_add(struct simulation *simulation, struct slot *slot);
/* The one that runs next, or NULL. */
struct slot *simulation_draw(struct simulation *simulation);
/* Nobody has work: looks at the network, goes on with a root that settles, or jumps to the next
 * deadline. */
void simulation_idle(struct worker *worker);

#endif
