/* Links: both ways, and one signal each. */
#include <noh/test.h>

#include "tests/support/member.h"
#include "tests/support/seeds.h"

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
	noh_check(is_heard_once(a, inbox));
}

Simulated(link, asked_for_by_both_at_once_is_one)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor a = spawn_trapper(inbox), b = spawn_trapper(inbox);
	noh_send(a, link_to, .who = b);
	noh_send(b, link_to, .who = a);
	noh_test_settle();

	noh_check(is_heard_once(a, inbox));
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
