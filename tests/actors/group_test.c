/* Groups: who is a member, and what members get. */
#include <errno.h>
#include <string.h>

#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(said, (u64, number), (str, text));
NOH_MESSAGE(heard, (actor, member), (u64, number), (u64, text_at));
NOH_MESSAGE(talk, (u64, first), (u64, count));
NOH_MESSAGE(fail);

enum { MEMBERS = 5 };

struct guest {
	noh_actor to;
};

static void on_said(struct guest *self, const struct said *msg)
{
	noh_send(self->to, heard, .member = noh_self(), .number = msg->number,
		 .text_at = (uintptr_t)msg->text);
}

static void on_fail(struct guest *self, const struct fail *msg)
{
	(void)self;
	(void)msg;
	noh_fail("told so");
}

NOH_ACTOR(guest, (said, on_said), (fail, on_fail));

static void fill_room(noh_actor inbox, noh_actor *ret_guests)
{
	for (int i = 0; i < MEMBERS; i++) {
		ret_guests[i] = noh_spawn(guest, .to = inbox);
		noh_check(!noh_group_join("room", ret_guests[i]));
	}
}

static bool is_member(noh_actor who)
{
	noh_actor members[2 * MEMBERS];
	size_t count = noh_group_members("room", members, 2 * MEMBERS);
	for (size_t i = 0; i < count; i++)
		if (noh_same(members[i], who))
			return true;
	return false;
}

Simulated(group, knows_its_members)
{
	noh_actor guests[MEMBERS], two[2];

	noh_check(noh_group_members("room", NULL, 0) == 0);
	fill_room(NOH_NOBODY, guests);
	noh_check(!noh_group_join("room", guests[0])); // is one
	noh_check(!noh_group_join("other room", noh_self()));
	noh_check(noh_group_members("room", two, 2) == MEMBERS);
	noh_check(noh_group_members_in(noh_runtime(), "room", two, 2) == MEMBERS);
	for (int i = 0; i < MEMBERS; i++)
		noh_check(is_member(guests[i]));
	noh_check(!noh_group_leave("room", guests[1]) && !is_member(guests[1]));
	noh_check(noh_group_leave("room", guests[1]) == -ENOENT);
	noh_check(noh_group_leave("no room", guests[0]) == -ENOENT);
	noh_check(noh_group_members("room", NULL, 0) == MEMBERS - 1);
	noh_check(!noh_group_join("room", guests[1]) && is_member(guests[1]));
	noh_check(noh_group_join("", guests[1]) == -EINVAL);
	noh_check(noh_group_join("room", NOH_NOBODY) == -ESRCH);
}

Simulated(group, is_left_at_the_end_of_a_member_and_not_at_its_restart)
{
	noh_actor guests[MEMBERS], lasting;
	fill_room(noh_test_inbox(), guests);
	noh_supervise((.max_restarts = 3),
		      NOH_CHILD(guest, (.to = noh_self()), .ret_handle = &lasting));
	noh_group_join("room", lasting);

	noh_stop(guests[0]);
	noh_kill(guests[1]);
	noh_send(lasting, fail);
	noh_test_settle();
	noh_check(!is_member(guests[0]) && !is_member(guests[1]) && is_member(lasting));
	noh_check(noh_group_members("room", NULL, 0) == MEMBERS - 1);
	noh_check(noh_group_publish("room", said, .number = 1) == MEMBERS - 1);
	noh_check(noh_receive(1000, heard) != NULL);
}

Simulated(group, gives_each_member_what_is_published_and_one_text_to_all)
{
	noh_actor inbox = noh_test_inbox(), guests[MEMBERS];
	uint64_t text_at = 0;

	noh_check(noh_group_publish("room", said, .number = 1, .text = "nobody") == 0);
	fill_room(inbox, guests);
	noh_check(noh_group_publish("room", said, .number = 2, .text = "for all") == MEMBERS);
	noh_test_settle();
	for (int i = 0; i < MEMBERS; i++) {
		const struct heard *heard = noh_test_take(inbox, heard);
		noh_check(heard && heard->number == 2);
		noh_check(!text_at || heard->text_at == text_at);
		text_at = heard->text_at;
	}
	noh_check(!noh_test_take(inbox, heard));
}

struct speaker {
	uint64_t unused;
};

static void on_talk(struct speaker *self, const struct talk *msg)
{
	(void)self;
	for (uint64_t i = 0; i < msg->count; i++)
		noh_group_publish("room", said, .number = msg->first + i, .text = "a word");
}

NOH_ACTOR(speaker, (talk, on_talk));

Simulated(group, keeps_the_order_of_each_publisher)
{
	enum { WORDS = 20 };
	noh_actor inbox = noh_test_inbox();
	noh_group_join("room", noh_spawn(guest, .to = inbox));
	for (uint64_t i = 0; i < 3; i++) {
		noh_actor speaker = noh_spawn(speaker);
		noh_send(speaker, talk, .first = i * 1000, .count = WORDS / 2);
		noh_send(speaker, talk, .first = i * 1000 + WORDS / 2, .count = WORDS / 2);
	}
	noh_test_settle();

	uint64_t next[3] = {0};
	for (int i = 0; i < 3 * WORDS; i++) {
		const struct heard *heard = noh_test_take(inbox, heard);
		noh_check(heard && heard->number % 1000 == next[heard->number / 1000]++);
	}
}

Simulated(group, publishes_to_who_is_a_member_at_that_moment)
{
	noh_actor inbox = noh_test_inbox(), guests[MEMBERS], late = noh_spawn(guest, .to = inbox);
	fill_room(inbox, guests);

	noh_group_leave("room", guests[2]);
	noh_group_publish("room", said, .number = 1, .text = "without both");
	noh_group_join("room", late);
	noh_test_settle();
	for (int i = 0; i < MEMBERS - 1; i++) {
		const struct heard *heard = noh_test_take(inbox, heard);
		noh_check(heard && !noh_same(heard->member, late) &&
			  !noh_same(heard->member, guests[2]));
	}
	noh_check(!noh_test_take(inbox, heard));
}

Simulated(group, of_thousands_is_joined_and_left_in_any_order)
{
	enum { MANY = 2000 };
	noh_actor *who = noh_alloc(MANY * sizeof(*who));

	for (int i = 0; i < MANY; i++) {
		who[i] = noh_spawn(guest);
		noh_check(!noh_group_join("stadium", who[i]));
	}
	for (int i = 0; i < MANY; i += 3)
		noh_check(!noh_group_leave("stadium", who[i]));
	for (int i = 1; i < MANY; i += 3)
		noh_kill(who[i]);
	noh_test_settle();
	noh_check(noh_group_members("stadium", NULL, 0) == MANY / 3);
	for (int i = 2; i < MANY; i += 3)
		noh_check(!noh_group_leave("stadium", who[i]));
	noh_check(noh_group_members("stadium", NULL, 0) == 0);
}
