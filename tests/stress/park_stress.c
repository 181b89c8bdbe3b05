/* Bursts of work with pauses in between, from a plain thread and from within: workers park and are
 * woken again and again, and no burst is left lying. A wake-up that is lost hangs the program. */
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <noh/noh.h>

#include "tests/support/stress.h"

enum { ACTORS = 16, BURST = 32 };

NOH_MESSAGE(work, (actor, next), (u64, hops));
NOH_MESSAGE(pong);
NOH_REQUEST(ping, pong, (u64, hops));

static noh_actor actors[ACTORS];
static uint64_t handled;

struct worker_actor {
	uint64_t unused;
};

static void on_work(struct worker_actor *self, const struct work *msg)
{
	(void)self;
	__atomic_fetch_add(&handled, 1, __ATOMIC_RELAXED);
	if (msg->hops)
		noh_send(msg->next, work, .next = noh_self(), .hops = msg->hops - 1);
}

static void on_ping(struct worker_actor *self, const struct ping *msg)
{
	(void)self;
	(void)msg;
	noh_reply(pong);
}

NOH_ACTOR(worker_actor, (work, on_work), (ping, on_ping));

static void pause_a_while(uint64_t random)
{
	struct timespec pause = {.tv_nsec = (long)(random % 4 * 50000)};
	if (random % 3)
		nanosleep(&pause, NULL);
	else
		sched_yield();
}

struct outside {
	struct noh_runtime *runtime;
	noh_actor root;
	uint64_t rounds;
};

NOH_MESSAGE(thread_done, (u64, sent));

static void *send_bursts(void *argument)
{
	struct outside *outside = (struct outside *)argument;
	uint64_t seed = 1, sent = 0;
	const struct pong *answer;

	noh_thread_enter(outside->runtime);
	for (uint64_t i = 0; i < outside->rounds; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		uint64_t random = seed >> 33, burst = random % BURST;
		for (uint64_t j = 0; j < burst; j++, sent += 3)
			noh_send(actors[(random + j) % ACTORS], work,
				 .next = actors[(random + 2 * j + 1) % ACTORS], .hops = 2);
		// An answer shows that somebody was woken for this very message.
		stress_check(!noh_ask(actors[random % ACTORS], ping, 100000, &answer));
		noh_drop((void *)(uintptr_t)answer);
		pause_a_while(random / 7);
	}
	noh_send(outside->root, thread_done, .sent = sent);
	noh_thread_leave(outside->runtime);
	return NULL;
}

static int run(void *unused)
{
	struct outside outside = {noh_runtime(), noh_self(), stress_rounds(10000)};
	const struct pong *answer;
	const struct thread_done *done = NULL;
	pthread_t thread;

	(void)unused;
	for (int i = 0; i < ACTORS; i++)
		actors[i] = noh_spawn(worker_actor);
	pthread_create(&thread, NULL, send_bursts, &outside);

	// The root is at home with one worker, those it asks may be anywhere; and timers wake too.
	for (uint64_t i = 0; !done; i++) {
		stress_check(!noh_ask(actors[i % ACTORS], ping, 100000, &answer));
		done = noh_as(noh_receive(i % 4 == 0 ? 1 : 0, thread_done), thread_done);
		if (i % 8 == 0)
			noh_sleep(1);
	}
	pthread_join(thread, NULL);
	uint64_t sent = done->sent;
	while (__atomic_load_n(&handled, __ATOMIC_RELAXED) != sent)
		noh_sleep(1);
	printf("%llu messages in bursts, none left lying\n", (unsigned long long)sent);
	return 0;
}

int main(void)
{
	stress_begin();
	for (uint32_t workers = 1; workers <= 4; workers++)
		stress_check(!noh_run(run, NULL, .workers = workers) && (handled = 0, true));
	return 0;
}
