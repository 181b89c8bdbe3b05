/* Drop callbacks that fail: nothing but the callback ends, wherever it was called. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(gift, (u64, number), (owned, object), (owned, second));
NOH_MESSAGE(load, (bytes, data));
NOH_MESSAGE(keep_it, (owned, object));
NOH_MESSAGE(fail, (owned, object));
NOH_MESSAGE(got, (u64, number));

static int drops;

static void fail_in_drop(void *object)
{
	drops++;
	free(object);
	noh_fail("in a drop");
}

static void wait_in_drop(void *object)
{
	free(object);
	drops++;
	noh_sleep(1000);
	drops += 100;
}

struct receiver {
	noh_actor to;
};

static void on_gift(struct receiver *self, const struct gift *msg)
{
	noh_send(self->to, got, .number = msg->number);
}

static void on_load(struct receiver *self, const struct load *msg)
{
	noh_keep_bytes(msg->data);
	noh_send(self->to, got, .number = msg->data.size);
}

static void on_keep_it(struct receiver *self, const struct keep_it *msg)
{
	(void)self;
	noh_keep(keep_it, msg);
}

static void on_fail(struct receiver *self, const struct fail *msg)
{
	(void)self;
	(void)msg;
	noh_fail("in the handler");
}

NOH_ACTOR(receiver, (gift, on_gift), (load, on_load), (keep_it, on_keep_it), (fail, on_fail));

static noh_owned failing_object(void)
{
	return (noh_owned){malloc(1), fail_in_drop};
}

static noh_actor spawn_receiver(noh_actor inbox)
{
	return noh_spawn_with(receiver, (.detached = true, .monitored = true), .to = inbox);
}

static bool is_down(int why, const char *reason)
{
	noh_test_settle();
	const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);
	return down && down->why == why && !strcmp(down->reason, reason);
}

Simulated(drop, that_fails_does_not_end_who_had_the_object_last)
{
	noh_actor inbox = noh_test_inbox(), receiver = spawn_receiver(inbox);
	drops = 0;

	noh_send(receiver, gift, .number = 1, .object = failing_object(),
		 .second = failing_object());
	noh_send(receiver, gift, .number = 2);
	noh_test_settle();

	noh_check(noh_test_sent(inbox, got, .number = 1));
	noh_check(noh_test_sent(inbox, got, .number = 2));
	noh_check(drops == 2);
}

Simulated(drop, that_fails_at_the_end_lets_the_actor_end)
{
	noh_actor inbox = noh_test_inbox(), receiver = spawn_receiver(inbox);
	drops = 0;
	noh_send(receiver, keep_it, .object = failing_object());
	noh_send(receiver, keep_it, .object = failing_object());
	noh_send(receiver, load, .data = noh_bytes_wrap("bytes", 5, fail_in_drop, malloc(1)));
	noh_receive(0); // the bytes are only the receiver's now
	noh_test_settle();

	noh_stop(receiver);

	noh_check(is_down(NOH_WHY_NORMAL, ""));
	noh_check(drops == 3);
}

Simulated(drop, that_fails_after_a_failure_leaves_its_reason)
{
	noh_actor inbox = noh_test_inbox(), receiver = spawn_receiver(inbox);
	drops = 0;

	noh_send(receiver, fail, .object = failing_object());

	noh_check(is_down(NOH_WHY_FAILED, "in the handler"));
	noh_check(drops == 1);
}

Simulated(drop, that_fails_in_a_fiber_lets_it_go_on)
{
	drops = 0;
	noh_send(noh_self(), gift, .number = 1, .object = failing_object());
	noh_send(noh_self(), gift, .number = 2, .object = failing_object());

	noh_check(noh_as(noh_receive(0, gift), gift)->number == 1);
	noh_check(noh_as(noh_receive(0, gift), gift)->number == 2);
	noh_check(!noh_receive(0, gift));

	noh_check(drops == 2);
}

Simulated(drop, that_would_wait_fails)
{
	drops = 0;
	noh_send(noh_self(), gift, .number = 1, .object = {malloc(1), wait_in_drop});

	noh_check(noh_receive(0, gift));
	noh_check(!noh_receive(0, gift));

	noh_check(drops == 1);
}

static void *send_what_nobody_takes(void *unused)
{
	noh_send(NOH_NOBODY, gift, .number = 1, .object = failing_object());
	return unused;
}

Test(drop, that_fails_in_a_plain_thread_lets_it_go_on)
{
	pthread_t thread;
	drops = 0;

	cr_assert_eq(pthread_create(&thread, NULL, send_what_nobody_takes, NULL), 0);
	pthread_join(thread, NULL);

	cr_expect_eq(drops, 1);
}
