/* A simulated runtime: one thread, a seeded choice of who runs next, who is held back and who is
 * killed, and a clock that jumps. Knows no network. */
#ifndef NOH_RUNTIME_SIMULATION_H
#define NOH_RUNTIME_SIMULATION_H

#include <noh/test.h>

#include "runtime/clock.h"
#include "runtime/history.h"
#include "runtime/random.h"

struct worker;
struct noh_runtime;

struct simulation {
	struct noh_simulation options;
	struct clock_virtual clock;
	struct random random; // who runs next, and for how long
	struct random chaos;  // who is killed or held back: whether anybody is changes nothing else
	struct slot **runnable; // in no order: the next is drawn
	uint32_t count, room;
	struct held *held; // not runnable yet, the one that came first first
	uint32_t held_count, held_room;
	bool root_settles; // the root waits until nobody has work
	bool calm;         // nobody is killed or held back any more
	uint64_t turns, kills, delays;
	struct history history;
};

/* `options` are whole, with a seed. */
void simulation_init(struct simulation *simulation, const struct noh_simulation *options);
void simulation_finish(struct simulation *simulation);

/* The slot can run. */
void simulation_add(struct noh_runtime *runtime, struct slot *slot);
/* The one that runs next, or NULL. */
struct slot *simulation_draw(struct worker *worker);
/* The envelope is about to be handled. */
void simulation_note(struct worker *worker, const struct slot *slot,
		     const struct envelope *envelope);
/* Nobody has work: looks at the network, goes on with a root that settles, or jumps to the next
 * deadline. */
void simulation_idle(struct worker *worker);

#endif
