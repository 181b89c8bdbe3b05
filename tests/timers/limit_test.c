/* Time limits of a fiber that waits, on a virtual clock. */
#include "tests/support/seeds.h"
#include "tests/timers/owner.h"

struct limited {
	noh_actor inbox;
	int64_t busy_ms, within_ms, tick_ms;
};

static void run_limited(struct limited *self)
{
	noh_after(self->tick_ms, tick, 1);
	noh_sleep(self->busy_ms);
	bool has_come = noh_receive(self->within_ms, tick) != NULL;
	noh_send(self->inbox, heard, has_come, noh_now_ms() - began_ms, 0);
}

NOH_FIBER(limited, run_limited);

BEHAVIOUR(limit, limits_a_wait)
{
	noh_spawn(limited, inbox, .within_ms = 100, .tick_ms = 500);
	noh_test_advance(1000);
	cr_expect(ticks(false, 100, 0));
}

BEHAVIOUR(limit, does_not_take_away_what_has_come_before_the_limit_was_looked_at)
{
	noh_spawn(limited, inbox, .busy_ms = 300, .within_ms = 0, .tick_ms = 100);
	noh_test_advance(1000);
	cr_expect(ticks(true, 300, 0));
}

BEHAVIOUR(limit, lets_the_result_win_over_a_limit_of_the_same_instant)
{
	noh_spawn(limited, inbox, .within_ms = 100, .tick_ms = 100);
	noh_test_advance(1000);
	cr_expect(ticks(true, 100, 0));
}
