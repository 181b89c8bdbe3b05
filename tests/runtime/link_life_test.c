/* Links of actors that keep their place: each is of one life. */
#include <noh/test.h>

#include "tests/support/member.h"
#include "tests/support/seeds.h"

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
