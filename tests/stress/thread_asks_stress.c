/* Plain threads that come, ask and go, some before their answer has come: each ask gets its own
 * answer or runs out of time, also in a slot that an earlier thread left with mail on its way, and
 * while another runtime, whose threads use the same slots, begins and ends. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <noh/noh.h>

NOH_MESSAGE(doubled, (u64, value));
NOH_REQUEST(twice, doubled, (u64, value));
NOH_REQUEST(never, doubled);
NOH_MESSAGE(finished, (u64, answers));

enum { THREADS = 4, LIVES = 1000, LONG_LIVES = 30000, SHORT_ONES = 10 };

struct oracle {
	uint64_t asked;
};

static void on_twice(struct oracle *self, const struct twice *msg)
{
	self->asked++;
	noh_reply(doubled, .value = 2 * msg->value);
}

static void on_never(struct oracle *self, const struct never *msg)
{
	(void)self;
	(void)msg;
	noh_reply_later();
}

NOH_ACTOR(oracle, (twice, on_twice), (never, on_never));

// One runtime, and the threads that ask in it.
struct side {
	noh_actor oracle, root;
	struct noh_runtime *runtime;
	uint64_t lives;
};

struct life {
	const struct side *side;
	uint64_t value;
};

static void expect(int truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "thread_asks: %s\n", what);
	exit(1);
}

// One thread's life: it leaves with an answer on its way, as often as not.
static void *ask_and_go(void *argument)
{
	const struct life *life = (const struct life *)argument;
	noh_actor oracle = life->side->oracle;
	uint64_t value = life->value;
	const struct doubled *answer = NULL;

	int err = noh_ask(oracle, twice, 60 * 1000, &answer, .value = value);
	expect(!err && answer->value == 2 * value, "not the answer that was asked for");
	noh_drop((void *)answer);

	err = noh_ask(oracle, never, 0, &answer);
	expect(err == -ETIMEDOUT, "an answer that nobody gave");
	err = noh_ask(oracle, twice, 0, &answer, .value = 1);
	expect(!err || err == -ETIMEDOUT, "an answer or none in time");
	if (!err)
		noh_drop((void *)answer);
	return NULL;
}

static void *bring_up(void *argument)
{
	struct side *side = (struct side *)argument;

	noh_thread_enter(side->runtime);
	for (uint64_t i = 1; i <= side->lives; i++) {
		struct life life = {side, i};
		pthread_t thread;
		expect(!pthread_create(&thread, NULL, ask_and_go, &life), "no thread");
		pthread_join(thread, NULL);
	}
	noh_send(side->root, finished, .answers = side->lives);
	noh_thread_leave(side->runtime);
	return NULL;
}

static int start(void *argument)
{
	struct side *side = (struct side *)argument;

	side->oracle = noh_spawn(oracle, .asked = 0);
	side->root = noh_self();
	side->runtime = noh_runtime();
	for (int i = 0; i < THREADS; i++) {
		pthread_t thread;
		expect(!pthread_create(&thread, NULL, bring_up, side), "no thread");
		pthread_detach(thread);
	}
	for (int i = 0; i < THREADS; i++)
		noh_receive(-1, finished);
	return 0;
}

static void *run_short_ones(void *unused)
{
	(void)unused;
	for (int i = 0; i < SHORT_ONES; i++) {
		struct side side = {.lives = LIVES / SHORT_ONES / 2};
		expect(!noh_run(start, &side, .workers = 2, .signals_off = true),
		       "a short runtime failed");
	}
	return NULL;
}

int main(void)
{
	struct side side = {.lives = getenv("NOH_LONG") ? LONG_LIVES : LIVES};
	pthread_t thread;

	expect(!pthread_create(&thread, NULL, run_short_ones, NULL), "no thread");
	int status = noh_run(start, &side, .workers = 2, .signals_off = true);
	pthread_join(thread, NULL);
	return status;
}
