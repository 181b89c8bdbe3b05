/* Many actors on four workers that pass tokens to each other at random: every hop is handled once,
 * whoever stole the actor, and no two workers run an actor at once. */
#include <noh/noh.h>

#include "tests/support/stress.h"

enum { NODES = 300, TOKENS = 400, SPIN = 2000 };

NOH_MESSAGE(token, (u64, hops));
NOH_MESSAGE(finished);
NOH_MESSAGE(count, (u64, hops));
NOH_REQUEST(get_count, count);

static noh_actor nodes[NODES], root;

struct node {
	uint64_t hops;
	uint64_t seed;
	uint32_t is_run; // by one worker at a time
};

static void on_token(struct node *self, const struct token *msg)
{
	stress_check(!__atomic_exchange_n(&self->is_run, 1, __ATOMIC_RELAXED));
	self->hops++;
	self->seed = self->seed * 6364136223846793005u + 1442695040888963407u;
	uint64_t random = self->seed >> 33;

	// Some work is worth the attention of another worker.
	if (random % 8 == 0)
		for (volatile int i = 0; i < SPIN; i++)
			;
	if (msg->hops)
		noh_send(nodes[random % NODES], token, .hops = msg->hops - 1);
	else
		noh_send(root, finished);
	__atomic_store_n(&self->is_run, 0, __ATOMIC_RELAXED);
}

static void on_get_count(struct node *self, const struct get_count *msg)
{
	(void)msg;
	noh_reply(count, .hops = self->hops);
}

NOH_ACTOR(node, (token, on_token), (get_count, on_get_count));

static int run(void *unused)
{
	uint64_t hops = stress_rounds(5000), sum = 0;
	const struct count *answer;

	(void)unused;
	root = noh_self();
	for (uint64_t i = 0; i < NODES; i++)
		nodes[i] = noh_spawn(node, .seed = i + 1);
	for (int i = 0; i < TOKENS; i++)
		noh_send(nodes[i % NODES], token, .hops = hops - 1);
	for (int i = 0; i < TOKENS; i++)
		noh_receive(-1, finished);

	for (int i = 0; i < NODES; i++) {
		stress_check(!noh_ask(nodes[i], get_count, 10000, &answer));
		sum += answer->hops;
	}
	stress_check(sum == hops * TOKENS);
	stress_check(!noh_dead_letters());
	printf("%llu hops, each handled once\n", (unsigned long long)sum);
	return 0;
}

int main(void)
{
	stress_begin();
	return noh_run(run, NULL, .workers = 4);
}
