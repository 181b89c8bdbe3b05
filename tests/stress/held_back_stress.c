/* An actor that is held back, since it has sent to one that has fallen behind, must not wait for
 * whoever else has a turn on its worker: here that one returns only when it has gone on. */
#include <noh/noh.h>

#include "tests/support/stress.h"

enum { ROUNDS = 20, MANY = 2000 };

NOH_MESSAGE(begin_round, (actor, stuck));
NOH_MESSAGE(send_on, (actor, stuck));
NOH_MESSAGE(go_on);
NOH_MESSAGE(item);
NOH_MESSAGE(get_stuck);
NOH_MESSAGE(unstuck);

static uint64_t went_on;

struct receiver {
	int unused;
};

static void on_item(struct receiver *self, const struct item *msg)
{
	(void)self;
	(void)msg;
}

NOH_ACTOR(receiver, (item, on_item));

struct sender {
	noh_actor receiver;
};

static void on_begin_round(struct sender *self, const struct begin_round *msg)
{
	for (int i = 0; i < MANY; i++)
		noh_send(self->receiver, item);
	noh_send(noh_self(), send_on, .stuck = msg->stuck);
}

// By now the receiver has had a turn, and has mail left: so this ends the turn, and who gets stuck
// runs next.
static void on_send_on(struct sender *self, const struct send_on *msg)
{
	noh_send(noh_self(), go_on);
	noh_send(msg->stuck, get_stuck);
	noh_send(self->receiver, item);
}

static void on_go_on(struct sender *self, const struct go_on *msg)
{
	(void)self;
	(void)msg;
	__atomic_add_fetch(&went_on, 1, __ATOMIC_RELAXED);
}

NOH_ACTOR(sender, (begin_round, on_begin_round), (send_on, on_send_on), (go_on, on_go_on));

struct stuck {
	noh_actor root;
	uint64_t round;
};

static void on_get_stuck(struct stuck *self, const struct get_stuck *msg)
{
	(void)msg;
	self->round++;
	while (__atomic_load_n(&went_on, __ATOMIC_RELAXED) < self->round)
		;
	noh_send(self->root, unstuck);
}

NOH_ACTOR(stuck, (get_stuck, on_get_stuck));

static int run(void *unused)
{
	noh_actor stuck = noh_spawn(stuck, .root = noh_self());
	noh_actor sender = noh_spawn(sender, .receiver = noh_spawn(receiver));

	(void)unused;
	for (int i = 0; i < ROUNDS; i++) {
		noh_send(sender, begin_round, .stuck = stuck);
		noh_receive(-1, unstuck);
	}
	return 0;
}

int main(void)
{
	stress_begin();
	int status = noh_run(run, NULL, .workers = 2);
	printf("%d rounds\n", ROUNDS);
	return status;
}
