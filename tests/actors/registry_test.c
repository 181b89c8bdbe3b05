/* Names: unique, kept over restarts, free again at the end; found without a message. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(take_name, (str, name));
NOH_MESSAGE(took, (i64, err));
NOH_MESSAGE(fail);
NOH_MESSAGE(found, (actor, who));
NOH_MESSAGE(ended, (actor, then));

struct citizen {
	noh_actor to;
};

static void on_take_name(struct citizen *self, const struct take_name *msg)
{
	noh_send(self->to, took, .err = noh_register(msg->name, noh_self()));
}

static void on_fail(struct citizen *self, const struct fail *msg)
{
	(void)self;
	(void)msg;
	noh_fail("told so");
}

NOH_ACTOR(citizen, (take_name, on_take_name), (fail, on_fail));

Simulated(registry, finds_an_actor_by_its_name)
{
	noh_actor bank = noh_spawn(citizen), other = noh_spawn(citizen);

	noh_check(noh_same(noh_where("bank"), NOH_NOBODY));
	noh_check(!noh_register("bank", bank) && !noh_register("exchange", bank));
	noh_check(!noh_register("another", other));
	noh_check(noh_same(noh_where("bank"), bank) && noh_same(noh_where("exchange"), bank));
	noh_check(noh_same(noh_where("another"), other) && !noh_where("ban").id);
	noh_check(noh_same(noh_where_in(noh_runtime(), "bank"), bank));
}

Simulated(registry, gives_a_name_to_one_alone)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor first = noh_spawn(citizen, .to = inbox), second = noh_spawn(citizen, .to = inbox);

	noh_send(first, take_name, .name = "bank");
	noh_test_settle();
	noh_check(noh_test_sent(inbox, took, .err = 0));
	noh_send(second, take_name, .name = "bank");
	noh_test_settle();
	noh_check(noh_test_sent(inbox, took, .err = -EEXIST));
	noh_check(!noh_register("bank", first)); // it has it
	noh_check(noh_same(noh_where("bank"), first));
}

Simulated(registry, refuses_what_is_no_name_and_who_is_nobody)
{
	char name[300];
	memset(name, 'n', sizeof(name));
	name[256] = 0;
	noh_actor gone = noh_spawn(citizen);
	noh_stop(gone);
	noh_test_settle();

	noh_check(noh_register("", noh_self()) == -EINVAL);
	noh_check(noh_register(NULL, noh_self()) == -EINVAL && !noh_where("").id);
	noh_check(noh_register(name, noh_self()) == -ENAMETOOLONG && !noh_where(name).id);
	noh_check(noh_register("bank", NOH_NOBODY) == -ESRCH);
	noh_check(noh_register("bank", gone) == -ESRCH && !noh_where("bank").id);
	name[255] = 0;
	noh_check(!noh_register(name, noh_self()) && noh_same(noh_where(name), noh_self()));
}

Simulated(registry, takes_a_name_from_its_owner_alone)
{
	noh_actor first = noh_spawn(citizen), second = noh_spawn(citizen);

	noh_register("bank", first);
	noh_check(noh_unregister("bank", second) == -ENOENT);
	noh_check(noh_unregister("exchange", first) == -ENOENT);
	noh_check(!noh_unregister("bank", first) && !noh_where("bank").id);
	noh_check(noh_unregister("bank", first) == -ENOENT);
	noh_check(!noh_register("bank", second) && noh_same(noh_where("bank"), second));
	noh_stop(first);
	noh_test_settle();
	noh_check(noh_same(noh_where("bank"), second));
}

Simulated(registry, keeps_a_name_over_restarts)
{
	noh_actor bank;
	noh_actor supervisor = noh_supervise(
		(.max_restarts = 3), NOH_CHILD(citizen, (.to = NOH_NOBODY), .ret_handle = &bank));
	noh_register("bank", bank);

	noh_send(bank, fail);
	noh_check(noh_same(noh_where("bank"), bank));
	noh_test_settle();
	noh_check(noh_same(noh_where("bank"), bank));
	noh_stop(supervisor);
	noh_test_settle();
	noh_check(!noh_where("bank").id);
}

// Ends like any child, and its parent gives its name to another as soon as it hears of it.
struct parent {
	noh_actor to, child;
};

static void on_parent_start(struct parent *self, const struct noh_start *msg)
{
	(void)msg;
	self->child = noh_spawn(citizen, .to = self->to);
	noh_register("bank", self->child);
	noh_kill(self->child);
}

static void on_child_down(struct parent *self, const struct noh_down *msg)
{
	noh_check(noh_same(msg->who, self->child) && !noh_where("bank").id);
	noh_send(self->to, took, .err = noh_register("bank", noh_self()));
}

NOH_ACTOR(parent, (noh_start, on_parent_start), (noh_down, on_child_down));

Simulated(registry, has_freed_a_name_when_anybody_hears_of_the_end)
{
	noh_actor inbox = noh_test_inbox(), parent = noh_spawn(parent, .to = inbox);
	noh_test_settle();
	noh_check(noh_test_sent(inbox, took, .err = 0));
	noh_check(noh_same(noh_where("bank"), parent));
}

// ---- waiting

struct seeker {
	noh_actor to;
	int64_t within_ms;
};

static void seek(struct seeker *self)
{
	noh_send(self->to, found, .who = noh_wait_where("bank", self->within_ms));
}

NOH_FIBER(seeker, seek);

Simulated(registry, lets_fibers_wait_for_a_name)
{
	noh_actor inbox = noh_test_inbox(), bank = noh_spawn(citizen);
	noh_spawn(seeker, .to = inbox, .within_ms = 1000);
	noh_spawn(seeker, .to = inbox, .within_ms = -1);

	noh_test_advance(500);
	noh_check(!noh_test_take(inbox, found));
	noh_register("exchange", bank);
	noh_test_settle();
	noh_check(!noh_test_take(inbox, found));
	noh_register("bank", bank);
	noh_test_settle();
	noh_check(noh_test_sent(inbox, found, .who = bank));
	noh_check(noh_test_sent(inbox, found, .who = bank));

	noh_spawn(seeker, .to = inbox, .within_ms = 1000);
	noh_test_settle();
	noh_check(noh_test_sent(inbox, found, .who = bank));
}

Simulated(registry, lets_nobody_wait_longer_than_asked_for)
{
	noh_actor inbox = noh_test_inbox();
	noh_spawn(seeker, .to = inbox, .within_ms = 100);
	noh_spawn(seeker, .to = inbox, .within_ms = 0);

	noh_test_settle();
	noh_check(noh_test_sent(inbox, found, .who = NOH_NOBODY));
	noh_test_advance(99);
	noh_check(!noh_test_take(inbox, found));
	noh_test_advance(2);
	noh_check(noh_test_sent(inbox, found, .who = NOH_NOBODY));
	noh_test_advance(1000);
	noh_check(!noh_register("bank", noh_spawn(citizen)));
	noh_test_settle();
	noh_check(!noh_test_take(inbox, found));
}

Simulated(registry, keeps_thousands_of_names_apart)
{
	enum { NAMES = 3000 };
	noh_actor *who = noh_alloc(NAMES * sizeof(*who));
	char name[40];

	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "name %d %.*s", i, i % 20, "aaaaaaaaaaaaaaaaaaaa");
		who[i] = noh_spawn(citizen);
		noh_check(!noh_register(name, who[i]));
		if (i % 3 == 0)
			noh_kill(who[i]);
	}
	noh_test_settle();
	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "name %d %.*s", i, i % 20, "aaaaaaaaaaaaaaaaaaaa");
		noh_check(noh_same(noh_where(name), i % 3 ? who[i] : NOH_NOBODY));
	}
}
