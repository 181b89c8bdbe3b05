/* Becoming: another set of handlers on the same state. */
#include <errno.h>

#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(push);
NOH_MESSAGE(lock);
NOH_MESSAGE(unlock);
NOH_MESSAGE(opened, (u64, times));
NOH_MESSAGE(refused);
NOH_MESSAGE(fail);
NOH_MESSAGE(go_wrong);
NOH_MESSAGE(answer, (u64, value));
NOH_REQUEST(question, answer);

struct door {
	noh_actor to;
	uint64_t times;
};

static void on_push(struct door *self, const struct push *msg)
{
	(void)msg;
	noh_send(self->to, opened, .times = ++self->times);
}

static void on_push_locked(struct door *self, const struct push *msg)
{
	(void)msg;
	noh_send(self->to, refused);
}

static void on_lock(struct door *self, const struct lock *msg)
{
	(void)self;
	(void)msg;
	noh_become(locked_door);
}

static void on_unlock(struct door *self, const struct unlock *msg)
{
	(void)self;
	(void)msg;
	noh_become(door);
}

static void on_fail(struct door *self, const struct fail *msg)
{
	(void)self;
	(void)msg;
	noh_fail("told so");
}

static void on_go_wrong(struct door *self, const struct go_wrong *msg)
{
	(void)self;
	(void)msg;
	noh_become(window);
}

static void on_question(struct door *self, const struct question *msg)
{
	(void)msg;
	noh_reply(answer, .value = self->times);
}

NOH_ACTOR(door, (push, on_push), (lock, on_lock), (go_wrong, on_go_wrong), (question, on_question));
NOH_BEHAVIOUR(locked_door, door, (push, on_push_locked), (unlock, on_unlock), (fail, on_fail));

struct window {
	char panes[100];
};

NOH_ACTOR(window);

Simulated(become, goes_on_with_the_other_handlers_on_the_same_state)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor door = noh_spawn(door, .to = inbox);

	noh_send(door, push);
	noh_send(door, lock);
	noh_send(door, push);
	noh_send(door, unlock);
	noh_send(door, push);
	noh_test_settle();

	noh_check(noh_test_sent(inbox, opened, .times = 1));
	noh_check(noh_test_sent(inbox, refused));
	noh_check(noh_test_sent(inbox, opened, .times = 2));
}

Simulated(become, understands_only_what_the_present_handlers_accept)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor door = noh_spawn(door, .to = inbox);
	uint64_t before = noh_dead_letters();
	const struct answer *answer;

	noh_send(door, unlock);
	noh_test_settle();
	noh_check(noh_dead_letters() == before + 1);

	noh_check(noh_ask(door, question, 100, &answer) == 0);
	noh_send(door, lock);
	noh_check(noh_ask(door, question, 100, &answer) == -ENOTSUP);
}

Simulated(become, begins_anew_after_a_restart)
{
	noh_actor inbox = noh_test_inbox();
	struct door state = {.to = inbox, .times = 10};
	noh_actor door =
		noh_spawn_with(door, (.keeps_place = true, .monitored = true), .to = inbox);

	noh_send(door, lock);
	noh_send(door, fail);
	noh_test_settle();
	noh_restart(door, &state);
	noh_send(door, push);
	noh_test_settle();

	noh_check(noh_test_sent(inbox, opened, .times = 11));
}

Simulated(become, fails_where_the_state_has_another_size)
{
	noh_actor door = noh_spawn_with(door, (.monitored = true), .to = noh_test_inbox());

	noh_send(door, go_wrong);

	const struct noh_down *down = noh_as(noh_receive(100, noh_down), noh_down);
	noh_check(down && down->why == NOH_WHY_FAILED);
	noh_check(strstr(down->reason, "cannot become window"));
}

Test(become, changes_nothing_for_a_handler_tested_by_itself)
{
	struct door door = {0};

	cr_expect_eq(noh_test_handle(door, &door, NOH_NOBODY, lock), NOH_HANDLED);
	cr_expect_eq(noh_test_handle(locked_door, &door, NOH_NOBODY, push), NOH_HANDLED);
	cr_expect(noh_test_sent(NOH_NOBODY, refused));
}
