/* Links: both ways, one signal each, none after an unlink. */
#include <string.h>

#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(link_to, (actor, who));
NOH_MESSAGE(unlink_from, (actor, who));
NOH_MESSAGE(trap, (flag, on));
NOH_MESSAGE(end, (i64, code), (str, reason));
NOH_MESSAGE(fail, (str, reason));
NOH_MESSAGE(say, (actor, to), (u64, number));
NOH_MESSAGE(said, (u64, number));
NOH_MESSAGE(have_child, (flag, linked), (flag, fails));
NOH_MESSAGE(child_is, (actor, who));
NOH_MESSAGE(heard, (actor, from), (i64, why), (i64, code), (str, reason));
NOH_MESSAGE(stopped, (actor, who), (i64, why), (i64, code), (str, reason));
NOH_MESSAGE(started, (u64, restarts));

// Does as it is told, and tells what it hears.
struct member {
	noh_actor to;
	bool traps, fails;
};

extern const struct noh_actor_type member_actor;

static void on_start(struct member *self, const struct noh_start *msg)
{
	if (self->traps)
		noh_trap_exits(true);
	noh_send(self->to, started, .restarts = msg->restarts);
	if (self->fails)
		noh_fail("at once");
}

static void on_link_to(struct member *self, const struct link_to *msg)
{
	(void)self;
	noh_link(msg->who);
}

static void on_unlink_from(struct member *self, const struct unlink_from *msg)
{
	(void)self;
	noh_unlink(msg->who);
}

static void on_trap(struct member *self, const struct trap *msg)
{
	(void)self;
	noh_trap_exits(msg->on);
}

static void on_end(struct member *self, const struct end *msg)
{
	(void)self;
	noh_end((int)msg->code, msg->reason);
}

static void on_fail(struct member *self, const struct fail *msg)
{
	(void)self;
	noh_fail("%s", msg->reason);
}

static void on_say(struct member *self, const struct say *msg)
{
	(void)self;
	noh_send(msg->to, said, .number = msg->number);
}

static void on_said(struct member *self, const struct said *msg)
{
	noh_send(self->to, said, .number = msg->number);
}

static void on_have_child(struct member *self, const struct have_child *msg)
{
	noh_actor child = noh_spawn_with(member, (.linked = msg->linked), .to = self->to,
					 .fails = msg->fails);
	noh_send(self->to, child_is, .who = child);
}

static void on_exit_signal(struct member *self, const struct noh_exit *msg)
{
	noh_send(self->to, heard, .from = msg->from, .why = msg->why, .code = msg->code,
		 .reason = msg->reason);
}

static void on_stopping(struct member *self, const struct noh_stopping *msg)
{
	noh_send(self->to, stopped, .who = noh_self(), .why = msg->why, .code = msg->code,
		 .reason = msg->reason);
}

NOH_ACTOR(member, (noh_start, on_start), (link_to, on_link_to), (unlink_from, on_unlink_from),
	  (trap, on_trap), (end, on_end), (fail, on_fail), (say, on_say), (said, on_said),
	  (have_child, on_have_child), (noh_exit, on_exit_signal), (noh_stopping, on_stopping));

static noh_actor spawn_member(noh_actor inbox)
{
	return noh_spawn_with(member, (.detached = true), .to = inbox);
}

static noh_actor spawn_trapper(noh_actor inbox)
{
	return noh_spawn_with(member, (.detached = true), .to = inbox, .traps = true);
}

static void link_both(noh_actor a, noh_actor b)
{
	noh_send(a, link_to, .who = b);
	noh_test_settle();
}

// How an actor ended that this fiber watches.
static bool has_ended(noh_actor who, int why, const char *reason)
{
	noh_test_settle();
	uint64_t monitor = noh_monitor(who, true);
	noh_test_settle();
	noh_demonitor(monitor);
	const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);
	return down && noh_same(down->who, who) && down->why == why &&
	       !strcmp(down->reason, reason);
}

static bool lives(noh_actor who)
{
	uint64_t monitor = noh_monitor(who, true);
	noh_test_settle();
	const struct noh_delivery *in = noh_receive(0, noh_down);
	noh_demonitor(monitor);
	return !in;
}

Simulated(link, ends_the_other_for_the_same_reason)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor a = spawn_member(inbox), b = spawn_member(inbox);
	link_both(a, b);
	noh_monitor(b, true);

	noh_send(a, end, .code = 7, .reason = "a reason");
	noh_test_settle();

	const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);
	noh_check(down && noh_same(down->who, b) && down->why == NOH_WHY_FAILED);
	noh_check(down->code == 7 && !strcmp(down->reason, "a reason"));
}

Simulated(link, lets_who_ends_by_it_stop_in_order)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor a = spawn_member(inbox), b = spawn_member(inbox);
	link_both(a, b);

	noh_kill(a);
	noh_test_settle();

	noh_test_take(inbox, started);
	noh_test_take(inbox, started);
	noh_check(
		noh_test_sent(inbox, stopped, .who = b, .why = NOH_WHY_KILLED, .reason = "killed"));
}

Simulated(link, ties_both)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor a = spawn_member(inbox), b = spawn_member(inbox);
	link_both(a, b);
	noh_monitor(a, true);

	noh_send(b, fail, .reason = "the asked one");
	noh_test_settle();

	const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);
	noh_check(down && noh_same(down->who, a) && !strcmp(down->reason, "the asked one"));
}

Simulated(link, of_a_normal_end_ends_nobody)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor a = spawn_member(inbox), b = spawn_member(inbox);
	link_both(a, b);

	noh_stop(a);
	noh_test_settle();

	noh_check(lives(b));
}

Simulated(link, spreads_through_all_that_are_linked)
{
	enum { COUNT = 5 };
	noh_actor inbox = noh_test_inbox(), ring[COUNT];
	for (int i = 0; i < COUNT; i++) {
		ring[i] = spawn_member(inbox);
		noh_monitor(ring[i], true);
	}
	for (int i = 0; i < COUNT; i++)
		noh_send(ring[i], link_to, .who = ring[(i + 1) % COUNT]);
	noh_test_settle();

	noh_send(ring[3], end, .code = 3, .reason = "spreads");
	noh_test_settle();

	for (int i = 0; i < COUNT; i++) {
		const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);
		noh_check(down && down->code == 3 && !strcmp(down->reason, "spreads"));
	}
}

Simulated(link, of_a_killed_actor_ends_the_other_as_killed)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor a = spawn_member(inbox), b = spawn_member(inbox);
	link_both(a, b);
	noh_monitor(b, true);

	noh_kill(a);
	noh_test_settle();

	const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);
	noh_check(down && down->why == NOH_WHY_KILLED && !strcmp(down->reason, "killed"));
}

Simulated(link, of_a_killed_actor_can_be_trapped)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor a = spawn_member(inbox), b = spawn_trapper(inbox);
	link_both(a, b);

	noh_kill(a);
	noh_test_settle();

	const struct heard *heard = noh_test_take(inbox, heard);
	noh_check(heard && noh_same(heard->from, a) && heard->why == NOH_WHY_KILLED);
	noh_check(!strcmp(heard->reason, "killed"));
	noh_check(lives(b));
}

Simulated(link, tells_who_traps_exits_once)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor a = spawn_member(inbox), b = spawn_trapper(inbox);
	link_both(a, b);

	noh_send(a, end, .code = -3, .reason = "over");
	noh_test_settle();

	const struct heard *heard = noh_test_take(inbox, heard);
	noh_check(heard && noh_same(heard->from, a) && heard->why == NOH_WHY_FAILED);
	noh_check(heard->code == -3 && !strcmp(heard->reason, "over"));
	noh_check(!noh_test_take(inbox, heard));
	noh_check(lives(b));
}

Simulated(link, tells_who_traps_exits_of_a_normal_end_too)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor a = spawn_member(inbox), b = spawn_trapper(inbox);
	link_both(a, b);

	noh_send(a, end, .code = 0, .reason = "done");
	noh_test_settle();

	const struct heard *heard = noh_test_take(inbox, heard);
	noh_check(heard && noh_same(heard->from, a) && heard->why == NOH_WHY_NORMAL);
	noh_check(!strcmp(heard->reason, "done"));
}

Simulated(link, to_one_that_is_gone_fails_who_asks_for_it)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor a = spawn_member(inbox), b = spawn_member(inbox);
	noh_stop(a);
	noh_test_settle();
	noh_monitor(b, true);

	link_both(b, a);

	const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);
	noh_check(down && down->why == NOH_WHY_FAILED);
	noh_check(!strcmp(down->reason, "linked to an actor that was gone"));
}

Simulated(link, to_one_that_is_gone_tells_who_traps_exits)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor a = spawn_member(inbox), b = spawn_trapper(inbox);
	noh_stop(a);
	noh_test_settle();

	link_both(b, a);
	link_both(b, NOH_NOBODY);

	const struct heard *heard = noh_test_take(inbox, heard);
	noh_check(heard && noh_same(heard->from, a) && heard->why == NOH_WHY_NOBODY);
	heard = noh_test_take(inbox, heard);
	noh_check(heard && noh_same(heard->from, NOH_NOBODY) && heard->why == NOH_WHY_NOBODY);
}

Simulated(link, to_oneself_changes_nothing)
{
	noh_actor inbox = noh_test_inbox(), a = spawn_trapper(inbox);

	link_both(a, a);
	noh_check(lives(a));
	noh_send(a, fail, .reason = "alone");
	noh_test_settle();

	noh_check(!noh_test_take(inbox, heard));
}

Simulated(link, asked_for_twice_is_one)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor a = spawn_member(inbox), b = spawn_trapper(inbox), c = spawn_trapper(inbox);
	link_both(b, a);
	link_both(b, a);
	link_both(a, b);
	link_both(c, a);
	link_both(c, a);

	noh_send(c, unlink_from, .who = a);
	noh_test_settle();
	noh_send(a, fail, .reason = "once");
	noh_test_settle();

	noh_check(noh_test_take(inbox, heard));
	noh_check(!noh_test_take(inbox, heard));
}

Simulated(link, asked_for_by_both_at_once_is_one)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor a = spawn_trapper(inbox), b = spawn_trapper(inbox);
	noh_send(a, link_to, .who = b);
	noh_send(b, link_to, .who = a);
	noh_test_settle();

	noh_send(a, fail, .reason = "once");
	noh_test_settle();

	noh_check(noh_test_take(inbox, heard));
	noh_check(!noh_test_take(inbox, heard));
}

Simulated(link, asked_for_while_the_other_ends_tells_once)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor a = spawn_trapper(inbox), b = spawn_trapper(inbox);

	noh_send(a, link_to, .who = b);
	noh_send(b, link_to, .who = a);
	noh_send(b, fail, .reason = "meanwhile");
	noh_test_settle();

	const struct heard *heard = noh_test_take(inbox, heard);
	noh_check(heard && noh_same(heard->from, b));
	noh_check(heard->why == NOH_WHY_FAILED || heard->why == NOH_WHY_NOBODY);
	noh_check(!noh_test_take(inbox, heard));
}

Simulated(link, signals_after_what_was_sent_before)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor a = spawn_member(inbox), b = spawn_trapper(inbox);
	link_both(a, b);

	for (uint64_t i = 0; i < 3; i++)
		noh_send(a, say, .to = b, .number = i);
	noh_send(a, fail, .reason = "last");
	noh_test_settle();

	// The inbox has them in the order in which they were heard.
	noh_test_take(inbox, started);
	noh_test_take(inbox, started);
	noh_test_take(inbox, stopped);
	for (uint64_t i = 0; i < 3; i++)
		noh_check(noh_test_sent(inbox, said, .number = i));
	noh_check(noh_test_sent(inbox, heard, .from = a, .why = NOH_WHY_FAILED, .reason = "last"));
}

Simulated(link, ends_an_actor_after_what_was_sent_before)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor a = spawn_member(inbox), b = spawn_member(inbox);
	link_both(a, b);

	for (uint64_t i = 0; i < 3; i++)
		noh_send(a, say, .to = b, .number = i);
	noh_send(a, fail, .reason = "last");
	noh_test_settle();

	for (uint64_t i = 0; i < 3; i++) {
		const struct said *said = noh_test_take(inbox, said);
		noh_check(said && said->number == i);
	}
	noh_check(!lives(b));
}

Simulated(link, set_at_spawn_holds_before_the_child_runs)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor ends = spawn_member(inbox), traps = spawn_trapper(inbox);
	noh_monitor(ends, true);

	noh_send(ends, have_child, .linked = true, .fails = true);
	noh_send(traps, have_child, .linked = true, .fails = true);
	noh_test_settle();

	const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);
	noh_check(down && noh_same(down->who, ends) && !strcmp(down->reason, "at once"));
	const struct heard *heard = noh_test_take(inbox, heard);
	noh_check(heard && heard->why == NOH_WHY_FAILED && !strcmp(heard->reason, "at once"));
	noh_check(!noh_test_take(inbox, heard));
	noh_check(lives(traps));
}

Simulated(link, is_how_a_parent_that_traps_exits_bears_a_failure)
{
	noh_actor inbox = noh_test_inbox(), parent = spawn_trapper(inbox);
	noh_send(parent, have_child, .linked = true);
	noh_test_settle();
	noh_actor child = noh_test_take(inbox, child_is)->who;

	noh_send(child, end, .code = 4, .reason = "borne");
	noh_test_settle();

	const struct heard *heard = noh_test_take(inbox, heard);
	noh_check(heard && noh_same(heard->from, child) && heard->code == 4);
	noh_check(lives(parent));
}

Simulated(link, of_a_child_that_is_killed_ends_its_parent)
{
	noh_actor inbox = noh_test_inbox(), parent = spawn_member(inbox);
	noh_send(parent, have_child, .linked = true);
	noh_test_settle();
	noh_actor child = noh_test_take(inbox, child_is)->who;
	noh_monitor(parent, true);

	noh_kill(child);
	noh_test_settle();

	const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);
	noh_check(down && down->why == NOH_WHY_KILLED);
}

Simulated(link, of_a_child_whose_parent_ends_spreads_the_shutdown)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor parent = spawn_member(inbox), other = spawn_member(inbox);
	noh_send(parent, have_child);
	noh_test_settle();
	link_both(other, noh_test_take(inbox, child_is)->who);
	noh_monitor(other, true);

	noh_stop(parent);
	noh_test_settle();

	const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);
	noh_check(down && down->why == NOH_WHY_SHUTDOWN && !strcmp(down->reason, "shutdown"));
}

// ---- unlink

Simulated(unlink, keeps_each_from_hearing_of_the_other)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor a = spawn_member(inbox), b = spawn_member(inbox), c = spawn_member(inbox);
	link_both(a, b);
	link_both(a, c);

	noh_send(a, unlink_from, .who = b); // by who asked for it
	noh_send(c, unlink_from, .who = a); // by the other
	noh_test_settle();
	noh_send(a, fail, .reason = "alone");
	noh_test_settle();

	noh_check(lives(b) && lives(c));
}

Simulated(unlink, of_what_was_never_linked_does_nothing)
{
	noh_unlink(NOH_NOBODY);
	noh_unlink(noh_self());
	noh_unlink(noh_test_inbox());
}

Simulated(unlink, silences_a_signal_that_waits_in_the_mailbox)
{
	noh_actor inbox = noh_test_inbox(), first = spawn_member(inbox),
		  second = spawn_member(inbox);
	noh_trap_exits(true);
	noh_link(first);
	noh_link(second);
	noh_test_settle();
	noh_send(first, fail, .reason = "not to be heard");
	noh_send(second, fail, .reason = "to be heard");
	noh_test_settle(); // both have signalled, neither is received

	noh_unlink(first);

	const struct noh_exit *exit = noh_as(noh_receive(0, noh_exit), noh_exit);
	noh_check(exit && noh_same(exit->from, second));
	noh_check(!noh_receive(0, noh_exit));
}

Simulated(unlink, while_the_other_ends_lets_at_most_one_signal_through)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor a = spawn_member(inbox), b = spawn_trapper(inbox);
	link_both(a, b);

	noh_send(a, fail, .reason = "meanwhile");
	noh_send(b, unlink_from, .who = a);
	noh_send(b, say, .to = inbox, .number = 1);
	noh_test_settle();

	noh_test_take(inbox, started);
	noh_test_take(inbox, started);
	noh_test_take(inbox, stopped);
	noh_test_take(inbox, heard); // it may have come before the unlink, but not after
	noh_check(noh_test_sent(inbox, said, .number = 1));
	noh_check(!noh_test_take(inbox, heard));
}

Simulated(unlink, and_link_again_is_a_new_link)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor a = spawn_member(inbox), b = spawn_trapper(inbox);
	noh_send(b, link_to, .who = a);
	noh_send(b, unlink_from, .who = a);
	noh_send(b, link_to, .who = a);
	noh_test_settle();

	noh_send(a, fail, .reason = "once");
	noh_test_settle();

	noh_check(noh_test_take(inbox, heard));
	noh_check(!noh_test_take(inbox, heard));
}

// ---- lives

static noh_actor spawn_place(noh_actor inbox, bool traps)
{
	noh_actor child =
		noh_spawn_with(member, (.keeps_place = true), .to = inbox, .traps = traps);
	noh_monitor(child, false);
	noh_test_settle();
	noh_test_take(inbox, started);
	return child;
}

static void start_again(noh_actor child, noh_actor inbox)
{
	struct member state = {.to = inbox};
	noh_test_settle();
	noh_check(noh_receive(0, noh_down)); // it waits
	noh_check(!noh_restart(child, &state));
	noh_monitor(child, false);
	noh_test_settle();
}

Simulated(link, of_an_actor_that_keeps_its_place_signals_at_the_first_failure)
{
	noh_actor inbox = noh_test_inbox(), place = spawn_place(inbox, false);
	noh_actor other = spawn_trapper(inbox);
	link_both(other, place);

	noh_send(place, fail, .reason = "first");
	start_again(place, inbox);
	noh_send(place, fail, .reason = "second");
	start_again(place, inbox);

	const struct heard *heard = noh_test_take(inbox, heard);
	noh_check(heard && noh_same(heard->from, place) && !strcmp(heard->reason, "first"));
	noh_check(!noh_test_take(inbox, heard));
}

Simulated(link, of_a_former_life_does_not_reach_the_next)
{
	noh_actor inbox = noh_test_inbox(), place = spawn_place(inbox, true);
	noh_actor other = spawn_member(inbox);
	link_both(place, other);

	noh_send(place, fail, .reason = "first");
	start_again(place, inbox);
	noh_send(place, trap, .on = true);
	noh_send(other, fail, .reason = "had no link any more");
	noh_test_settle();

	noh_check(!noh_test_take(inbox, heard));
}

Simulated(link, to_an_actor_between_two_lives_is_to_the_next)
{
	noh_actor inbox = noh_test_inbox(), place = spawn_place(inbox, false);
	noh_actor other = spawn_trapper(inbox);
	noh_send(place, fail, .reason = "first");
	noh_test_settle();

	link_both(other, place);
	start_again(place, inbox);
	noh_check(!noh_test_take(inbox, heard));
	noh_send(place, fail, .reason = "second");
	noh_test_settle();

	const struct heard *heard = noh_test_take(inbox, heard);
	noh_check(heard && !strcmp(heard->reason, "second"));
}

Simulated(link, may_end_an_actor_that_keeps_its_place)
{
	noh_actor inbox = noh_test_inbox(), place = spawn_place(inbox, false);
	noh_actor other = spawn_member(inbox);
	link_both(place, other);

	noh_send(other, fail, .reason = "spreads");
	start_again(place, inbox);

	noh_check(lives(place));
	noh_check(!has_ended(place, NOH_WHY_NOBODY, "nobody there"));
}

Simulated(trapping, is_not_inherited_by_the_next_life)
{
	noh_actor inbox = noh_test_inbox(), place = spawn_place(inbox, true);
	noh_send(place, fail, .reason = "first");
	start_again(place, inbox);
	noh_actor other = spawn_member(inbox);
	link_both(place, other);

	noh_send(other, fail, .reason = "spreads");
	noh_test_settle();

	const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);
	noh_check(down && noh_same(down->who, place) && !strcmp(down->reason, "spreads"));
}
