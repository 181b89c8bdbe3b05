/* Actors that are spawned and die all the time, while others and plain threads send to handles of
 * which most are stale: a message reaches the actor it was sent to, or nobody. */
#include <pthread.h>

#include <noh/noh.h>

#include "tests/support/stress.h"

enum { SPAWNERS = 4, THREADS = 2, PLACES = 512 };

NOH_MESSAGE(meant_for, (actor, who));
NOH_MESSAGE(more);
NOH_MESSAGE(finished);

static uint64_t places[PLACES]; // handles, most of them stale
static uint64_t lives, deaths, reached;
static noh_actor root;
static uint32_t threads_end;

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

static void count(uint64_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static void send_somewhere(uint64_t random)
{
	noh_actor who = {__atomic_load_n(&places[random % PLACES], __ATOMIC_ACQUIRE)};
	if (who.id)
		noh_send(who, meant_for, .who = who);
}

// ---- what lives briefly

struct mayfly {
	uint64_t messages; // it takes so many
};

static void on_start(struct mayfly *self, const struct noh_start *msg)
{
	(void)self;
	(void)msg;
	count(&lives);
}

static void on_meant_for(struct mayfly *self, const struct meant_for *msg)
{
	stress_check(noh_same(msg->who, noh_self()));
	count(&reached);
	if (self->messages-- == 1)
		noh_end(0, NULL);
}

static void on_stopping(struct mayfly *self, const struct noh_stopping *msg)
{
	(void)self;
	(void)msg;
	count(&deaths);
}

NOH_ACTOR(mayfly, (noh_start, on_start), (meant_for, on_meant_for), (noh_stopping, on_stopping));

// ---- who spawns them

struct spawner {
	uint64_t seed, left;
};

static void on_more(struct spawner *self, const struct more *msg)
{
	(void)msg;
	for (int i = 0; i < 16; i++) {
		uint64_t random = next_random(&self->seed);
		noh_actor fly = noh_spawn_with(mayfly, (.detached = random % 2),
					       .messages = random % 3 + 1);
		__atomic_store_n(&places[random % PLACES], fly.id, __ATOMIC_RELEASE);
		send_somewhere(next_random(&self->seed));
		if (random % 4)
			noh_stop(fly);
		else
			noh_send(fly, meant_for, .who = fly);
	}
	if (--self->left)
		noh_send(noh_self(), more);
	else
		noh_send(root, finished);
}

NOH_ACTOR(spawner, (more, on_more));

static void *send_from_outside(void *runtime)
{
	uint64_t seed = (uint64_t)(uintptr_t)&seed, sent = 0;
	noh_thread_enter((struct noh_runtime *)runtime);
	for (; !__atomic_load_n(&threads_end, __ATOMIC_RELAXED); sent++) {
		send_somewhere(next_random(&seed));
		if (sent % 64 == 0)
			sched_yield();
	}
	noh_thread_leave((struct noh_runtime *)runtime);
	return NULL;
}

static int run(void *unused)
{
	pthread_t threads[THREADS];
	uint64_t rounds = stress_rounds(10000);

	(void)unused;
	root = noh_self();
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, send_from_outside, noh_runtime());
	for (uint64_t i = 0; i < SPAWNERS; i++)
		noh_send(noh_spawn(spawner, .seed = i, .left = rounds), more);
	for (int i = 0; i < SPAWNERS; i++)
		noh_receive(-1, finished);
	__atomic_store_n(&threads_end, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("%llu messages came nowhere\n", (unsigned long long)noh_dead_letters());
	return 0;
}

int main(void)
{
	uint64_t spawned;

	stress_begin();
	int status = noh_run(run, NULL, .workers = 4);
	spawned = SPAWNERS * stress_rounds(10000) * 16;
	stress_check(lives == spawned && deaths == spawned);
	printf("%llu came where they were meant to\n", (unsigned long long)reached);
	return status;
}
