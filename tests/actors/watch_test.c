/* Cells: the latest value, read without a message, and notices that it has changed. */
#include <errno.h>
#include <string.h>

#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(limit, (u64, messages), (str, why));
NOH_MESSAGE(level, (i64, value));
NOH_MESSAGE(saw, (i64, value));
NOH_MESSAGE(look);
NOH_MESSAGE(fail);
NOH_MESSAGE(unsubscribe);
NOH_MESSAGE(picture, (bytes, pixels));
NOH_MESSAGE(treasure, (owned, chest));

Simulated(watch, holds_the_latest_value)
{
	struct noh_watch *limits = noh_watch("limits");

	noh_check(limits && limits == noh_watch_in(noh_runtime(), "limits"));
	noh_check(limits != noh_watch("other") && !noh_watch(""));
	noh_check(!noh_watch_get(limits, limit) && !noh_watch_hold(limits));
	noh_check(noh_watch_version(limits) == 0);
	noh_check(!noh_watch_set(limits, limit, .messages = 5, .why = "to begin with"));
	noh_check(!noh_watch_set(limits, limit, .messages = 10, .why = "it went well"));
	const struct limit *limit = noh_watch_get(limits, limit);
	noh_check(limit && limit->messages == 10 && !strcmp(limit->why, "it went well"));
	noh_check(noh_watch_version(limits) == 2);
}

Simulated(watch, gives_only_the_type_that_is_asked_for)
{
	struct noh_watch *cell = noh_watch("level");
	noh_watch_set(cell, level, .value = 3);
	noh_check(!noh_watch_get(cell, limit) && noh_watch_get(cell, level)->value == 3);
	noh_check(noh_watch_set(cell, treasure, .chest = {NULL, NULL}) == -EINVAL);
	noh_check(noh_watch_get(cell, level)->value == 3);
}

static int drops;

static void count_drop(void *unused)
{
	(void)unused;
	drops++;
}

static void set_picture(struct noh_watch *cell)
{
	noh_watch_set(cell, picture, .pixels = noh_bytes_wrap("picture", 7, count_drop, NULL));
	noh_receive(0, level); // what this fiber was lent
}

Simulated(watch, value_stays_as_it_is_for_who_reads_it)
{
	struct noh_watch *cell = noh_watch("picture");
	drops = 0;
	set_picture(cell);
	const struct noh_shared *held = noh_watch_hold(cell);
	const struct picture *read = noh_watch_get(cell, picture);

	noh_watch_set(cell, picture);
	noh_check(!memcmp(read->pixels.at, "picture", 7) && drops == 0);
	noh_receive(0, level);
	noh_check(!memcmp(((const struct picture *)held->body)->pixels.at, "picture", 7));
	noh_check(drops == 0);
	noh_shared_drop(held);
	noh_check(drops == 1);
}

static int leave_a_picture(void *unused)
{
	(void)unused;
	set_picture(noh_watch("picture"));
	return 0;
}

Test(watch, lets_go_of_its_value_when_the_runtime_ends)
{
	drops = 0;
	cr_expect_eq(noh_simulate(1, leave_a_picture, NULL), 0);
	cr_expect_eq(drops, 1);
}

// ---- notices

struct observer {
	noh_actor to;
};

static void on_changed(struct observer *self, const struct noh_changed *msg)
{
	noh_send(self->to, saw, .value = noh_watch_get(noh_watch(msg->cell), level)->value);
}

static void on_fail(struct observer *self, const struct fail *msg)
{
	(void)self;
	(void)msg;
	noh_fail("told so");
}

static void on_unsubscribe(struct observer *self, const struct unsubscribe *msg)
{
	(void)self;
	(void)msg;
	noh_watch_unsubscribe(noh_watch("level"), noh_self());
}

NOH_ACTOR(observer, (noh_changed, on_changed), (fail, on_fail), (unsubscribe, on_unsubscribe));

Simulated(watch, tells_subscribers_of_a_change)
{
	struct noh_watch *cell = noh_watch("level");
	noh_actor inbox = noh_test_inbox(), observer = noh_spawn(observer, .to = inbox);
	noh_watch_set(cell, level, .value = 1);
	noh_check(!noh_watch_subscribe(cell, observer) && !noh_watch_subscribe(cell, observer));
	noh_check(noh_watch_subscribe(cell, NOH_NOBODY) == -ESRCH);

	noh_test_settle();
	noh_check(!noh_test_take(inbox, saw)); // that is no change
	for (int64_t i = 2; i < 5; i++) {
		noh_watch_set(cell, level, .value = i);
		noh_test_settle();
		noh_check(noh_test_sent(inbox, saw, .value = i));
	}
}

Simulated(watch, tells_once_of_many_changes)
{
	struct noh_watch *cell = noh_watch("level");
	noh_actor inbox = noh_test_inbox(), observer = noh_spawn(observer, .to = inbox);
	noh_watch_subscribe(cell, observer);

	for (int64_t i = 0; i < 100; i++)
		noh_watch_set(cell, level, .value = i);
	noh_test_settle();
	noh_check(noh_test_sent(inbox, saw, .value = 99));
	noh_check(!noh_test_take(inbox, saw));
}

Simulated(watch, tells_fibers_that_wait)
{
	struct noh_watch *cell = noh_watch("level");
	noh_watch_subscribe(cell, noh_self());
	noh_watch_set(cell, level, .value = 1);
	noh_check(noh_receive(0, noh_changed) && !noh_receive(0, noh_changed));
	noh_watch_set(cell, level, .value = 2);
	noh_watch_set(cell, level, .value = 3);
	noh_check(noh_receive(0, noh_changed) && noh_watch_get(cell, level)->value == 3);
	noh_check(!noh_receive(0, noh_changed));
}

Simulated(watch, tells_nothing_after_unsubscribing)
{
	struct noh_watch *cell = noh_watch("level");
	noh_actor inbox = noh_test_inbox(), observer = noh_spawn(observer, .to = inbox);
	noh_watch_subscribe(cell, observer);
	noh_watch_subscribe(cell, noh_self());

	noh_watch_set(cell, level, .value = 1);
	noh_check(!noh_watch_unsubscribe(cell, noh_self()));
	noh_check(!noh_receive(0, noh_changed));
	noh_check(noh_watch_unsubscribe(cell, noh_self()) == -ENOENT);
	noh_send(observer, unsubscribe);
	noh_test_settle();
	while (noh_test_take(inbox, saw)) {
	}
	noh_watch_set(cell, level, .value = 2);
	noh_test_settle();
	noh_check(!noh_test_take(inbox, saw));
}

Simulated(watch, keeps_subscribers_over_restarts_until_their_end)
{
	struct noh_watch *cell = noh_watch("level");
	noh_actor inbox = noh_test_inbox(), observer;
	noh_actor supervisor = noh_supervise(
		(.max_restarts = 3), NOH_CHILD(observer, (.to = inbox), .ret_handle = &observer));
	noh_watch_subscribe(cell, observer);

	noh_send(observer, fail);
	noh_watch_set(cell, level, .value = 1);
	noh_test_settle();
	noh_check(noh_test_sent(inbox, saw, .value = 1));
	noh_watch_set(cell, level, .value = 2);
	noh_test_settle();
	noh_check(noh_test_sent(inbox, saw, .value = 2));
	noh_stop(supervisor);
	noh_test_settle();
	noh_check(noh_watch_unsubscribe(cell, observer) == -ENOENT);
	noh_watch_set(cell, level, .value = 3);
}
