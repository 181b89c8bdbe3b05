/* Runtimes that come and go in one process, while plain threads go on sending to actors that end:
 * whatever such mail reaches last, the next runtime finds every slot as new. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <noh/noh.h>

enum { ROUNDS = 200, LONG_ROUNDS = 10000, CHILDREN = 20, SENDERS = 3, BLOCK_SENDS = 200 };

NOH_MESSAGE(nudge, (bytes, data));
NOH_MESSAGE(hello, (u64, number));

struct child {
	noh_actor to;
	uint64_t number, nudged;
};

static void on_start(struct child *self, const struct noh_start *msg)
{
	(void)msg;
	noh_send(self->to, hello, .number = self->number);
}

static void on_nudge(struct child *self, const struct nudge *msg)
{
	(void)msg;
	// Ends among the nudges: what comes after is for nobody.
	if (++self->nudged == 50 + self->number)
		noh_end(0, NULL);
}

NOH_ACTOR(child, (noh_start, on_start), (nudge, on_nudge));

static noh_actor children[CHILDREN];
static struct noh_runtime *runtime;
static pthread_t senders[SENDERS];

static void *send_nudges(void *unused)
{
	(void)unused;
	for (int i = 0; i < BLOCK_SENDS; i++) {
		noh_bytes data = noh_bytes_copy("nudge", 5);
		for (int child = 0; child < CHILDREN; child++)
			noh_send(children[child], nudge, .data = data);
		noh_bytes_drop(data);
	}
	noh_thread_leave(runtime);
	return NULL;
}

static int start(void *unused)
{
	(void)unused;
	runtime = noh_runtime();
	for (int i = 0; i < CHILDREN; i++)
		children[i] = noh_spawn(child, .to = noh_self(), .number = (uint64_t)i);
	for (int i = 0; i < SENDERS; i++) {
		noh_thread_enter(runtime);
		if (pthread_create(&senders[i], NULL, send_nudges, NULL))
			return 2;
	}
	for (int i = 0; i < CHILDREN; i++) {
		if (!noh_receive(10 * 1000, hello)) {
			fprintf(stderr, "runtimes: an actor was spawned and does not run\n");
			return 3;
		}
	}
	return 0; // while the senders are at it
}

int main(void)
{
	int rounds = getenv("NOH_LONG") ? LONG_ROUNDS : ROUNDS;

	for (int round = 0; round < rounds; round++) {
		int status = noh_run(start, NULL, .workers = 1 + (uint32_t)round % 3);
		for (int i = 0; i < SENDERS; i++)
			pthread_join(senders[i], NULL);
		if (status)
			return status;
	}
	return 0;
}
