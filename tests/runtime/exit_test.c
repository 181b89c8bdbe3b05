/* Exit signals without a link, who may trap what, and reasons: the same wherever they are told. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(end, (i64, code), (str, reason));
NOH_MESSAGE(fail, (str, reason));
NOH_MESSAGE(trap, (flag, on));
NOH_MESSAGE(was_trapping, (flag, on));
NOH_MESSAGE(have_child);
NOH_MESSAGE(child_is, (actor, who));
NOH_MESSAGE(exit_others, (actor, who), (i64, code), (str, reason));
NOH_MESSAGE(number, (u64, value));
NOH_MESSAGE(stopped, (i64, why), (i64, code), (str, reason));
NOH_MESSAGE(heard, (actor, from), (i64, why), (i64, code), (str, reason));
NOH_MESSAGE(undone);
NOH_MESSAGE(answer);
NOH_REQUEST(question, answer);

struct member {
	noh_actor to;
};

extern const struct noh_actor_type member_actor;

static void on_end(struct member *self, const struct end *msg)
{
	(void)self;
	noh_end((int)msg->code, msg->reason);
}

static void on_fail(struct member *self, const struct fail *msg)
{
	(void)self;
	noh_fail("%s", msg->reason);
}

static void on_trap(struct member *self, const struct trap *msg)
{
	noh_send(self->to, was_trapping, .on = noh_trap_exits(msg->on));
}

static void on_have_child(struct member *self, const struct have_child *msg)
{
	(void)msg;
	noh_send(self->to, child_is, .who = noh_spawn(member, .to = self->to));
}

static void on_exit_others(struct member *self, const struct exit_others *msg)
{
	noh_send(msg->who, number, .value = 1);
	noh_send_exit(msg->who, (int)msg->code, msg->reason);
	noh_send(msg->who, number, .value = 2);
	(void)self;
}

static void on_number(struct member *self, const struct number *msg)
{
	noh_send(self->to, number, .value = msg->value);
}

static void on_exit_signal(struct member *self, const struct noh_exit *msg)
{
	noh_check(noh_same(noh_sender(), msg->from));
	noh_send(self->to, heard, .from = msg->from, .why = msg->why, .code = msg->code,
		 .reason = msg->reason);
}

static void on_stopping(struct member *self, const struct noh_stopping *msg)
{
	noh_send(self->to, stopped, .why = msg->why, .code = msg->code, .reason = msg->reason);
}

NOH_ACTOR(member, (end, on_end), (fail, on_fail), (trap, on_trap), (have_child, on_have_child),
	  (exit_others, on_exit_others), (number, on_number), (noh_exit, on_exit_signal),
	  (noh_stopping, on_stopping));

static noh_actor spawn_member(noh_actor inbox)
{
	noh_actor member = noh_spawn_with(member, (.detached = true), .to = inbox);
	noh_monitor(member, true);
	return member;
}

static noh_actor spawn_trapper(noh_actor inbox)
{
	noh_actor member = spawn_member(inbox);
	noh_send(member, trap, .on = true);
	noh_test_settle();
	noh_test_take(inbox, was_trapping);
	return member;
}

// The one noh_down that has come.
static const struct noh_down *down(void)
{
	noh_test_settle();
	return noh_as(noh_receive(0, noh_down), noh_down);
}

static bool is_down(const struct noh_down *down, int why, int64_t code, const char *reason)
{
	return down && down->why == why && down->code == code && !strcmp(down->reason, reason);
}

// ---- signals

Simulated(exit_signal, ends_who_does_not_trap_it)
{
	noh_actor inbox = noh_test_inbox(), member = spawn_member(inbox);

	noh_send_exit(member, 5, "told so");

	noh_check(is_down(down(), NOH_WHY_FAILED, 5, "told so"));
	noh_check(noh_test_sent(inbox, stopped, .why = NOH_WHY_FAILED, .code = 5,
				.reason = "told so"));
}

Simulated(exit_signal, reaches_who_traps_it_as_a_message)
{
	noh_actor inbox = noh_test_inbox(), member = spawn_trapper(inbox);

	noh_send_exit(member, 5, "told so");
	noh_test_settle();

	noh_check(noh_test_sent(inbox, heard, .from = noh_self(), .why = NOH_WHY_FAILED, .code = 5,
				.reason = "told so"));
	noh_check(!down());
}

Simulated(exit_signal, of_a_normal_end_does_nothing)
{
	noh_actor inbox = noh_test_inbox(), member = spawn_member(inbox);

	noh_send_exit(member, 0, "normal");

	noh_check(!down());
}

Simulated(exit_signal, of_a_normal_end_can_be_trapped)
{
	noh_actor inbox = noh_test_inbox(), member = spawn_trapper(inbox);

	noh_send_exit(member, 0, NULL);
	noh_test_settle();

	noh_check(noh_test_sent(inbox, heard, .from = noh_self(), .why = NOH_WHY_NORMAL));
}

Simulated(exit_signal, keeps_its_place_between_messages)
{
	noh_actor inbox = noh_test_inbox(), from = spawn_member(inbox), to = spawn_trapper(inbox);

	noh_send(from, exit_others, .who = to, .code = 1, .reason = "between");
	noh_test_settle();

	noh_check(noh_test_sent(inbox, number, .value = 1));
	noh_check(noh_test_sent(inbox, heard, .from = from, .why = NOH_WHY_FAILED, .code = 1,
				.reason = "between"));
	noh_check(noh_test_sent(inbox, number, .value = 2));
}

Simulated(exit_signal, ends_an_actor_between_messages)
{
	noh_actor inbox = noh_test_inbox(), from = spawn_member(inbox), to = spawn_member(inbox);

	noh_send(from, exit_others, .who = to, .code = 1, .reason = "between");
	noh_test_settle();

	noh_check(noh_test_sent(inbox, number, .value = 1));
	noh_check(noh_test_take(inbox, stopped));
	noh_check(!noh_test_take(inbox, number));
}

Simulated(exit_signal, to_oneself_ends_this_actor)
{
	noh_actor inbox = noh_test_inbox(), member = spawn_member(inbox);

	noh_send(member, exit_others, .who = member, .code = 2, .reason = "myself");

	noh_check(is_down(down(), NOH_WHY_FAILED, 2, "myself"));
}

Simulated(exit_signal, to_one_that_is_gone_does_nothing)
{
	noh_actor inbox = noh_test_inbox(), member = spawn_member(inbox);
	noh_stop(member);
	noh_check(is_down(down(), NOH_WHY_NORMAL, 0, ""));

	noh_send_exit(member, 1, "too late");
	noh_send_exit(NOH_NOBODY, 1, "nobody");

	noh_check(!down());
}

static void *send_exit_from_a_thread(void *argument)
{
	noh_send_exit(*(noh_actor *)argument, 6, "from outside");
	return NULL;
}

static int hear_of_a_thread(void *unused)
{
	noh_actor self = noh_self();
	pthread_t thread;
	(void)unused;

	noh_trap_exits(true);
	noh_check(!pthread_create(&thread, NULL, send_exit_from_a_thread, &self));
	const struct noh_exit *exit = noh_as(noh_receive(20000, noh_exit), noh_exit);
	pthread_join(thread, NULL);
	noh_check(exit && noh_same(exit->from, NOH_NOBODY) && exit->code == 6);
	return 0;
}

Test(exit_signal, may_come_from_a_plain_thread)
{
	cr_expect_eq(noh_run(hear_of_a_thread, NULL, .workers = 2), 0);
}

// ---- trapping

Simulated(trapping, does_not_stop_a_kill)
{
	noh_actor inbox = noh_test_inbox(), member = spawn_trapper(inbox);

	noh_kill(member);

	noh_check(is_down(down(), NOH_WHY_KILLED, 0, "killed"));
	noh_check(!noh_test_take(inbox, heard));
	noh_check(!noh_test_take(inbox, stopped));
}

Simulated(trapping, can_be_ended_again)
{
	noh_actor inbox = noh_test_inbox(), member = spawn_trapper(inbox);
	noh_send(member, trap, .on = false);
	noh_test_settle();
	noh_check(noh_test_sent(inbox, was_trapping, .on = true));

	noh_send_exit(member, 1, "again");

	noh_check(is_down(down(), NOH_WHY_FAILED, 1, "again"));
}

struct deaf {
	int unused;
};

static void deaf_traps(struct deaf *self, const struct trap *msg)
{
	(void)self;
	noh_trap_exits(msg->on);
}

NOH_ACTOR(deaf, (trap, deaf_traps));

Simulated(trapping, without_an_entry_for_it_fails)
{
	noh_actor deaf = noh_spawn_with(deaf, (.detached = true, .monitored = true));

	noh_send(deaf, trap, .on = true);

	noh_check(is_down(down(), NOH_WHY_FAILED, 0,
			  "traps exits, but has no entry (noh_exit, on_exit)"));
}

// ---- fibers

struct waiting {
	noh_actor to;
	int how;
};

static void tell_undone(void *to)
{
	noh_send(*(noh_actor *)to, undone);
}

static void wait_in_some_way(void *state)
{
	struct waiting *self = (struct waiting *)state;
	const struct answer *answer;

	noh_defer(tell_undone, &self->to);
	switch (self->how) {
	case 0:
		noh_receive(-1, number);
		break;
	case 1:
		noh_sleep(1000000);
		break;
	case 2:
		noh_ask(self->to, question, 1000000, &answer);
		break;
	case 3:
		for (;;)
			noh_yield();
	}
	noh_send(self->to, number, .value = 99);
}

NOH_FIBER(waiting, wait_in_some_way);

Simulated(exit_signal, ends_a_fiber_wherever_it_waits)
{
	noh_actor inbox = noh_test_inbox();
	for (int how = 0; how < 4; how++) {
		noh_actor fiber = noh_spawn_with(waiting, (.detached = true, .monitored = true),
						 .to = inbox, .how = how);
		if (how < 3)
			noh_test_settle();

		noh_send_exit(fiber, 8, "wherever");

		noh_check(is_down(down(), NOH_WHY_FAILED, 8, "wherever"));
		noh_check(noh_test_take(inbox, undone));
		noh_check(!noh_test_take(inbox, number));
	}
}

static void exit_itself(void *state)
{
	struct waiting *self = (struct waiting *)state;

	noh_send_exit(noh_self(), 8, "at the next wait");
	noh_send(self->to, number, .value = 1);
	noh_sleep(0);
	noh_send(self->to, number, .value = 2);
}

static const struct noh_actor_type exits_itself_actor = {.abi = NOH_ABI,
							 .name = "exits_itself",
							 .state_size = sizeof(struct waiting),
							 .run = exit_itself};

Simulated(exit_signal, ends_a_fiber_that_runs_at_its_next_wait)
{
	struct waiting state = {.to = noh_test_inbox()};
	struct noh_spawn_options options = {
		.size = sizeof(options), .detached = true, .monitored = true};
	noh_spawn_type(&exits_itself_actor, &state, &options);

	noh_check(is_down(down(), NOH_WHY_FAILED, 8, "at the next wait"));
	noh_check(noh_test_sent(state.to, number, .value = 1));
	noh_check(!noh_test_take(state.to, number));
}

Simulated(exit_signal, is_received_by_a_fiber_that_traps_it)
{
	noh_actor inbox = noh_test_inbox(), member = spawn_member(inbox);
	noh_check(!noh_trap_exits(true));

	noh_send(member, exit_others, .who = noh_self(), .code = 9, .reason = "received");
	noh_test_settle();

	const struct noh_exit *exit = noh_as(noh_receive(0, noh_exit), noh_exit);
	noh_check(exit && noh_same(exit->from, member) && exit->why == NOH_WHY_FAILED);
	noh_check(exit->code == 9 && !strcmp(exit->reason, "received"));
	noh_check(noh_as(noh_receive(0, number), number)->value == 1);
	noh_check(noh_as(noh_receive(0, number), number)->value == 2);
}

// ---- reasons: what the monitor, the linked one and the actor itself are told is the same

struct way {
	void (*end)(noh_actor who);
	int why;
	int64_t code;
	const char *reason;
	bool tells_itself;
};

static void by_stop(noh_actor who)
{
	noh_stop(who);
}

static void by_end(noh_actor who)
{
	noh_send(who, end, .code = 0, .reason = "well done");
}

static void by_end_with_a_code(noh_actor who)
{
	noh_send(who, end, .code = -12, .reason = "a code");
}

static void by_failing(noh_actor who)
{
	noh_send(who, fail, .reason = "a text");
}

static void by_kill(noh_actor who)
{
	noh_kill(who);
}

static void by_exit_signal(noh_actor who)
{
	noh_send_exit(who, 1 << 20, "a signal");
}

static const struct way ways[] = {
	{by_stop, NOH_WHY_NORMAL, 0, "", true},
	{by_end, NOH_WHY_NORMAL, 0, "well done", true},
	{by_end_with_a_code, NOH_WHY_FAILED, -12, "a code", true},
	{by_failing, NOH_WHY_FAILED, 0, "a text", true},
	{by_kill, NOH_WHY_KILLED, 0, "killed", false},
	{by_exit_signal, NOH_WHY_FAILED, 1 << 20, "a signal", true},
};

Simulated(reason, is_told_exactly_to_all)
{
	noh_actor inbox = noh_test_inbox();
	noh_trap_exits(true);

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		const struct way *way = &ways[i];
		noh_actor member = spawn_member(inbox);
		noh_link(member);
		noh_test_settle();

		way->end(member);

		noh_check(is_down(down(), way->why, way->code, way->reason));
		const struct noh_exit *exit = noh_as(noh_receive(0, noh_exit), noh_exit);
		noh_check(exit && exit->why == way->why && exit->code == way->code);
		noh_check(!strcmp(exit->reason, way->reason));
		noh_check(!way->tells_itself ||
			  noh_test_sent(inbox, stopped, .why = way->why, .code = way->code,
					.reason = way->reason));
		noh_check(!noh_test_take(inbox, stopped));
	}
}

Simulated(reason, of_a_parents_end_is_shutdown)
{
	noh_actor inbox = noh_test_inbox(), parent = spawn_member(inbox);
	noh_send(parent, have_child);
	noh_test_settle();
	noh_actor child = noh_test_take(inbox, child_is)->who;
	uint64_t monitor = noh_monitor(child, true);
	noh_test_settle();

	noh_send(parent, fail, .reason = "the parent's own");

	const struct noh_down *of_child = down();
	noh_check(of_child && of_child->monitor == monitor);
	noh_check(is_down(of_child, NOH_WHY_SHUTDOWN, 0, "shutdown"));
	noh_check(is_down(down(), NOH_WHY_FAILED, 0, "the parent's own"));
}

Simulated(reason, of_a_failure_that_nobody_handles_climbs_whole)
{
	noh_actor inbox = noh_test_inbox(), parent = spawn_member(inbox);
	noh_send(parent, have_child);
	noh_test_settle();
	noh_actor child = noh_test_take(inbox, child_is)->who;

	noh_send(child, end, .code = 42, .reason = "climbs");

	noh_check(is_down(down(), NOH_WHY_FAILED, 42, "climbs"));
}
