/* Timers that tick again and again, also when their owner is late, on a virtual clock. */
#include "tests/support/seeds.h"
#include "tests/timers/owner.h"

static noh_timer timer; // the last that was set

static void cancel(void)
{
	noh_cancel(timer);
}

static void reset_to_0(void)
{
	cr_expect_eq(noh_reset(timer, 0), 0);
}

static void reset_once_to_5(void)
{
	at_tick = NULL;
	cr_expect_eq(noh_reset(timer, 5), 0);
}

static void every_100(void)
{
	timer = noh_every(100, NOH_MISSED_SKIP, tick, 7);
}

static void every_0(void)
{
	noh_every(0, NOH_MISSED_SKIP, tick, 7);
}

static void every_less_than_0(void)
{
	noh_every(-1, NOH_MISSED_BURST, tick, 7);
}

static void reset_to_250(void)
{
	cr_expect_eq(noh_reset(timer, 250), 0);
}

static void reset_to_30(void)
{
	cr_expect_eq(noh_reset(timer, 30), 0);
}

BEHAVIOUR(interval, ticks_every_period_the_first_after_one)
{
	as_owner(every_100);
	noh_test_settle();
	cr_expect(is_silent());
	noh_test_advance(350);
	cr_expect(ticks(7, 100, 0));
	cr_expect(ticks(7, 200, 0));
	cr_expect(ticks(7, 300, 0));
	cr_expect(is_silent());
	as_owner(cancel);
	noh_test_advance(350);
	cr_expect(is_silent());
}

static void refuses(void (*setting)(void), const char *reason)
{
	noh_monitor(owner, true);
	as_owner(setting);
	const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);
	cr_assert(down);
	cr_expect_eq(down->why, NOH_WHY_FAILED);
	cr_expect(strstr(down->reason, reason), "%s", down->reason);
}

BEHAVIOUR(interval, refuses_a_period_of_zero)
{
	refuses(every_0, "noh_every: a period of 0 ms");
}

BEHAVIOUR(interval, refuses_a_negative_period)
{
	refuses(every_less_than_0, "noh_every: a period of -1 ms");
}

BEHAVIOUR(interval, moves_the_grid_to_earlier)
{
	as_owner(every_100);
	noh_test_advance(50);
	as_owner(reset_to_30);
	noh_test_advance(200);
	cr_expect(ticks(7, 80, 0));
	cr_expect(ticks(7, 180, 0));
	cr_expect(is_silent());
}

BEHAVIOUR(interval, moves_the_grid_by_more_than_a_period)
{
	as_owner(every_100);
	noh_test_advance(50);
	as_owner(reset_to_250);
	noh_test_advance(400);
	cr_expect(ticks(7, 300, 0));
	cr_expect(ticks(7, 400, 0));
	cr_expect(is_silent());
}

BEHAVIOUR(interval, moves_the_grid_to_now)
{
	as_owner(every_100);
	noh_test_advance(50);
	as_owner(reset_to_0);
	noh_test_advance(120);
	cr_expect(ticks(7, 50, 0));
	cr_expect(ticks(7, 150, 0));
	cr_expect(is_silent());
}

BEHAVIOUR(interval, moves_the_grid_in_the_handler_of_its_tick)
{
	as_owner(every_100);
	at_tick = reset_once_to_5;
	noh_test_advance(210);
	cr_expect(ticks(7, 100, 0));
	cr_expect(ticks(7, 105, 0));
	cr_expect(ticks(7, 205, 0));
	cr_expect(is_silent());
}

BEHAVIOUR(interval, ends_an_interval_in_the_handler_of_its_tick)
{
	as_owner(every_100);
	at_tick = cancel;
	noh_test_advance(1000);
	cr_expect(ticks(7, 100, 0));
	cr_expect(is_silent());
}

static void letters_every_100(void)
{
	static int thing;
	noh_every(100, NOH_MISSED_SKIP, letter, 1, "again", {&thing, NULL});
}

BEHAVIOUR(interval, gives_what_it_owns_to_the_first_tick)
{
	as_owner(letters_every_100);
	noh_test_advance(200);
	cr_expect(noh_test_sent(inbox, read_out, "again", true));
	cr_expect(noh_test_sent(inbox, read_out, "again", false));
}

// ---- ticks that were missed: a fiber that is busy with its first tick for a while

struct busy {
	noh_actor inbox;
	enum noh_missed missed;
	int64_t busy_ms;
};

static void run_busy(struct busy *self)
{
	noh_every(100, self->missed, tick, 1);
	for (;;) {
		noh_receive(-1, tick);
		noh_send(self->inbox, heard, 1, noh_now_ms() - began_ms, noh_ticks_missed());
		noh_sleep(self->busy_ms);
		self->busy_ms = 0;
	}
}

NOH_FIBER(busy, run_busy);

BEHAVIOUR(interval, skips_missed_ticks_counts_them_and_keeps_its_grid)
{
	noh_spawn(busy, inbox, NOH_MISSED_SKIP, 250);
	noh_test_advance(500);
	cr_expect(ticks(1, 100, 0));
	cr_expect(ticks(1, 400, 2));
	cr_expect(ticks(1, 500, 0));
	cr_expect(is_silent());
}

BEHAVIOUR(interval, bursts_missed_ticks_back_to_back_then_keeps_its_grid)
{
	noh_spawn(busy, inbox, NOH_MISSED_BURST, 250);
	noh_test_advance(500);
	cr_expect(ticks(1, 100, 0));
	cr_expect(ticks(1, 350, 0));
	cr_expect(ticks(1, 350, 0));
	cr_expect(ticks(1, 400, 0));
	cr_expect(ticks(1, 500, 0));
	cr_expect(is_silent());
}

BEHAVIOUR(interval, delays_the_next_tick_to_one_period_after_a_late_one)
{
	noh_spawn(busy, inbox, NOH_MISSED_DELAY, 250);
	noh_test_advance(600);
	cr_expect(ticks(1, 100, 0));
	cr_expect(ticks(1, 450, 2));
	cr_expect(ticks(1, 550, 0));
	cr_expect(is_silent());
}

BEHAVIOUR(interval, delays_after_a_tick_that_was_late_by_less_than_a_period)
{
	noh_spawn(busy, inbox, NOH_MISSED_DELAY, 50);
	noh_test_advance(400);
	cr_expect(ticks(1, 100, 0));
	cr_expect(ticks(1, 250, 0));
	cr_expect(ticks(1, 350, 0));
	cr_expect(is_silent());
}
