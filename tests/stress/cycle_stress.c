/* Fibers on four workers that ask each other at random, one or several at a time, and in turn to be
 * able to answer. Cycles come about all the time: each is told to one who is part of it, so that no
 * ask runs into its deadline; and who is told is part of what is told. */
#include <errno.h>
#include <string.h>

#include <noh/noh.h>

#include "tests/support/stress.h"

enum { NODES = 24, AT_ONCE = 3, LONG_MS = 60 * 1000 };

NOH_MESSAGE(reached, (u64, value));
NOH_REQUEST(reach, reached, (u64, value), (u64, depth));
NOH_MESSAGE(begin);
NOH_MESSAGE(finished, (u64, cycles));
NOH_MESSAGE(leave);

static noh_actor nodes[NODES], root;
static uint64_t rounds;

struct node {
	uint64_t seed, cycles;
};

static uint64_t draw(struct node *self, uint64_t below)
{
	self->seed = self->seed * 6364136223846793005u + 1442695040888963407u;
	return (self->seed >> 33) % below;
}

static void check_end(struct node *self, int err, const char *text, const struct reached *answer,
		      uint64_t value)
{
	if (err) {
		const char *name = noh_name(noh_self());
		stress_check(err == -EDEADLK);
		stress_check(!strncmp(text, name, strlen(name)));
		self->cycles++;
	} else {
		stress_check(answer->value == value + 1);
	}
}

static void ask_one(struct node *self, uint64_t depth)
{
	uint64_t value = draw(self, 1000);
	const struct reached *answer = NULL;
	int err = noh_ask(nodes[draw(self, NODES)], reach, LONG_MS, &answer, .value = value,
			  .depth = depth);
	check_end(self, err, err ? noh_ask_text() : "", answer, value);
}

static void ask_several(struct node *self, uint64_t depth)
{
	uint64_t value = draw(self, 1000);
	struct reach_answered all[AT_ONCE];
	noh_actor whom[AT_ONCE];

	for (int i = 0; i < AT_ONCE; i++)
		whom[i] = nodes[draw(self, NODES)];
	noh_ask_all(whom, AT_ONCE, reach, LONG_MS, all, .value = value, .depth = depth);
	for (int i = 0; i < AT_ONCE; i++)
		check_end(self, all[i].err, all[i].text, all[i].answer, value);
}

static void ask(struct node *self, uint64_t depth)
{
	if (draw(self, 4))
		ask_one(self, depth);
	else
		ask_several(self, depth);
}

static bool answer(struct node *self, int64_t within_ms)
{
	const struct noh_delivery *in = noh_receive(within_ms, reach, leave);
	const struct reach *msg = noh_as(in, reach);

	if (msg && msg->depth && !draw(self, 3))
		ask(self, msg->depth - 1);
	if (msg)
		noh_reply(reached, .value = msg->value + 1);
	return in && !noh_as(in, leave);
}

static void live(struct node *self)
{
	noh_receive(-1, begin);
	for (uint64_t i = 0; i < rounds; i++) {
		ask(self, 2);
		while (answer(self, 0)) {
		}
	}
	noh_send(root, finished, .cycles = self->cycles);
	while (answer(self, -1)) {
	}
}

NOH_FIBER(node, live);

static int run(void *unused)
{
	uint64_t cycles = 0;

	(void)unused;
	root = noh_self();
	for (uint64_t i = 0; i < NODES; i++)
		nodes[i] = noh_spawn(node, .seed = i);
	for (int i = 0; i < NODES; i++)
		noh_send(nodes[i], begin);
	for (int i = 0; i < NODES; i++)
		cycles += noh_as(noh_receive(-1, finished), finished)->cycles;
	for (int i = 0; i < NODES; i++)
		noh_send(nodes[i], leave);
	printf("%llu cycles in %llu rounds of %d\n", (unsigned long long)cycles,
	       (unsigned long long)rounds, NODES);
	stress_check(cycles > 0);
	return 0;
}

int main(void)
{
	stress_begin();
	rounds = stress_rounds(2000);
	return noh_run(run, NULL, .workers = 4, .log_level = NOH_ERROR);
}
