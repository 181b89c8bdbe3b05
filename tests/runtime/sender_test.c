/* Whose noh_sender() is, of messages that the library sends. */
#include <errno.h>

#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(rang);
NOH_MESSAGE(told, (u64, what), (actor, sender), (i64, err));

// In the order in which they come.
enum what { START, TIMER, CHILD, MONITOR };

struct child {
	uint64_t unused;
};

static void end_at_once(struct child *self, const struct noh_start *msg)
{
	(void)self;
	(void)msg;
	noh_end(0, NULL);
}

NOH_ACTOR(child, (noh_start, end_at_once));

struct bystander {
	uint64_t unused;
};

static void on_nothing(struct bystander *self, const struct rang *msg)
{
	(void)self;
	(void)msg;
}

NOH_ACTOR(bystander, (rang, on_nothing));

struct listener {
	noh_actor other;
};

static void tell(enum what what, int err)
{
	noh_send(noh_parent(), told, .what = what, .sender = noh_sender(), .err = err);
}

static void on_start(struct listener *self, const struct noh_start *msg)
{
	(void)self;
	(void)msg;
	tell(START, noh_send_back(rang));
	noh_after(1, rang);
}

static void on_rang(struct listener *self, const struct rang *msg)
{
	(void)self;
	(void)msg;
	tell(TIMER, 0);
	noh_spawn(child);
}

static void on_down(struct listener *self, const struct noh_down *msg)
{
	tell(msg->monitor ? MONITOR : CHILD, noh_send_back(rang));
	if (msg->monitor)
		return;
	noh_monitor(self->other, true);
	noh_stop(self->other);
}

NOH_ACTOR(listener, (noh_start, on_start), (rang, on_rang), (noh_down, on_down));

static void expect_told(enum what what, noh_actor sender, int err)
{
	const struct told *msg = noh_as(noh_receive(1000, told), told);

	noh_check(msg && msg->what == what && noh_same(msg->sender, sender) && msg->err == err);
}

Simulated(sender, of_what_the_library_sends)
{
	noh_actor other = noh_spawn(bystander);
	noh_actor listener = noh_spawn(listener, .other = other);

	expect_told(START, NOH_NOBODY, -EINVAL);
	expect_told(TIMER, listener, 0);
	expect_told(CHILD, NOH_NOBODY, -EINVAL);
	expect_told(MONITOR, other, 0);

	noh_test_settle();
	noh_check(noh_dead_letters() == 1); // what was sent back to who has ended
}
