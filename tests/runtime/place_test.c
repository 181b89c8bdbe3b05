/* Places that are kept for a child: who can end them, and with whom they end. */
#include <noh/test.h>

#include "tests/support/kept_child.h"
#include "tests/support/seeds.h"

// Somebody else, who is not the parent.
struct other {
	noh_actor child;
};
NOH_MESSAGE(do_kill);
NOH_MESSAGE(do_stop);

static void kill_child(struct other *self, const struct do_kill *msg)
{
	(void)msg;
	noh_kill(self->child);
}

static void stop_child(struct other *self, const struct do_stop *msg)
{
	(void)msg;
	noh_stop(self->child);
}

NOH_ACTOR(other, (do_kill, kill_child), (do_stop, stop_child));

Simulated(place, is_kept_when_others_stop_or_kill_the_child)
{
	noh_actor inbox = noh_test_inbox(), child = spawn_child(inbox);
	noh_actor other = noh_spawn(other, .child = child);

	noh_send(other, do_stop);
	expect_down(child, NOH_WHY_NORMAL, true);
	noh_send(other, do_stop); // there is nobody to stop now
	noh_send(other, do_kill);
	noh_test_settle();
	noh_monitor(child, true);
	noh_check(restart(child, inbox, 2) == 0);
	noh_test_settle();
	noh_check(noh_test_take(inbox, started)->life == 2);

	noh_send(other, do_kill);
	expect_down(child, NOH_WHY_KILLED, true);
	noh_check(restart(child, inbox, 3) == 0);
	noh_test_settle();
	noh_check(noh_test_take(inbox, started)->life == 3);
}

Simulated(place, ends_when_the_parent_stops_the_child)
{
	noh_actor inbox = noh_test_inbox(), child = spawn_child(inbox);

	noh_stop(child);

	expect_down(child, NOH_WHY_NORMAL, false);
	noh_send(child, number, .value = 1);
	noh_check(noh_dead_letters() == 1);
}

Simulated(place, ends_when_the_parent_stops_or_kills_a_child_that_waits_for_it)
{
	noh_actor inbox = noh_test_inbox(), child = spawn_child(inbox), next = spawn_child(inbox);
	fail_child(child, inbox);
	fail_child(next, inbox);
	noh_send(child, number, .value = 1);
	noh_monitor(child, true);
	noh_monitor(next, true);

	noh_stop(child);
	expect_down(child, NOH_WHY_FAILED, false);
	noh_check(noh_dead_letters() == 1); // what had waited for the next life
	noh_kill(next);
	expect_down(next, NOH_WHY_FAILED, false);
}

struct no_wish {
	noh_actor to;
};
NOH_MESSAGE(spawn_keeping);

static void spawn_one_that_keeps(struct no_wish *self, const struct spawn_keeping *msg)
{
	(void)msg;
	noh_actor child = noh_spawn_with(child, (.keeps_place = true), .to = self->to, .life = 1);
	noh_send(self->to, child_is, .who = child);
}

NOH_ACTOR(no_wish, (spawn_keeping, spawn_one_that_keeps));

Simulated(place, ends_with_a_parent_that_fails_for_it)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor parent = noh_spawn_with(no_wish, (.monitored = true), .to = inbox);
	noh_send(parent, spawn_keeping);
	noh_test_settle();
	noh_actor child = noh_test_take(inbox, child_is)->who;

	noh_send(child, fail, .reason = "told so");

	expect_down(parent, NOH_WHY_FAILED, false);
	noh_monitor(child, true);
	expect_down(child, NOH_WHY_NOBODY, false);
}

Simulated(place, ends_when_the_parent_does_not_care)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor parent = noh_spawn(no_wish, .to = inbox);
	noh_send(parent, spawn_keeping);
	noh_test_settle();
	noh_actor child = noh_test_take(inbox, child_is)->who;
	noh_monitor(child, true);

	noh_kill(child);

	expect_down(child, NOH_WHY_KILLED, false);
}

Simulated(place, of_a_child_that_waits_ends_with_its_parent)
{
	noh_actor inbox = noh_test_inbox(), child = spawn_child(inbox);
	fail_child(child, inbox);
	noh_send(child, number, .value = 1);
}
