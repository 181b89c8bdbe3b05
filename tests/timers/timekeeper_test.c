/* A keeper by itself: ticks go to nobody, and are counted when they come back. */
#include "timers/timekeeper.h"

#include <criterion/criterion.h>

#include "timers/timer.h"

NOH_MESSAGE(kept);

enum { TICK_NS = 1 << TICK_BITS };

static struct timekeeper keeper;
static struct reactor reactor; // held by the test all along
static unsigned ticks;

static void count(struct gate *gate, const void *body)
{
	(void)gate;
	(void)body;
	ticks++;
}

static const struct gate_ops counting = {.retired = count};

static void set_up(void)
{
	ticks = 0;
	timekeeper_init(&keeper, &reactor, TICK_BITS, 0);
}

static void tear_down(void)
{
	timekeeper_finish(&keeper);
}

TestSuite(timekeeper, .init = set_up, .fini = tear_down);

static struct timer *armed(uint64_t deadline_ns)
{
	struct timer *timer = timer_take(&keeper);

	timer->gate.ops = &counting;
	timer_set_receiver(timer, 0, keeper.index);
	timer->entry.deadline = deadline_ns;
	timer_set_what(timer, noh_message_id(&kept_message), NOH_MISSED_SKIP);
	timer->more = NULL;
	timer->word = TIMER_ARMED;
	timekeeper_add(&keeper, timer);
	return timer;
}

// What an actor on another worker does.
static void cancel_from_afar(struct timer *timer)
{
	timer->word = TIMER_OFF | TIMER_RETURNED;
	timekeeper_return(timer, false);
}

Test(timekeeper, never_ticks_early_and_is_late_by_at_most_one_tick)
{
	for (uint64_t i = 0; i < 200; i++) {
		uint64_t deadline_ns = (i * 7 + 3) * TICK_NS + i * 1311;
		armed(deadline_ns);

		timekeeper_expire(&keeper, deadline_ns - 1, 256);
		cr_assert_eq(ticks, i);
		timekeeper_expire(&keeper, deadline_ns + TICK_NS - 1, 256);
		cr_assert_eq(ticks, i + 1);
	}
}

Test(timekeeper, rounds_up_to_its_next_tick)
{
	armed(1);

	cr_expect_eq(timekeeper_next_ns(&keeper), TICK_NS);
	timekeeper_expire(&keeper, TICK_NS - 1, 256);
	cr_expect_eq(ticks, 0);
	timekeeper_expire(&keeper, TICK_NS, 256);
	cr_expect_eq(ticks, 1);
}

Test(timekeeper, is_exact_where_the_clock_is_virtual)
{
	struct timekeeper *exact = calloc(1, sizeof(*exact));
	timekeeper_init(exact, &reactor, TICK_BITS_EXACT, 0);
	struct timer *timer = armed(12345678);
	wheel_remove(&timer->entry);
	timekeeper_add(exact, timer);

	cr_expect_eq(timekeeper_next_ns(exact), 12345678);
	timekeeper_expire(exact, 12345677, 256);
	cr_expect_eq(ticks, 0);
	timekeeper_expire(exact, 12345678, 256);
	cr_expect_eq(ticks, 1);

	timekeeper_finish(exact);
	free(exact);
}

Test(timekeeper, wants_to_be_called_by_the_first_deadline)
{
	cr_expect_eq(timekeeper_next_ns(&keeper), UINT64_MAX);

	armed(9 * TICK_NS);
	armed(5 * TICK_NS);

	cr_expect_eq(timekeeper_next_ns(&keeper), 5 * TICK_NS);
	timekeeper_expire(&keeper, 5 * TICK_NS, 256);
	cr_expect_eq(timekeeper_next_ns(&keeper), 9 * TICK_NS);
}

Test(timekeeper, wakes_once_for_two_ticks_where_many_are_due)
{
	for (uint64_t tick = 1; tick <= 3; tick++)
		for (int i = 0; i < 100; i++)
			armed(tick * TICK_NS);

	timekeeper_expire(&keeper, TICK_NS, 256);
	cr_expect_eq(ticks, 100);
	cr_expect_eq(timekeeper_next_ns(&keeper), 3 * TICK_NS);

	// If somebody looks before, they tick.
	timekeeper_expire(&keeper, 2 * TICK_NS, 256);
	cr_expect_eq(ticks, 200);
	timekeeper_expire(&keeper, 3 * TICK_NS, 40);
	cr_expect_eq(ticks, 240);
	cr_expect_leq(timekeeper_next_ns(&keeper), 3 * TICK_NS); // the others are due
}

Test(timekeeper, wakes_for_each_tick_where_few_are_due)
{
	for (uint64_t tick = 1; tick <= 3; tick++)
		for (int i = 0; i < 20; i++)
			armed(tick * TICK_NS);

	timekeeper_expire(&keeper, TICK_NS, 256);
	cr_expect_eq(timekeeper_next_ns(&keeper), 2 * TICK_NS);
}

Test(timekeeper, never_waits_for_a_deadline_beyond_the_end_of_time)
{
	armed(UINT64_MAX - TICK_NS);

	timekeeper_expire(&keeper, UINT64_C(1) << 62, 256);

	cr_expect_eq(ticks, 0);
}

Test(timekeeper, keeps_a_timer_that_was_moved_to_later_until_then)
{
	struct timer *timer = armed(5 * TICK_NS);

	timer->entry.deadline = 50 * TICK_NS; // from any worker, without a word to the keeper
	timekeeper_expire(&keeper, 49 * TICK_NS, 256);
	cr_expect_eq(ticks, 0);
	timekeeper_expire(&keeper, 50 * TICK_NS, 256);
	cr_expect_eq(ticks, 1);
}

Test(timekeeper, moves_to_earlier_what_another_worker_returned)
{
	struct timer *timer = armed(500 * TICK_NS);

	timer->entry.deadline = 5 * TICK_NS;
	timer->word |= TIMER_RETURNED;
	timekeeper_return(timer, false);
	cr_expect(timekeeper_has_returned(&keeper));

	timekeeper_expire(&keeper, 4 * TICK_NS, 256);
	cr_expect_not(timekeeper_has_returned(&keeper));
	cr_expect_eq(timekeeper_next_ns(&keeper), 5 * TICK_NS);
	timekeeper_expire(&keeper, 5 * TICK_NS, 256);
	cr_expect_eq(ticks, 1);
}

Test(timekeeper, arms_what_its_actor_armed_while_it_was_on_its_way_back)
{
	struct timer *timer = armed(5 * TICK_NS);
	wheel_remove(&timer->entry);
	timer->word |= TIMER_RETURNED;
	timekeeper_return(timer, false);

	timekeeper_expire(&keeper, 4 * TICK_NS, 256);
	cr_expect_eq(ticks, 0);
	timekeeper_expire(&keeper, 5 * TICK_NS, 256);
	cr_expect_eq(ticks, 1);
}

Test(timekeeper, uses_again_what_another_worker_cancelled)
{
	struct timer *timer = armed(5 * TICK_NS);

	cancel_from_afar(timer);
	timekeeper_expire(&keeper, 10 * TICK_NS, 256);

	cr_expect_eq(ticks, 0);
	cr_expect_eq(keeper.free, timer);
	cr_expect_eq(timekeeper_next_ns(&keeper), UINT64_MAX);
}

Test(timekeeper, leaves_a_cancelled_one_alone_while_a_tick_of_it_is_under_way)
{
	struct timer *timer = armed(5 * TICK_NS);

	timer->word = TIMER_OFF | TIMER_RETURNED | TIMER_IN_FLIGHT;
	timekeeper_return(timer, false);
	timekeeper_expire(&keeper, 10 * TICK_NS, 256);

	cr_expect_neq(keeper.free, timer);
	cr_expect_eq(timer->word, TIMER_OFF | TIMER_IN_FLIGHT);
}

Test(timekeeper, keeps_no_memory_for_thousands_of_cancelled_timers)
{
	uint32_t end = 0;

	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < 1000; i++)
			cancel_from_afar(armed((100 + i) * TICK_NS));
		timekeeper_expire(&keeper, round, 256);
		if (round == 0)
			end = timer_table_end;
	}

	cr_expect_eq(timer_table_end, end);
}
