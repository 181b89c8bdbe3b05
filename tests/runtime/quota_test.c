/* Quotas: who takes up more than its type may fails, and says of what. */
#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(take, (u64, bytes));
NOH_MESSAGE(give_back);
NOH_MESSAGE(keep, (str, words));
NOH_MESSAGE(set_timer, (i64, ms));
NOH_MESSAGE(tick);
NOH_MESSAGE(have_child);
NOH_MESSAGE(fill);
NOH_MESSAGE(answer);
NOH_REQUEST(question, answer);

struct child {
	int unused;
};

static void on_child_tick(struct child *self, const struct tick *msg)
{
	(void)self;
	(void)msg;
	noh_end(0, NULL);
}

NOH_ACTOR(child, (tick, on_child_tick));

struct user {
	void *last;
	noh_actor child;
};

static void on_take(struct user *self, const struct take *msg)
{
	self->last = noh_alloc(msg->bytes);
}

static void on_give_back(struct user *self, const struct give_back *msg)
{
	(void)msg;
	noh_drop(self->last);
}

static void on_keep(struct user *self, const struct keep *msg)
{
	self->last = noh_keep(keep, msg);
}

static void on_set_timer(struct user *self, const struct set_timer *msg)
{
	(void)self;
	noh_after(msg->ms, tick);
}

static void on_tick(struct user *self, const struct tick *msg)
{
	(void)self;
	(void)msg;
}

static void on_have_child(struct user *self, const struct have_child *msg)
{
	(void)msg;
	self->child = noh_spawn(child);
	noh_send(self->child, tick);
}

static void on_fill(struct user *self, const struct fill *msg)
{
	(void)self;
	(void)msg;
}

static void on_idle(struct user *self, const struct noh_idle *msg)
{
	(void)self;
	(void)msg;
}

static void on_question(struct user *self, const struct question *msg)
{
	(void)self;
	(void)msg;
	noh_idle_after(1000); // an alarm is no timer of one's own
	noh_reply(answer);
}

NOH_ACTOR_WITH(user,
	       (.mailbox_messages = 10, .on_full = NOH_FULL_FAIL, .owned_bytes = 10000, .timers = 2,
		.children = 2),
	       (take, on_take), (give_back, on_give_back), (keep, on_keep),
	       (set_timer, on_set_timer), (tick, on_tick), (have_child, on_have_child),
	       (fill, on_fill), (noh_idle, on_idle), (question, on_question));

static noh_actor monitored_user(void)
{
	return noh_spawn_with(user, (.monitored = true));
}

// True if it has failed, with a reason that names the quota.
static bool has_failed(const char *quota)
{
	noh_test_settle();
	const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);
	return down && down->why == NOH_WHY_FAILED && !strcmp(down->reason, quota);
}

static bool lives(void)
{
	noh_test_settle();
	return !noh_receive(0, noh_down);
}

Simulated(quota, of_owned_bytes_ends_who_allocates_more)
{
	noh_actor user = monitored_user();

	for (int i = 0; i < 10; i++) {
		noh_send(user, take, .bytes = 5000);
		noh_send(user, give_back);
		noh_test_settle();
	}
	noh_send(user, take, .bytes = 5000);
	noh_check(lives());
	noh_send(user, take, .bytes = 6000);
	noh_check(has_failed("over its quota of owned_bytes: 10000"));
}

Simulated(quota, of_owned_bytes_counts_kept_messages)
{
	noh_actor user = monitored_user();
	static char words[6001];
	memset(words, 'x', sizeof(words) - 1);

	noh_send(user, keep, .words = words);
	noh_send(user, give_back);
	noh_send(user, keep, .words = words);
	noh_check(lives());
	noh_send(user, keep, .words = words);
	noh_check(has_failed("over its quota of owned_bytes: 10000"));
}

Simulated(quota, of_owned_bytes_begins_anew_with_a_life)
{
	struct user state = {0};
	noh_actor user = noh_spawn_with(user, (.monitored = true, .keeps_place = true));

	for (int i = 0; i < 3; i++) {
		noh_send(user, take, .bytes = 8000);
		noh_check(lives());
		noh_send(user, take, .bytes = 8000);
		noh_check(has_failed("over its quota of owned_bytes: 10000"));
		noh_restart(user, &state);
		noh_monitor(user, false);
	}
}

Simulated(quota, of_timers_counts_those_that_run)
{
	noh_actor user = monitored_user();
	const struct answer *ignored;

	noh_check(!noh_ask(user, question, 100, &ignored));
	for (int i = 0; i < 5; i++) {
		noh_send(user, set_timer, .ms = 10);
		noh_send(user, set_timer, .ms = 10);
		noh_test_advance(20);
	}
	noh_check(lives());
	for (int i = 0; i < 3; i++)
		noh_send(user, set_timer, .ms = 10);
	noh_check(has_failed("over its quota of timers: 2"));
}

Simulated(quota, of_children_counts_those_that_have_not_ended)
{
	noh_actor user = monitored_user();

	for (int i = 0; i < 5; i++) {
		noh_send(user, have_child);
		noh_send(user, have_child);
		noh_test_settle();
	}
	noh_check(lives());
	noh_send(user, have_child);
	noh_send(user, have_child);
	noh_send(user, fill);
	noh_test_settle();
	noh_check(lives());
}

struct parent {
	int unused;
};

static void on_have_three(struct parent *self, const struct have_child *msg)
{
	(void)self;
	(void)msg;
	for (int i = 0; i < 3; i++)
		noh_spawn(child);
}

NOH_ACTOR_WITH(parent, (.children = 2), (have_child, on_have_three));

Simulated(quota, of_children_ends_who_spawns_more)
{
	noh_send(noh_spawn_with(parent, (.monitored = true)), have_child);
	noh_check(has_failed("over its quota of children: 2"));
}

Simulated(quota, of_the_mailbox_ends_who_is_sent_more)
{
	noh_actor user = monitored_user();
	uint64_t before = noh_dead_letters();
	noh_test_settle();

	for (int i = 0; i < 10; i++)
		noh_check(!noh_send(user, fill));
	noh_check(lives());
	for (int i = 0; i < 11; i++)
		noh_check(!noh_send(user, fill));
	noh_check(has_failed("over its quota of mailbox_messages: 10"));
	noh_check(noh_dead_letters() == before + 11);
}

Simulated(quota, of_the_mailbox_counts_what_comes_before_the_start)
{
	noh_actor user = monitored_user();

	for (int i = 0; i < 11; i++)
		noh_check(!noh_send(user, fill));
	noh_check(has_failed("over its quota of mailbox_messages: 10"));
}

Simulated(quota, of_the_mailbox_begins_anew_with_a_life)
{
	struct user state = {0};
	noh_actor user = noh_spawn_with(user, (.monitored = true, .keeps_place = true));
	noh_test_settle();

	for (int i = 0; i < 11; i++)
		noh_send(user, fill);
	noh_check(has_failed("over its quota of mailbox_messages: 10"));
	noh_restart(user, &state);
	noh_monitor(user, false);
	noh_check(lives());
	noh_send(user, fill);
	noh_check(lives());
}
