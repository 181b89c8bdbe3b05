/* Plain actors, whose turns take the shortest way, leave it in each way there is with a message of
 * theirs in hand: they postpone, take that back, send to themselves, use up their budget, fail,
 * fail while they undo, and end. Each message is handled once, and who comes next in the same slot
 * has a mailbox that works. */
#include <noh/noh.h>

#include "tests/support/stress.h"

enum { PRODUCERS = 3, FLIES = 8 };

NOH_MESSAGE(number, (u64, value));
NOH_MESSAGE(again, (u64, value));
NOH_MESSAGE(last);
NOH_MESSAGE(done, (u64, handled), (u64, sum));
NOH_MESSAGE(go);

static noh_actor root;

// ---- who postpones, and takes it back

struct juggler {
	uint64_t expected; // messages, with those that it sends to itself
	uint64_t handled, sum;
	uint64_t producers; // that are still at it
	bool lets_by;       // what it would postpone else
};

static void look_whether_done(struct juggler *self)
{
	if (self->producers || self->handled < self->expected)
		return;
	noh_send(root, done, .handled = self->handled, .sum = self->sum);
	noh_end(0, NULL);
}

static void on_number(struct juggler *self, const struct number *msg)
{
	if (msg->value % 7 == 0 && !self->lets_by) {
		noh_postpone();
		return;
	}
	if (self->producers && (msg->value % 16 == 3 || msg->value % 16 == 9)) {
		self->lets_by = msg->value % 16 == 3;
		noh_replay();
	}
	if (msg->value % 5 == 0) {
		self->expected++;
		noh_send(noh_self(), again, .value = msg->value);
	}
	self->handled++;
	self->sum += msg->value;
	look_whether_done(self);
}

static void on_again(struct juggler *self, const struct again *msg)
{
	self->handled++;
	self->sum -= msg->value;
	look_whether_done(self);
}

static void on_last(struct juggler *self, const struct last *msg)
{
	(void)msg;
	if (--self->producers)
		return;
	self->lets_by = true;
	noh_replay();
	look_whether_done(self);
}

NOH_ACTOR_WITH(juggler, (.postponed = SIZE_MAX / 2), (number, on_number), (again, on_again),
	       (last, on_last));

struct producer {
	noh_actor to;
	uint64_t from, until;
};

static void on_go(struct producer *self, const struct go *msg)
{
	(void)msg;
	for (int i = 0; i < 20 && self->from < self->until; i++)
		noh_send(self->to, number, .value = self->from++);
	if (self->from < self->until) {
		noh_send(noh_self(), go);
		return;
	}
	noh_send(self->to, last);
	noh_end(0, NULL);
}

NOH_ACTOR(producer, (go, on_go));

static void juggle(uint64_t each)
{
	uint64_t count = PRODUCERS * each, sum = 0, more = 0;
	for (uint64_t i = 0; i < count; i++) {
		sum += i % 5 ? i : 0; // those that are divided by 5 come again, and are taken off
		more += i % 5 == 0;
	}

	noh_actor juggler = noh_spawn(juggler, .expected = count, .producers = PRODUCERS);
	for (uint64_t i = 0; i < PRODUCERS; i++)
		noh_send(noh_spawn(producer, .to = juggler, .from = i * each,
				   .until = (i + 1) * each),
			 go);
	const struct noh_delivery *in = noh_receive(-1, done);
	const struct done *result = noh_as(in, done);
	stress_check(result->handled == count + more && result->sum == sum);
}

// ---- who ends with its first message in hand, and more behind it

struct fly {
	uint64_t dies_of;
};

static void fail_on_purpose(void *unused)
{
	(void)unused;
	noh_fail("while undoing");
}

static void fly_takes_number(struct fly *self, const struct number *msg)
{
	(void)msg;
	switch (self->dies_of) {
	case 0:
		noh_fail("on purpose");
	case 1:
		noh_defer(fail_on_purpose, NULL);
		break;
	case 2:
		noh_postpone();
		noh_end(0, NULL);
		break;
	default:
		noh_end(0, NULL);
	}
}

NOH_ACTOR(fly, (number, fly_takes_number));

static void let_some_die(void)
{
	for (uint64_t i = 0; i < FLIES; i++) {
		noh_actor fly = noh_spawn_with(fly, (.monitored = true), .dies_of = i % 4);
		for (uint64_t value = 0; value <= i; value++)
			noh_send(fly, number, .value = value);
	}
	for (int i = 0; i < FLIES; i++)
		stress_check(noh_receive(-1, noh_down));
}

static int run(void *unused)
{
	(void)unused;
	root = noh_self();
	juggle(stress_rounds(100000));
	for (uint64_t rounds = stress_rounds(2500); rounds; rounds--)
		let_some_die();
	juggle(stress_rounds(10000));
	return 0;
}

static void log_nothing(void *unused, enum noh_level level, noh_actor who, const char *line)
{
	(void)unused;
	(void)level;
	(void)who;
	(void)line;
}

int main(void)
{
	stress_begin();
	for (unsigned workers = 1; workers <= 2; workers++)
		for (uint32_t budget = 0; budget <= 3; budget++) // 0: the default
			stress_check(!noh_run(run, NULL, .workers = workers, .budget = budget,
					      .log = log_nothing));
	return 0;
}
