/* An actor that links, unlinks, traps and ends as it is told, and tells an inbox what it hears; and
 * how a test sees who still lives. What the tests of links share. */
#ifndef TESTS_SUPPORT_MEMBER_H
#define TESTS_SUPPORT_MEMBER_H

#include <string.h>

#include <noh/test.h>

NOH_MESSAGE(link_to, (actor, who));
NOH_MESSAGE(unlink_from, (actor, who));
NOH_MESSAGE(trap, (flag, on));
NOH_MESSAGE(end, (i64, code), (str, reason));
NOH_MESSAGE(fail, (str, reason));
NOH_MESSAGE(say, (actor, to), (u64, number));
NOH_MESSAGE(said, (u64, number));
NOH_MESSAGE(have_child, (flag, linked), (flag, fails));
NOH_MESSAGE(child_is, (actor, who));
NOH_MESSAGE(heard, (actor, from), (i64, why), (i64, code), (str, reason));
NOH_MESSAGE(stopped, (actor, who), (i64, why), (i64, code), (str, reason));
NOH_MESSAGE(started, (u64, restarts));

// Does as it is told, and tells what it hears.
struct member {
	noh_actor to;
	bool traps, fails;
};

extern const struct noh_actor_type member_actor;

static inline void on_start(struct member *self, const struct noh_start *msg)
{
	if (self->traps)
		noh_trap_exits(true);
	noh_send(self->to, started, .restarts = msg->restarts);
	if (self->fails)
		noh_fail("at once");
}

static inline void on_link_to(struct member *self, const struct link_to *msg)
{
	(void)self;
	noh_link(msg->who);
}

static inline void on_unlink_from(struct member *self, const struct unlink_from *msg)
{
	(void)self;
	noh_unlink(msg->who);
}

static inline void on_trap(struct member *self, const struct trap *msg)
{
	(void)self;
	noh_trap_exits(msg->on);
}

static inline void on_end(struct member *self, const struct end *msg)
{
	(void)self;
	noh_end((int)msg->code, msg->reason);
}

static inline void on_fail(struct member *self, const struct fail *msg)
{
	(void)self;
	noh_fail("%s", msg->reason);
}

static inline void on_say(struct member *self, const struct say *msg)
{
	(void)self;
	noh_send(msg->to, said, .number = msg->number);
}

static inline void on_said(struct member *self, const struct said *msg)
{
	noh_send(self->to, said, .number = msg->number);
}

static inline void on_have_child(struct member *self, const struct have_child *msg)
{
	noh_actor child = noh_spawn_with(member, (.linked = msg->linked), .to = self->to,
					 .fails = msg->fails);
	noh_send(self->to, child_is, .who = child);
}

static inline void on_exit_signal(struct member *self, const struct noh_exit *msg)
{
	noh_send(self->to, heard, .from = msg->from, .why = msg->why, .code = msg->code,
		 .reason = msg->reason);
}

static inline void on_stopping(struct member *self, const struct noh_stopping *msg)
{
	noh_send(self->to, stopped, .who = noh_self(), .why = msg->why, .code = msg->code,
		 .reason = msg->reason);
}

NOH_ACTOR(member, (noh_start, on_start), (link_to, on_link_to), (unlink_from, on_unlink_from),
	  (trap, on_trap), (end, on_end), (fail, on_fail), (say, on_say), (said, on_said),
	  (have_child, on_have_child), (noh_exit, on_exit_signal), (noh_stopping, on_stopping));

static inline noh_actor spawn_member(noh_actor inbox)
{
	return noh_spawn_with(member, (.detached = true), .to = inbox);
}

static inline noh_actor spawn_trapper(noh_actor inbox)
{
	return noh_spawn_with(member, (.detached = true), .to = inbox, .traps = true);
}

static inline void link_both(noh_actor a, noh_actor b)
{
	noh_send(a, link_to, .who = b);
	noh_test_settle();
}

// Its failure comes to the inbox's member, by one link and no other.
static inline bool is_heard_once(noh_actor failing, noh_actor inbox)
{
	noh_send(failing, fail, .reason = "once");
	noh_test_settle();
	return noh_test_take(inbox, heard) && !noh_test_take(inbox, heard);
}

// How an actor ended that this fiber watches.
static inline bool has_ended(noh_actor who, int why, const char *reason)
{
	noh_test_settle();
	uint64_t monitor = noh_monitor(who, true);
	noh_test_settle();
	noh_demonitor(monitor);
	const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);
	return down && noh_same(down->who, who) && down->why == why &&
	       !strcmp(down->reason, reason);
}

static inline bool lives(noh_actor who)
{
	uint64_t monitor = noh_monitor(who, true);
	noh_test_settle();
	const struct noh_delivery *in = noh_receive(0, noh_down);
	noh_demonitor(monitor);
	return !in;
}

#endif
