/* Who runs while others are busy: nobody is kept waiting for ever, whatever those do. */
#include <pthread.h>

#include <criterion/criterion.h>
#include <noh/noh.h>

NOH_MESSAGE(ball, (actor, to));
NOH_MESSAGE(go);

// ---- two fibers that never wait for anybody but each other

struct player {
	int unused;
};

static void play(struct player *self)
{
	(void)self;
	for (;;) {
		const struct ball *ball = noh_as(noh_receive(-1, ball), ball);
		noh_send(ball->to, ball, .to = noh_self());
	}
}

NOH_FIBER(player, play);

static int wait_for_time_among_players(void *unused)
{
	noh_actor first = noh_spawn(player), second = noh_spawn(player);

	(void)unused;
	noh_send(first, ball, .to = second);
	noh_after(20, go);
	noh_receive(-1, go);
	return 0;
}

Test(fairness, time_passes_while_actors_keep_each_other_busy)
{
	cr_expect_eq(noh_run(wait_for_time_among_players, NULL, .workers = 1), 0);
}

static void *send_go(void *root)
{
	noh_send(*(noh_actor *)root, go);
	return NULL;
}

static int wait_among_players(void *unused)
{
	noh_actor first = noh_spawn(player), second = noh_spawn(player), self = noh_self();
	pthread_t thread;

	(void)unused;
	noh_send(first, ball, .to = second);
	noh_receive(1); // they are at it
	pthread_create(&thread, NULL, send_go, &self);
	noh_receive(-1, go);
	pthread_join(thread, NULL);
	return 0;
}

Test(fairness, a_fiber_woken_from_outside_runs_among_busy_ones)
{
	cr_expect_eq(noh_run(wait_among_players, NULL, .workers = 1), 0);
}
