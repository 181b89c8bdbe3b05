/* Who runs where others keep being woken: nobody is kept waiting for ever, and who yields mostly
 * comes behind those that it has woken. */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <noh/noh.h>

#include "runtime/post.h"
#include "runtime/worker.h"

NOH_MESSAGE(ball);
NOH_MESSAGE(go);

// ---- a sender that was stopped between its two steps

enum { PATIENCE_MS = 10 * 1000 };

struct stopped_sender {
	struct noh_runtime *runtime;
	noh_actor to, root;
	uint32_t root_ran; // atomic
};

static void *send_half(void *argument)
{
	struct stopped_sender *self = (struct stopped_sender *)argument;
	noh_thread_enter(self->runtime);
	struct slot *slot = slot_of(self->to.id);
	struct envelope *envelope = envelope_new(0, self->to.id);
	envelope->type |= noh_message_id(&ball_message);
	envelope->sender = envelope->ask = 0;

	uintptr_t former = mailbox_exchange(&slot->in, envelope);
	schedule(slot); // as another one does whose message came behind
	usleep(10 * 1000);
	noh_send(self->root, go);
	for (int i = 0; i < PATIENCE_MS && !ck_pr_load_32(&self->root_ran); i++)
		usleep(1000);

	void *previous = (void *)(former & ~(uintptr_t)1);
	store_release((void **)previous, envelope);
	bool root_ran = ck_pr_load_32(&self->root_ran);
	noh_thread_leave(self->runtime);
	return root_ran ? self : NULL;
}

struct listener {
	int unused;
};

static void on_ball(struct listener *self, const struct ball *msg)
{
	(void)self;
	(void)msg;
}

NOH_ACTOR(listener, (ball, on_ball));

static int wait_beside_a_stopped_sender(void *unused)
{
	struct stopped_sender sender = {
		.runtime = noh_runtime(), .to = noh_spawn(listener), .root = noh_self()};
	pthread_t thread;
	void *root_ran;

	(void)unused;
	noh_receive(1); // it has begun
	pthread_create(&thread, NULL, send_half, &sender);
	noh_receive(-1, go);
	noh_receive(20);
	ck_pr_store_32(&sender.root_ran, 1);
	pthread_join(thread, &root_ran);
	return root_ran ? 0 : 3;
}

Test(waking, from_outside_and_by_time_works_while_a_sender_is_between_its_two_steps)
{
	cr_expect_eq(noh_run(wait_beside_a_stopped_sender, NULL, .workers = 1), 0);
}

// ---- many that talk to many, so that wakes vary

NOH_MESSAGE(ping);
NOH_MESSAGE(pong);
NOH_MESSAGE(red);
NOH_MESSAGE(green);

enum { TALKERS = 50, YIELDS = 5000, MISSES_MOST = YIELDS / 20 };

static noh_actor talkers[TALKERS];

struct talker {
	uint64_t random;
};

static void ping_somebody(struct talker *self)
{
	self->random = self->random * 6364136223846793005 + 1442695040888963407;
	noh_send(talkers[(self->random >> 32) % TALKERS], ping);
}

static void on_talk(struct talker *self, const struct go *msg)
{
	(void)msg;
	ping_somebody(self);
	ping_somebody(self);
}

static void on_ping(struct talker *self, const struct ping *msg)
{
	(void)self;
	(void)msg;
	noh_send_back(pong);
}

static void on_pong(struct talker *self, const struct pong *msg)
{
	(void)msg;
	ping_somebody(self);
}

NOH_ACTOR(talker, (go, on_talk), (ping, on_ping), (pong, on_pong));

struct light {
	int unused;
};

static void on_red(struct light *self, const struct red *msg)
{
	(void)self;
	(void)msg;
	noh_send_back(green);
}

NOH_ACTOR(light, (red, on_red));

static int yield_among_talkers(void *unused)
{
	noh_actor light = noh_spawn(light);

	(void)unused;
	for (uint64_t i = 0; i < TALKERS; i++)
		talkers[i] = noh_spawn(talker, .random = i);
	for (int i = 0; i < TALKERS; i++)
		noh_send(talkers[i], go);
	noh_receive(20); // they are at it
	int misses = 0;
	for (int i = 0; i < YIELDS; i++) {
		noh_send(light, red);
		noh_yield();
		if (noh_receive(0, green))
			continue;
		misses++; // when it ran, somebody was next already
		noh_receive(-1, green);
	}
	return misses <= MISSES_MOST ? 0 : 3;
}

Test(waking, who_yields_mostly_gives_way_to_whom_it_has_woken_though_many_talk)
{
	cr_expect_eq(noh_run(yield_among_talkers, NULL, .workers = 1), 0);
}
