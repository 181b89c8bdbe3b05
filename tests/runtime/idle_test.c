/* The idle time: an actor that nobody sends anything is told so. */
#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(poke);
NOH_MESSAGE(tick);
NOH_MESSAGE(idle);
NOH_MESSAGE(wait_for, (i64, ms));
NOH_MESSAGE(tick_every, (i64, ms));
NOH_MESSAGE(fail);

struct sitter {
	noh_actor to;
};

static void on_wait_for(struct sitter *self, const struct wait_for *msg)
{
	(void)self;
	noh_idle_after(msg->ms);
}

static void on_poke(struct sitter *self, const struct poke *msg)
{
	(void)self;
	(void)msg;
}

static void on_idle(struct sitter *self, const struct noh_idle *msg)
{
	(void)msg;
	noh_send(self->to, idle);
}

static void on_tick_every(struct sitter *self, const struct tick_every *msg)
{
	(void)self;
	noh_every(msg->ms, NOH_MISSED_SKIP, tick);
}

static void on_tick(struct sitter *self, const struct tick *msg)
{
	(void)self;
	(void)msg;
}

static void on_fail(struct sitter *self, const struct fail *msg)
{
	(void)self;
	(void)msg;
	noh_fail("told so");
}

NOH_ACTOR(sitter, (wait_for, on_wait_for), (poke, on_poke), (noh_idle, on_idle),
	  (tick_every, on_tick_every), (tick, on_tick), (fail, on_fail));

// How often it was told since the last time.
static int told(noh_actor inbox)
{
	int count = 0;
	while (noh_test_take(inbox, idle))
		count++;
	return count;
}

Simulated(idle, is_told_after_the_time_and_not_before)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor sitter = noh_spawn(sitter, .to = inbox);

	noh_send(sitter, wait_for, .ms = 100);
	noh_test_advance(99);
	noh_check(told(inbox) == 0);
	noh_test_advance(1);
	noh_check(told(inbox) == 1);
}

Simulated(idle, begins_anew_with_each_message)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor sitter = noh_spawn(sitter, .to = inbox);

	noh_send(sitter, wait_for, .ms = 100);
	for (int i = 0; i < 20; i++) {
		noh_test_advance(60);
		noh_send(sitter, poke);
	}
	noh_test_advance(99);
	noh_check(told(inbox) == 0);
	noh_test_advance(1);
	noh_check(told(inbox) == 1);
}

Simulated(idle, is_told_once_for_each_quiet_time)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor sitter = noh_spawn(sitter, .to = inbox);

	noh_send(sitter, wait_for, .ms = 100);
	noh_test_advance(1000);
	noh_check(told(inbox) == 1);
	noh_send(sitter, poke);
	noh_test_advance(1000);
	noh_check(told(inbox) == 1);
}

Simulated(idle, does_not_take_its_own_ticks_for_messages)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor sitter = noh_spawn(sitter, .to = inbox);

	noh_send(sitter, tick_every, .ms = 10);
	noh_send(sitter, wait_for, .ms = 100);
	noh_test_advance(100);

	noh_check(told(inbox) == 1);
}

Simulated(idle, ends_with_a_limit_of_zero_and_moves_with_another)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor sitter = noh_spawn(sitter, .to = inbox);

	noh_send(sitter, wait_for, .ms = 100);
	noh_send(sitter, wait_for, .ms = 0);
	noh_test_advance(1000);
	noh_check(told(inbox) == 0);

	noh_send(sitter, wait_for, .ms = 100);
	noh_send(sitter, wait_for, .ms = 50);
	noh_test_advance(50);
	noh_check(told(inbox) == 1);
}

Simulated(idle, ends_with_the_life)
{
	noh_actor inbox = noh_test_inbox();
	struct sitter state = {.to = inbox};
	noh_actor sitter =
		noh_spawn_with(sitter, (.keeps_place = true, .monitored = true), .to = inbox);

	noh_send(sitter, wait_for, .ms = 100);
	noh_send(sitter, fail);
	noh_test_settle();
	noh_restart(sitter, &state);
	noh_test_advance(1000);
	noh_send(sitter, poke);
	noh_test_advance(1000);

	noh_check(told(inbox) == 0);
}
