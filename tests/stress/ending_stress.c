/* Ends that are asked for while the actor runs, with busy threads beside the workers so that these
 * are stopped at any place: each actor ends, and nobody waits for it in vain. */
#include <pthread.h>

#include <noh/noh.h>

#include "tests/support/stress.h"

enum { VICTIMS = 64, KILLERS = 4, CHILDREN = 40, HOGS = 2, PATIENCE_MS = 20 * 1000 };

NOH_MESSAGE(poke);
NOH_MESSAGE(strike, (actor, who), (u64, pokes));

static uint32_t hogs_go_on = 1;
static uint64_t ends;

static void *hog(void *unused)
{
	(void)unused;
	while (__atomic_load_n(&hogs_go_on, __ATOMIC_RELAXED))
		__asm__ volatile("");
	return NULL;
}

struct victim {
	uint64_t pokes;
};

static void on_poke(struct victim *self, const struct poke *msg)
{
	(void)msg;
	self->pokes++;
}

NOH_ACTOR(victim, (poke, on_poke));

// Works elsewhere than the root, so that kills meet victims that run.
struct killer {
	uint64_t kills;
};

static void on_strike(struct killer *self, const struct strike *msg)
{
	for (uint64_t i = 0; i < msg->pokes; i++)
		noh_send(msg->who, poke);
	noh_kill(msg->who);
	self->kills++;
}

NOH_ACTOR(killer, (strike, on_strike));

struct parent {
	uint64_t unused;
};

static void on_start(struct parent *self, const struct noh_start *msg)
{
	(void)self;
	(void)msg;
	for (int i = 0; i < CHILDREN; i++)
		noh_send(noh_spawn(victim), poke);
}

NOH_ACTOR(parent, (noh_start, on_start));

// ---- within a runtime: kills, and a parent that is stopped

static int end_many(void *argument)
{
	noh_actor victims[VICTIMS], killers[KILLERS];

	for (int i = 0; i < KILLERS; i++)
		killers[i] = noh_spawn(killer);
	for (uint64_t round = 0; round < *(uint64_t *)argument; round++) {
		for (int i = 0; i < VICTIMS; i++)
			victims[i] = noh_spawn_with(victim, (.monitored = true));
		noh_stop(noh_spawn_with(parent, (.monitored = true)));
		for (int i = 0; i < VICTIMS; i++) {
			noh_send(killers[i % KILLERS], strike, .who = victims[i],
				 .pokes = (uint64_t)i % 4);
			noh_send(victims[i], poke);
		}
		for (int left = VICTIMS + 1; left; left--, ends++)
			stress_check(noh_receive(PATIENCE_MS, noh_down));
	}
	return 0;
}

// ---- a whole runtime

static int leave_many(void *unused)
{
	(void)unused;
	for (int i = 0; i < VICTIMS; i++)
		noh_send(noh_spawn_with(victim, (.detached = i % 2)), poke);
	noh_spawn(parent);
	return 0;
}

int main(void)
{
	uint64_t rounds = stress_rounds(2000), runtimes = stress_rounds(400);
	pthread_t hogs[HOGS];

	stress_begin();
	for (int i = 0; i < HOGS; i++)
		stress_check(!pthread_create(&hogs[i], NULL, hog, NULL));
	for (uint32_t workers = 2; workers <= 8; workers += 3) {
		// Turns of one message, as they are where messages are slow; and usual ones.
		stress_check(!noh_run(end_many, &rounds, .workers = workers, .budget = 1));
		stress_check(!noh_run(end_many, &rounds, .workers = workers));
	}
	for (uint64_t i = 0; i < runtimes; i++)
		stress_check(!noh_run(leave_many, NULL, .workers = (uint32_t)i % 8 + 1,
				      .budget = (uint32_t)i % 3, .shutdown_ms = PATIENCE_MS));
	__atomic_store_n(&hogs_go_on, 0, __ATOMIC_RELAXED);
	for (int i = 0; i < HOGS; i++)
		pthread_join(hogs[i], NULL);
	printf("%llu actors and %llu runtimes ended\n", (unsigned long long)ends,
	       (unsigned long long)runtimes);
	return 0;
}
