/* Crowds that send to a few on four workers, faster than those can take it, while others keep their
 * workers for milliseconds, so that crowds are shared and come together again: each message arrives
 * once and in order, and no two workers run an actor at once. */
#include <time.h>

#include <noh/noh.h>

#include "tests/support/stress.h"

enum { RECEIVERS = 3, SENDERS = 60, A_TURN = 40, SPINNERS = 2, SPIN_NS = 1500 * 1000 };

NOH_MESSAGE(more);
NOH_MESSAGE(parcel, (u64, sender), (u64, number));
NOH_MESSAGE(received_all);
NOH_MESSAGE(spin);

static noh_actor receivers[RECEIVERS], root;
static uint64_t each; // messages of a sender

static void begin_alone(uint32_t *is_run)
{
	stress_check(!__atomic_exchange_n(is_run, 1, __ATOMIC_RELAXED));
}

static void end_alone(uint32_t *is_run)
{
	__atomic_store_n(is_run, 0, __ATOMIC_RELAXED);
}

struct receiver {
	uint64_t next[SENDERS];
	uint64_t done; // senders of whom all has come
	uint64_t expected;
	uint32_t is_run;
};

static void on_parcel(struct receiver *self, const struct parcel *msg)
{
	begin_alone(&self->is_run);
	stress_check(msg->number == self->next[msg->sender]);
	if (++self->next[msg->sender] == each && ++self->done == self->expected)
		noh_send(root, received_all);
	end_alone(&self->is_run);
}

NOH_ACTOR(receiver, (parcel, on_parcel));

struct sender {
	uint64_t number, next;
	uint32_t is_run;
};

static void on_more(struct sender *self, const struct more *msg)
{
	(void)msg;
	begin_alone(&self->is_run);
	for (int i = 0; i < A_TURN && self->next < each; i++, self->next++)
		noh_send(receivers[self->number % RECEIVERS], parcel, .sender = self->number,
			 .number = self->next);
	if (self->next < each)
		noh_send(noh_self(), more);
	end_alone(&self->is_run);
}

NOH_ACTOR(sender, (more, on_more));

struct spinner {
	int unused;
};

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void on_spinner_start(struct spinner *self, const struct noh_start *msg)
{
	(void)self;
	(void)msg;
	noh_every(6, NOH_MISSED_SKIP, spin);
}

static void on_spin(struct spinner *self, const struct spin *msg)
{
	(void)self;
	(void)msg;
	for (uint64_t until = now_ns() + SPIN_NS; now_ns() < until;)
		;
}

NOH_ACTOR(spinner, (noh_start, on_spinner_start), (spin, on_spin));

static int run(void *unused)
{
	(void)unused;
	root = noh_self();
	each = stress_rounds(150 * 1000);
	for (uint64_t i = 0; i < SPINNERS; i++)
		noh_spawn(spinner, .unused = 0);
	for (uint64_t i = 0; i < RECEIVERS; i++)
		receivers[i] = noh_spawn(receiver, .expected = SENDERS / RECEIVERS);
	for (uint64_t i = 0; i < SENDERS; i++)
		noh_send(noh_spawn(sender, .number = i), more);
	for (int i = 0; i < RECEIVERS; i++)
		noh_receive(-1, received_all);
	stress_check(!noh_dead_letters());
	printf("%llu messages of %d senders\n", (unsigned long long)(each * SENDERS), SENDERS);
	return 0;
}

int main(void)
{
	stress_begin();
	return noh_run(run, NULL, .workers = 4);
}
