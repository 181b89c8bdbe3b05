/* Who runs while others are busy: nobody is kept waiting for ever, whatever those do. */
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
