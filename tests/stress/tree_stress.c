/* Trees of actors on four workers, whose nodes spawn nodes and then do some work, so that thieves
 * come for the newborn ones: each begins once, and each tells its parent once. */
#include <noh/noh.h>

#include "tests/support/stress.h"

enum { FAN_OUT = 5, DEPTH = 5, TREES = 4, SPIN = 3000 };

NOH_MESSAGE(counted, (u64, nodes));

static uint64_t begun;

struct node {
	uint64_t depth, children, nodes;
};

extern const struct noh_actor_type node_actor; // a node spawns nodes

static void tell_and_end(const struct node *self)
{
	noh_send(noh_parent(), counted, .nodes = self->nodes);
	noh_end(0, NULL);
}

static void on_start(struct node *self, const struct noh_start *msg)
{
	(void)msg;
	uint64_t number = __atomic_fetch_add(&begun, 1, __ATOMIC_RELAXED);
	self->nodes = 1;
	for (; self->depth && self->children < FAN_OUT; self->children++)
		noh_spawn(node, .depth = self->depth - 1);

	// Some take so long that they are stuck.
	for (volatile uint64_t i = 0; i < (number % 512 ? SPIN : 1000 * SPIN); i++)
		;
	if (!self->children)
		tell_and_end(self);
}

static void on_counted(struct node *self, const struct counted *msg)
{
	self->nodes += msg->nodes;
	if (--self->children == 0)
		tell_and_end(self);
}

NOH_ACTOR(node, (noh_start, on_start), (counted, on_counted));

static int run(void *unused)
{
	uint64_t nodes = 0, expected = 0, rounds = stress_rounds(4);

	(void)unused;
	for (uint64_t level = 0, width = 1; level <= DEPTH; level++, width *= FAN_OUT)
		expected += width;
	for (uint64_t round = 0; round < rounds; round++) {
		for (int i = 0; i < TREES; i++)
			noh_spawn(node, .depth = DEPTH);
		for (int i = 0; i < TREES; i++)
			nodes += noh_as(noh_receive(-1, counted), counted)->nodes;
	}
	stress_check(nodes == expected * TREES * rounds);
	stress_check(begun == nodes);
	stress_check(!noh_dead_letters());
	printf("%llu nodes, each begun once\n", (unsigned long long)nodes);
	return 0;
}

int main(void)
{
	stress_begin();
	return noh_run(run, NULL, .workers = 4);
}
