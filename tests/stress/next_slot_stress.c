/* The next slot: its worker takes it between turns, mostly by a load and a store, while thieves
 * take it from turns. Whoever is put there is taken once. */
#include <pthread.h>
#include <sched.h>

#include "runtime/barrier.h"
#include "runtime/worker.h"
#include "tests/support/stress.h"

enum { SLOTS = 64, THIEVES = 2 };

static struct worker worker;
static struct slot slots[SLOTS];
static bool is_put[SLOTS]; // and not taken yet
static uint64_t stolen;
static bool is_over;

static void check_taken(const struct slot *slot)
{
	stress_check(__atomic_exchange_n(&is_put[slot - slots], false, __ATOMIC_ACQ_REL));
}

static void *thieve(void *unused)
{
	(void)unused;
	while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
		struct slot *slot = steal_next(&worker);
		if (!slot)
			continue;
		check_taken(slot);
		__atomic_fetch_add(&stolen, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static bool was_stolen(void)
{
	return __atomic_load_n(&stolen, __ATOMIC_RELAXED);
}

static struct slot *some_slot(uint64_t i)
{
	struct slot *slot = &slots[i % SLOTS];
	return __atomic_load_n(&is_put[slot - slots], __ATOMIC_ACQUIRE) ? NULL : slot;
}

static void take_turns(uint64_t rounds, uint32_t wanted)
{
	uint64_t put = 0, taken = 0;
	pthread_t thieves[THIEVES];

	worker = (struct worker){.ring.next_wanted = wanted};
	ring_look_for_room(&worker.ring);
	stolen = 0;
	is_over = false;
	for (int i = 0; i < THIEVES; i++)
		stress_check(!pthread_create(&thieves[i], NULL, thieve, NULL));

	for (uint64_t i = 0; i < rounds || !was_stolen() || !taken; i++) {
		if (i >= rounds)
			sched_yield(); // thieves have not had a processor yet
		set_running(&worker, &slots[0]);
		struct slot *slot = some_slot(i);
		if (slot) {
			__atomic_store_n(&is_put[slot - slots], true, __ATOMIC_RELEASE);
			if (ring_put_next(&worker.ring, slot))
				put++;
			else
				check_taken(slot); // nobody has seen it
		}
		for (uint64_t wait = i % 61; wait; wait--) // a turn of some length
			ck_pr_stall();
		set_running(&worker, NULL);
		slot = ring_take_next(&worker.ring);
		if (slot) {
			check_taken(slot);
			taken++;
		}
	}
	__atomic_store_n(&is_over, true, __ATOMIC_RELEASE);
	for (int i = 0; i < THIEVES; i++)
		pthread_join(thieves[i], NULL);

	stress_check(put == taken + stolen);
}

int main(void)
{
	stress_begin();
	if (barrier_prepare())
		take_turns(stress_rounds(500000), 0);
	take_turns(stress_rounds(500000), NEXT_ALWAYS_WANTED);
	return 0;
}
