/* Fibers at home with their workers, woken from others by messages, answers and time; among them
 * some that only look, yield, or are stopped and killed wherever they wait. */
#include <noh/noh.h>

#include "tests/support/stress.h"

enum { FIBERS = 64, SHORT_LIVED = 8 };

NOH_MESSAGE(ball, (u64, left), (u64, seed));
NOH_MESSAGE(noise, (u64, number));
NOH_MESSAGE(finished);

static noh_actor fibers[FIBERS], root;
static uint64_t undone;

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

// ---- players pass balls to each other, and make noise that is received in order

struct player {
	uint64_t seed;
};

static void play(struct player *self)
{
	uint64_t heard = 0;
	for (;;) {
		uint64_t seed = next_random(&self->seed), left;
		const struct ball *ball = noh_as(noh_receive(-1, ball), ball);

		seed ^= ball->seed;
		left = ball->left;
		switch (seed % 16) {
		case 0:
			noh_sleep((int64_t)(seed / 16 % 3));
			break;
		case 1:
			noh_yield();
			break;
		case 2:
			noh_send(noh_self(), noise, .number = heard);
			stress_check(noh_as(noh_receive(-1, noise), noise)->number == heard++);
			break;
		case 3:
			noh_receive(0, noise);
			break;
		case 4:
			stress_check(!noh_receive(1, noise));
			break;
		}
		if (left)
			noh_send(fibers[seed / 16 % FIBERS], ball, .left = left - 1, .seed = seed);
		else
			noh_send(root, finished);
	}
}

NOH_FIBER(player, play);

// ---- others come and go

static void undo(void *unused)
{
	(void)unused;
	__atomic_fetch_add(&undone, 1, __ATOMIC_RELAXED);
}

struct brief {
	uint64_t how;
};

static void live_briefly(struct brief *self)
{
	noh_defer(undo, NULL);
	switch (self->how % 4) {
	case 0:
		return;
	case 1:
		noh_sleep(1);
		noh_end(0, NULL);
		noh_sleep(1);
		abort();
	default:
		noh_receive(-1, ball);
	}
}

NOH_FIBER(brief, live_briefly);

struct spawner {
	uint64_t seed, left;
};

static void spawn_and_end(struct spawner *self)
{
	noh_actor brief[SHORT_LIVED];
	for (; self->left; self->left--) {
		for (int i = 0; i < SHORT_LIVED; i++)
			brief[i] = noh_spawn(brief, .how = next_random(&self->seed));
		if (self->left % 4 == 0)
			noh_sleep(1);
		for (int i = 0; i < SHORT_LIVED; i++) {
			if (next_random(&self->seed) % 2)
				noh_kill(brief[i]);
			else
				noh_stop(brief[i]);
		}
	}
	noh_send(root, finished);
}

NOH_FIBER(spawner, spawn_and_end);

static int run(void *unused)
{
	uint64_t hops = stress_rounds(20000), spawns = stress_rounds(2000);

	(void)unused;
	root = noh_self();
	for (uint64_t i = 0; i < FIBERS; i++)
		fibers[i] = noh_spawn(player, .seed = i);
	for (int i = 0; i < FIBERS / 2; i++)
		noh_send(fibers[i], ball, .left = hops, .seed = (uint64_t)i);
	for (uint64_t i = 0; i < 2; i++)
		noh_spawn(spawner, .seed = i, .left = spawns);
	for (int i = 0; i < FIBERS / 2 + 2; i++)
		noh_receive(-1, finished);
	printf("%d balls of %llu hops\n", FIBERS / 2, (unsigned long long)hops);
	return 0;
}

int main(void)
{
	stress_begin();
	int status = noh_run(run, NULL, .workers = 4);
	// Who was killed before it began has nothing to undo.
	stress_check(undone <= 2 * SHORT_LIVED * stress_rounds(2000));
	return status;
}
