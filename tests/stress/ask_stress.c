/* Asks in all directions on four workers: from fibers, handlers and plain threads, answered at
 * once, later by another actor, with errors, or never. Each has one outcome, and an answer is the
 * answer to its own request. */
#include <errno.h>
#include <pthread.h>

#include <noh/noh.h>

#include "tests/support/stress.h"

enum { SERVERS = 8, FIBERS = 16, ASKERS = 16, THREADS = 2, OPEN = 8 };

NOH_MESSAGE(squared, (u64, value));
NOH_REQUEST(square, squared, (u64, value));
NOH_MESSAGE(finish_for, (actor, asker), (u64, ask), (u64, answer_id), (u64, value));
NOH_MESSAGE(begin);
NOH_MESSAGE(finished);

static noh_actor servers[SERVERS], root;
static uint64_t rounds;

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

// ---- servers: what they do is in the request's last digit

struct server {
	uint64_t seed;
};

static void on_square(struct server *self, const struct square *msg)
{
	switch (msg->value % 8) {
	case 0:
		noh_reply_error(-EDOM, "not that one");
		break;
	case 1: { // somebody else answers
		noh_reply_to to = noh_reply_later();
		noh_send(servers[next_random(&self->seed) % SERVERS], finish_for, .asker = to.asker,
			 .ask = to.ask, .answer_id = to.answer_id, .value = msg->value);
		break;
	}
	case 2: // nobody does
		noh_reply_later();
		break;
	case 3: // whoever it is passed on to; not back and forth
		if (!noh_same(noh_self(), servers[0])) {
			noh_forward(servers[0]);
			break;
		}
		// fall through
	default:
		noh_reply(squared, .value = msg->value * msg->value);
	}
}

static void on_finish_for(struct server *self, const struct finish_for *msg)
{
	(void)self;
	noh_reply_at(((noh_reply_to){msg->asker, msg->ask, (uint32_t)msg->answer_id}), squared,
		     .value = msg->value * msg->value);
}

NOH_ACTOR(server, (square, on_square), (finish_for, on_finish_for));

static void check_outcome(uint64_t value, int err, const struct squared *answer)
{
	switch (value % 8) {
	case 0:
		stress_check(err == -EDOM);
		break;
	case 2:
		stress_check(err == -ETIMEDOUT);
		break;
	default:
		stress_check(err == 0);
		stress_check(answer->value == value * value);
	}
}

// A number, and for those that nobody answers only now and then.
static uint64_t next_value(uint64_t *seed)
{
	uint64_t value = next_random(seed);
	return value % 8 == 2 && next_random(seed) % 50 ? value + 1 : value;
}

static int64_t time_for(uint64_t value)
{
	return value % 8 == 2 ? 2 : 20000;
}

// ---- fibers

struct fiber {
	uint64_t seed;
};

static void ask_in_line(struct fiber *self)
{
	for (uint64_t i = 0; i < rounds; i++) {
		uint64_t value = next_value(&self->seed);
		const struct squared *answer = NULL;
		int err = noh_ask(servers[next_random(&self->seed) % SERVERS], square,
				  time_for(value), &answer, .value = value);
		check_outcome(value, err, answer);
		if (i % 16 == 0)
			noh_receive(0); // gives back the answers
	}
	noh_send(root, finished);
}

NOH_FIBER(fiber, ask_in_line);

// ---- handlers, with several asks open

struct asker {
	uint64_t seed, asked, answered;
};

static void ask_one(struct asker *self)
{
	uint64_t value = next_value(&self->seed);
	self->asked++;
	noh_ask_later(servers[next_random(&self->seed) % SERVERS], square, time_for(value), value,
		      .value = value);
}

static void on_begin(struct asker *self, const struct begin *msg)
{
	(void)msg;
	for (int i = 0; i < OPEN; i++)
		ask_one(self);
}

static void on_squared(struct asker *self, const struct noh_outcome *how, const struct squared *msg)
{
	check_outcome(how->tag, how->err, msg);
	self->answered++;
	if (self->asked < rounds)
		ask_one(self);
	else if (self->answered == self->asked)
		noh_send(root, finished);
}

NOH_ACTOR(asker, (begin, on_begin), (square, answer, on_squared));

// ---- plain threads

static void *ask_from_outside(void *runtime)
{
	uint64_t seed = (uint64_t)(uintptr_t)&seed;
	noh_thread_enter((struct noh_runtime *)runtime);
	for (uint64_t i = 0; i < rounds / 10; i++) { // each sleeps and is woken
		uint64_t value = next_value(&seed);
		const struct squared *answer = NULL;
		int err = noh_ask(servers[next_random(&seed) % SERVERS], square, time_for(value),
				  &answer, .value = value);
		check_outcome(value, err, answer);
		if (!err)
			noh_drop((void *)(uintptr_t)answer);
	}
	noh_thread_leave((struct noh_runtime *)runtime);
	return NULL;
}

static int run(void *unused)
{
	pthread_t threads[THREADS];

	(void)unused;
	root = noh_self();
	for (uint64_t i = 0; i < SERVERS; i++)
		servers[i] = noh_spawn(server, .seed = i);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, ask_from_outside, noh_runtime());
	for (uint64_t i = 0; i < FIBERS; i++)
		noh_spawn(fiber, .seed = 100 + i);
	for (uint64_t i = 0; i < ASKERS; i++)
		noh_send(noh_spawn(asker, .seed = 200 + i), begin);
	for (int i = 0; i < FIBERS + ASKERS; i++)
		noh_receive(-1, finished);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("%llu asks of each of %d, each with its outcome\n", (unsigned long long)rounds,
	       FIBERS + ASKERS);
	return 0;
}

int main(void)
{
	stress_begin();
	rounds = stress_rounds(10000);
	return noh_run(run, NULL, .workers = 4);
}
