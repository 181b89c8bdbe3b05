/* Plain threads that come, ask and go, some before their answer has come: each ask gets its own
 * answer or runs out of time, also in a slot that an earlier thread left with mail on its way. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <noh/noh.h>

NOH_MESSAGE(doubled, (u64, value));
NOH_REQUEST(twice, doubled, (u64, value));
NOH_REQUEST(never, doubled);
NOH_MESSAGE(finished, (u64, answers));

enum { THREADS = 4, LIVES = 1000, LONG_LIVES = 30000 };

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

static noh_actor oracle, root;
static struct noh_runtime *runtime;

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
	uint64_t value = (uintptr_t)argument;
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

static void *bring_up(void *unused)
{
	uint64_t lives = getenv("NOH_LONG") ? LONG_LIVES : LIVES;

	(void)unused;
	noh_thread_enter(runtime);
	for (uint64_t i = 1; i <= lives; i++) {
		pthread_t thread;
		expect(!pthread_create(&thread, NULL, ask_and_go, (void *)(uintptr_t)i),
		       "no thread");
		pthread_join(thread, NULL);
	}
	noh_send(root, finished, .answers = lives);
	noh_thread_leave(runtime);
	return NULL;
}

static int start(void *unused)
{
	(void)unused;
	oracle = noh_spawn(oracle, .asked = 0);
	root = noh_self();
	runtime = noh_runtime();
	for (int i = 0; i < THREADS; i++) {
		pthread_t thread;
		expect(!pthread_create(&thread, NULL, bring_up, NULL), "no thread");
		pthread_detach(thread);
	}
	for (int i = 0; i < THREADS; i++)
		noh_receive(-1, finished);
	return 0;
}

int main(void)
{
	return noh_run(start, NULL, .workers = 2);
}
