/* Kills, stops and failures at random all over a tree that grows again: every life that began ends,
 * parents hear of each child once, and the end of it all is in order. */
#include <noh/noh.h>

#include "tests/support/stress.h"

enum { PLACES = 256, KILLERS = 3, WIDTH = 3, DEPTH = 4 };

NOH_MESSAGE(again);
NOH_MESSAGE(fail);
NOH_MESSAGE(finished);

static uint64_t places[PLACES];
static uint64_t births, ends, downs;
static uint64_t rounds;
static noh_actor root;

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

static void count(uint64_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

// Lives and dies with the actor that has it, whichever way that ends.
static void drop_life(void *unused)
{
	(void)unused;
	count(&ends);
}

struct node {
	uint64_t depth, seed;
};

extern const struct noh_actor_type node_actor;

static void spawn_child(struct node *self)
{
	uint64_t random = next_random(&self->seed);
	noh_actor child = noh_spawn_with(node, (.keeps_place = random % 2),
					 .depth = self->depth - 1, .seed = random);
	__atomic_store_n(&places[random % PLACES], child.id, __ATOMIC_RELEASE);
}

static void on_start(struct node *self, const struct noh_start *msg)
{
	(void)msg;
	count(&births);
	noh_keep_bytes(noh_bytes_wrap("alive", 5, drop_life, NULL));
	for (int i = 0; self->depth && i < WIDTH; i++)
		spawn_child(self);
}

// Every child that ends is replaced, in its place or by another.
static void on_down(struct node *self, const struct noh_down *msg)
{
	count(&downs);
	uint64_t random = next_random(&self->seed);
	if (!msg->restarting) {
		spawn_child(self);
	} else if (random % 4 == 0) {
		noh_stop(msg->who);
	} else {
		struct node state = {.depth = self->depth - 1, .seed = random};
		noh_restart(msg->who, &state);
	}
}

static void on_fail(struct node *self, const struct fail *msg)
{
	(void)self;
	(void)msg;
	noh_fail("told so");
}

NOH_ACTOR(node, (noh_start, on_start), (noh_down, on_down), (fail, on_fail));

struct killer {
	uint64_t seed, left;
};

static void on_again(struct killer *self, const struct again *msg)
{
	(void)msg;
	for (int i = 0; i < 8; i++) {
		uint64_t random = next_random(&self->seed);
		noh_actor who = {__atomic_load_n(&places[random % PLACES], __ATOMIC_ACQUIRE)};
		switch (random / PLACES % 4) {
		case 0:
			noh_stop(who);
			break;
		case 1:
			noh_send(who, fail);
			break;
		case 2:
			noh_monitor(who, random % 2);
			break;
		default:
			noh_kill(who);
		}
	}
	if (!--self->left)
		noh_send(root, finished);
	else if (self->left % 8 == 0)
		noh_after(1, again); // so that what it has cut down grows again
	else
		noh_send(noh_self(), again);
}

static void on_killer_down(struct killer *self, const struct noh_down *msg)
{
	(void)self;
	(void)msg;
}

NOH_ACTOR(killer, (again, on_again), (noh_down, on_killer_down));

static void ignore_log(void *unused, enum noh_level level, noh_actor who, const char *line)
{
	(void)unused;
	(void)level;
	(void)who;
	(void)line;
}

static int run(void *unused)
{
	(void)unused;
	root = noh_self();
	noh_spawn_with(node, (.detached = true), .depth = DEPTH, .seed = 1);
	for (uint64_t i = 0; i < KILLERS; i++)
		noh_send(noh_spawn(killer, .seed = i, .left = rounds), again);
	for (int i = 0; i < KILLERS; i++)
		noh_receive(-1, finished);
	return 0;
}

int main(void)
{
	stress_begin();
	rounds = stress_rounds(20000);
	int status = noh_run(run, NULL, .workers = 4, .log = ignore_log);
	stress_check(births == ends);
	printf("%llu lives began and ended, %llu reported\n", (unsigned long long)births,
	       (unsigned long long)downs);
	return status;
}
