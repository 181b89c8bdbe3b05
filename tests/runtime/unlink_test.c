/* Unlinking: nobody hears of the other, whatever is on its way. */
#include <noh/test.h>

#include "tests/support/member.h"
#include "tests/support/seeds.h"

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

	noh_check(is_heard_once(a, inbox));
}
