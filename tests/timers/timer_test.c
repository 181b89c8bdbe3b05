/* Timers that tick once, on a virtual clock. */
#include <signal.h>

#include "tests/support/seeds.h"
#include "tests/timers/owner.h"
#include "timers/timer.h"

static noh_timer timer; // the last that was set

// ---- once

static void after_10(void)
{
	timer = noh_after(10, tick, 1);
}

static void after_0(void)
{
	timer = noh_after(0, tick, 0);
}

static void after_less_than_0(void)
{
	timer = noh_after(-5, tick, 0);
}

static void after_126_years(void)
{
	noh_after(INT64_MAX, tick, 9);
}

static void after_20_10_and_30(void)
{
	noh_after(20, tick, 2);
	noh_after(10, tick, 1);
	noh_after(30, tick, 3);
	noh_after(20, tick, 22);
}

BEHAVIOUR(timer, never_ticks_early_and_at_its_instant_when_idle)
{
	as_owner(after_10);

	noh_test_advance(9);
	cr_expect(is_silent());
	noh_test_advance(1);
	cr_expect(ticks(1, 10, 0));
	noh_test_advance(1000);
	cr_expect(is_silent());
}

BEHAVIOUR(timer, ticks_at_once_when_no_time_is_left)
{
	as_owner(after_0);
	cr_expect(ticks(0, 0, 0));
	as_owner(after_less_than_0);
	cr_expect(ticks(0, 0, 0));
}

BEHAVIOUR(timer, ticks_in_order_of_deadline_then_of_setting)
{
	as_owner(after_20_10_and_30);
	noh_test_advance(100);

	cr_expect(ticks(1, 10, 0));
	cr_expect(ticks(2, 20, 0));
	cr_expect(ticks(22, 20, 0));
	cr_expect(ticks(3, 30, 0));
}

BEHAVIOUR(timer, takes_any_number_of_milliseconds)
{
	as_owner(after_126_years);
	noh_test_advance(1000);
	cr_expect(is_silent());
}

static void letter_after_10(void)
{
	char text[] = "a text";
	static int thing;
	noh_after(10, letter, 1, text, {&thing, NULL});
	memset(text, 'x', sizeof(text) - 1);
}

BEHAVIOUR(timer, copies_what_it_will_say)
{
	as_owner(letter_after_10);
	noh_test_advance(10);
	cr_expect(noh_test_sent(inbox, read_out, "a text", true));
}

// ---- cancelling

static void cancel(void)
{
	noh_cancel(timer);
}

static void stop_time_and_cancel(void)
{
	// Its tick is in the mailbox before the cancel is handled, and yet does not arrive.
	noh_after(0, tick, 1);
	timer = noh_after(0, tick, 2);
	noh_cancel(timer);
}

static void cancel_and_set_others(void)
{
	noh_timer old = timer;
	noh_cancel(old);
	after_10();
	noh_cancel(old);
}

BEHAVIOUR(timer, does_not_tick_once_cancelled)
{
	as_owner(after_10);
	noh_test_advance(5);
	as_owner(cancel);
	noh_test_advance(100);
	cr_expect(is_silent());
}

BEHAVIOUR(timer, does_not_tick_once_cancelled_though_its_tick_was_queued)
{
	as_owner(stop_time_and_cancel);
	cr_expect(ticks(1, 0, 0));
	cr_expect(is_silent());
}

BEHAVIOUR(timer, does_not_mind_a_cancel_after_it_has_ticked)
{
	as_owner(after_10);
	noh_test_advance(10);
	cr_expect(ticks(1, 10, 0));
	as_owner(cancel);
	as_owner(cancel);
}

BEHAVIOUR(timer, is_not_hit_by_the_old_handle_of_another)
{
	as_owner(after_10);
	as_owner(cancel_and_set_others);
	noh_test_advance(10);
	cr_expect(ticks(1, 10, 0));
}

static noh_actor stranger;

static void cancel_of_another(void)
{
	noh_cancel(timer);
	cr_expect_eq(noh_reset(timer, 1), -ESRCH);
}

BEHAVIOUR(timer, belongs_to_its_owner_alone)
{
	as_owner(after_10);
	stranger = noh_spawn(owner, inbox);
	noh_send(stranger, perform, (uintptr_t)cancel_of_another);
	noh_test_advance(10);
	cr_expect(ticks(1, 10, 0));
}

static void thousands_set_and_cancelled(void)
{
	static noh_timer many[5000];
	for (int i = 0; i < 5000; i++)
		many[i] = noh_after(1000 + i, tick, 1);
	for (int i = 0; i < 5000; i++)
		noh_cancel(many[i]);
}

BEHAVIOUR(timer, leaves_no_memory_when_cancelled_by_the_thousand)
{
	as_owner(thousands_set_and_cancelled);
	uint32_t end = timer_table_end;
	for (int i = 0; i < 20; i++)
		as_owner(thousands_set_and_cancelled);
	cr_expect_eq(timer_table_end, end);
	for (uint32_t i = 1; i < timer_table_end; i++)
		cr_assert_eq((uint32_t)timer_table[i].word, 0);
}

BEHAVIOUR(timer, ends_with_its_owner)
{
	as_owner(after_10);
	noh_stop(owner);
	noh_test_advance(100);
	cr_expect(is_silent());
	cr_expect_eq((uint32_t)timer_table[timer.id % TIMER_LIMIT].word, 0);
}

BEHAVIOUR(timer, does_not_reach_the_next_life_of_its_owner)
{
	owner = noh_spawn_with(owner, (.keeps_place = true), inbox);
	noh_test_settle();
	noh_monitor(owner, false);
	as_owner(after_10);
	cr_expect_eq(noh_restart(owner, &(struct owner){inbox}), 0);
	noh_test_advance(100);
	cr_expect(is_silent());
}

// ---- moving

static void reset_to_50(void)
{
	cr_expect_eq(noh_reset(timer, 50), 0);
}

static void reset_to_2(void)
{
	cr_expect_eq(noh_reset(timer, 2), 0);
}

static void reset_to_0(void)
{
	cr_expect_eq(noh_reset(timer, 0), 0);
}

static void reset_in_vain(void)
{
	cr_expect_eq(noh_reset(timer, 5), -ESRCH);
}

static void reset_once_to_5(void)
{
	at_tick = NULL;
	cr_expect_eq(noh_reset(timer, 5), 0);
}

static void reset_while_queued(void)
{
	timer = noh_after(0, tick, 1);
	cr_expect_eq(noh_reset(timer, 5), 0);
}

BEHAVIOUR(timer, moves_to_later)
{
	as_owner(after_10);
	noh_test_advance(5);
	as_owner(reset_to_50);
	noh_test_advance(49);
	cr_expect(is_silent());
	noh_test_advance(1);
	cr_expect(ticks(1, 55, 0));
}

BEHAVIOUR(timer, moves_to_earlier)
{
	as_owner(after_10);
	noh_test_advance(5);
	as_owner(reset_to_2);
	noh_test_advance(2);
	cr_expect(ticks(1, 7, 0));
	noh_test_advance(100);
	cr_expect(is_silent());
}

BEHAVIOUR(timer, moves_to_later_and_then_to_earlier)
{
	as_owner(after_10);
	as_owner(reset_to_50);
	noh_test_advance(20);
	as_owner(reset_to_2);
	noh_test_advance(100);
	cr_expect(ticks(1, 22, 0));
	cr_expect(is_silent());
}

BEHAVIOUR(timer, moves_to_now)
{
	as_owner(after_10);
	as_owner(reset_to_0);
	cr_expect(ticks(1, 0, 0));
}

BEHAVIOUR(timer, arms_anew_in_the_handler_of_its_tick)
{
	as_owner(after_10);
	at_tick = reset_once_to_5;
	noh_test_advance(100);
	cr_expect(ticks(1, 10, 0));
	cr_expect(ticks(1, 15, 0));
	cr_expect(is_silent());
	as_owner(reset_in_vain);
}

BEHAVIOUR(timer, is_gone_once_its_tick_was_handled)
{
	as_owner(after_10);
	noh_test_advance(10);
	as_owner(reset_in_vain);
	noh_test_advance(10);
	cr_expect(ticks(1, 10, 0));
	cr_expect(is_silent());
}

BEHAVIOUR(timer, is_gone_once_cancelled)
{
	as_owner(after_10);
	as_owner(cancel);
	as_owner(reset_in_vain);
}

BEHAVIOUR(timer, revokes_a_queued_tick_when_it_is_moved)
{
	as_owner(reset_while_queued);
	cr_expect(is_silent());
	noh_test_advance(5);
	cr_expect(ticks(1, 5, 0));
	cr_expect(is_silent());
}

// ---- a handler by itself

static void set_move_and_cancel(void)
{
	after_10();
	noh_reset(timer, 5);
	noh_cancel(timer);
}

Test(timer, never_ticks_for_a_handler_that_is_tested_by_itself)
{
	struct owner self = {0};

	enum noh_handled handled =
		noh_test_handle(owner, &self, NOH_NOBODY, perform, (uintptr_t)set_move_and_cancel);

	cr_expect_eq(handled, NOH_HANDLED);
}

// ---- outside

Test(timer, set_outside_of_an_actor_ends_the_process_with_a_line_that_says_so, .signal = SIGABRT)
{
	noh_after(10, tick, 1);
}

Test(timer, cancelled_outside_of_an_actor_ends_the_process, .signal = SIGABRT)
{
	noh_cancel((noh_timer){1});
}
