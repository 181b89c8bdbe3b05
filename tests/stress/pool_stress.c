/* A pool on four workers that is asked by many, while its own workers crash and it grows and
 * shrinks: each ask has its answer, but for those that were in hand at a crash. */
#include <errno.h>

#include <noh/noh.h>

#include "tests/support/stress.h"

enum { CUSTOMERS = 16, POOLS = 2, WORKERS_MOST = 9 };

NOH_MESSAGE(doubled, (u64, value));
NOH_REQUEST(twice, doubled, (u64, value), (flag, crashes));
NOH_MESSAGE(finished, (u64, lost));

static noh_actor pools[POOLS], root;
static uint64_t rounds;

struct clerk {
	uint64_t lives;
};

static void on_twice(struct clerk *self, const struct twice *msg)
{
	(void)self;
	if (msg->crashes)
		noh_fail("told to");
	noh_reply(doubled, .value = 2 * msg->value);
}

NOH_ACTOR(clerk, (twice, on_twice));

struct customer {
	uint64_t seed;
};

static void ask_on(struct customer *self)
{
	uint64_t lost = 0;
	for (uint64_t i = 0; i < rounds; i++) {
		const struct doubled *answer;
		bool crashes = i % 500 == 499;
		int err = noh_ask(pools[(i + self->seed) % POOLS], twice, 60 * 1000, &answer,
				  .value = i, .crashes = crashes);
		stress_check(crashes ? err == -ECONNRESET : !err && answer->value == 2 * i);
		lost += crashes;
		noh_receive(0);
	}
	noh_send(root, finished, .lost = lost);
}

NOH_FIBER(customer, ask_on);

static int run(void *unused)
{
	(void)unused;
	root = noh_self();
	for (int i = 0; i < POOLS; i++)
		pools[i] = noh_pool_start(
			(.workers = 3, .max_restarts = 1000 * 1000,
			 .spread = i ? NOH_SPREAD_LEAST_BUSY : NOH_SPREAD_ROUND_ROBIN),
			NOH_CHILD(clerk, (.lives = 0)));
	for (uint64_t i = 0; i < CUSTOMERS; i++)
		noh_spawn(customer, .seed = i);

	uint64_t lost = 0;
	for (uint32_t done = 0, size = 1; done < CUSTOMERS; size++) {
		const struct finished *msg = noh_as(noh_receive(1, finished), finished);
		if (msg)
			lost += msg->lost;
		done += msg != NULL;
		for (int i = 0; i < POOLS; i++)
			stress_check(!noh_pool_resize(pools[i], size % WORKERS_MOST + 1));
	}
	printf("%llu requests each of %d, %llu lost in crashes\n", (unsigned long long)rounds,
	       CUSTOMERS, (unsigned long long)lost);
	return 0;
}

int main(void)
{
	stress_begin();
	rounds = stress_rounds(20000);
	return noh_run(run, NULL, .workers = 4, .log_level = NOH_ERROR + 1);
}
