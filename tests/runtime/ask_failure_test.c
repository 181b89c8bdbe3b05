/* An ask of an actor that ends before it answers hears of it at once, wherever the request is by
 * then, and however that actor ends. */
#include <errno.h>

#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(served, (u64, life));
NOH_REQUEST(serve, served, (u64, where));
NOH_MESSAGE(end, (u64, how));
NOH_MESSAGE(heard, (i64, err), (u64, life));
NOH_MESSAGE(failed_so_often);

// Where the request is when the asked one ends, and how that ends.
enum where { WAITING, TAKEN, FORWARDED, WHERES };
enum how { STOP, KILL, END, END_BADLY, FAIL, PARENT_ENDS, HOWS };

struct server {
	uint64_t life;
};

static void on_start(struct server *self, const struct noh_start *msg)
{
	self->life = msg->restarts + 1;
}

static void on_serve(struct server *self, const struct serve *msg)
{
	if (msg->where == TAKEN)
		noh_reply_later();
	else
		noh_reply(served, .life = self->life);
}

static void on_end(struct server *self, const struct end *msg)
{
	(void)self;
	if (msg->how == FAIL)
		noh_fail("told to");
	noh_end(msg->how == END_BADLY, "told to");
}

NOH_ACTOR(server, (noh_start, on_start), (serve, on_serve), (end, on_end));

// Passes requests on.
struct front {
	noh_actor server;
};

static void on_front_serve(struct front *self, const struct serve *msg)
{
	(void)msg;
	noh_forward(self->server);
}

NOH_ACTOR(front, (serve, on_front_serve));

// Its end is the server's too.
struct parent {
	noh_actor root;
};

NOH_MESSAGE(born, (actor, who));
NOH_MESSAGE(go);

static void on_parent_start(struct parent *self, const struct noh_start *msg)
{
	(void)msg;
	noh_send(self->root, born, .who = noh_spawn(server));
}

static void on_child_down(struct parent *self, const struct noh_down *msg)
{
	(void)self;
	(void)msg;
}

static void on_go(struct parent *self, const struct go *msg)
{
	(void)self;
	(void)msg;
	noh_end(0, NULL);
}

NOH_ACTOR(parent, (noh_start, on_parent_start), (noh_down, on_child_down), (go, on_go));

struct asker {
	noh_actor to, tells;
	uint64_t where;
};

static void ask_once(struct asker *self)
{
	const struct served *answer = NULL;
	int err = noh_ask(self->to, serve, 60 * 1000, &answer, .where = self->where);
	noh_send(self->tells, heard, .err = err, .life = answer ? answer->life : 0);
}

NOH_FIBER(asker, ask_once);

static void make_end(noh_actor server, noh_actor parent, enum how how)
{
	switch (how) {
	case STOP:
		noh_stop(server);
		break;
	case KILL:
		noh_kill(server);
		break;
	case END:
	case END_BADLY:
	case FAIL:
		noh_send(server, end, .how = how);
		break;
	case PARENT_ENDS:
	case HOWS:
		noh_send(parent, go);
		break;
	}
}

static void try(enum where where, enum how how)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor parent = noh_spawn(parent, .root = noh_self());
	noh_actor server = noh_as(noh_receive(-1, born), born)->who;
	noh_actor to = where == FORWARDED ? noh_spawn(front, .server = server) : server;
	int64_t before_ms = noh_now_ms();

	noh_spawn(asker, .to = to, .tells = inbox, .where = TAKEN);
	noh_test_settle(); // it has been taken
	if (where == WAITING) {
		// Another, which reaches it when it has ended, or behind what ends it.
		make_end(server, parent, how);
		noh_spawn(asker, .to = to, .tells = inbox, .where = TAKEN);
	} else {
		make_end(server, parent, how);
	}
	noh_test_settle();

	int count = 0, resets = 0;
	for (const struct heard *next; (next = noh_test_take(inbox, heard)); count++) {
		resets += next->err == -ECONNRESET;
		noh_check(next->err == -ECONNRESET || next->err == -ESRCH);
	}
	noh_check(count == (where == WAITING ? 2 : 1) && resets >= 1);
	noh_check(noh_now_ms() == before_ms);
	noh_kill(parent);
	noh_kill(to);
	noh_test_settle();
}

Simulated(ask_failure, of_the_asked_is_heard_at_once_wherever_the_request_is)
{
	for (int where = 0; where < WHERES; where++)
		for (int how = 0; how < HOWS; how++)
			try((enum where)where, (enum how)how);
}

// ---- fibers, with the request in hand

struct teller {
	uint64_t how;
};

static void serve_and_end(struct teller *self)
{
	noh_receive(-1, serve);
	noh_sleep(10);
	switch ((enum how)self->how) {
	case FAIL:
		noh_fail("told to");
	case END:
	case END_BADLY:
		noh_end(self->how == END_BADLY, "told to");
		noh_sleep(10);
		break;
	default:
		noh_sleep(1000); // ended from outside
	}
}

NOH_FIBER(teller, serve_and_end);

Simulated(ask_failure, of_a_fiber_with_the_request_in_hand_is_heard_at_once)
{
	noh_actor inbox = noh_test_inbox();
	for (int how = 0; how < PARENT_ENDS; how++) {
		noh_actor teller = noh_spawn_with(teller, (.detached = true), .how = (uint64_t)how);
		noh_spawn(asker, .to = teller, .tells = inbox, .where = WAITING);
		noh_spawn(asker, .to = teller, .tells = inbox, .where = WAITING);
		noh_test_settle(); // one is in hand, one is kept for later
		noh_check(!noh_test_take(inbox, heard));

		if (how == STOP)
			noh_stop(teller);
		else if (how == KILL)
			noh_kill(teller);
		noh_test_advance(how == STOP || how == KILL ? 0 : 10);

		int64_t first = noh_test_take(inbox, heard)->err;
		int64_t second = noh_test_take(inbox, heard)->err;
		noh_check(first + second == -ECONNRESET - ESRCH); // in hand; not looked at
	}
}

// Fails with a request in hand, or later with one that it has taken.
struct frail {
	bool takes;
};
NOH_MESSAGE(die);

static void on_frail_serve(struct frail *self, const struct serve *msg)
{
	(void)msg;
	if (!self->takes)
		noh_fail("with it in hand");
	noh_reply_later();
	noh_after(10, die);
}

static void on_frail_die(struct frail *self, const struct die *msg)
{
	(void)self;
	(void)msg;
	noh_fail("with it taken");
}

NOH_ACTOR(frail, (serve, on_frail_serve), (die, on_frail_die));

static void expect_why(noh_actor who, const char *expected)
{
	const struct served *answer;
	int err = noh_ask(who, serve, 1000, &answer, .where = WAITING);
	if (err != -ECONNRESET || strcmp(noh_ask_text(), expected))
		noh_fail("%d: %s", err, noh_ask_text());
}

Simulated(ask_failure, of_the_asked_says_why_wherever_the_request_is)
{
	noh_actor handler, taker;
	noh_supervise((.max_restarts = 10),
		      NOH_CHILD(frail, (.takes = false), .ret_handle = &handler),
		      NOH_CHILD(frail, (.takes = true), .id = "taker", .ret_handle = &taker));
	expect_why(handler, "with it in hand");
	expect_why(taker, "with it taken");
	expect_why(noh_spawn_with(teller, (.detached = true), .how = FAIL), "told to");
	expect_why(noh_spawn_with(teller, (.detached = true), .how = END_BADLY), "told to");
	expect_why(noh_spawn_with(teller, (.detached = true), .how = END), "told to");
}

// ---- places that are kept

Simulated(ask_failure, before_a_restart_is_heard_but_not_of_what_was_not_in_hand)
{
	noh_actor inbox = noh_test_inbox(), server;
	noh_supervise((.max_restarts = 3), NOH_CHILD(server, (.life = 0), .ret_handle = &server));

	noh_spawn(asker, .to = server, .tells = inbox, .where = TAKEN);
	noh_test_settle();
	noh_send(server, end, .how = FAIL);
	noh_spawn(asker, .to = server, .tells = inbox, .where = WAITING);
	noh_test_settle();

	int64_t errs = 0;
	uint64_t lives = 0;
	for (const struct heard *next; (next = noh_test_take(inbox, heard));) {
		errs += next->err;
		lives += next->life;
	}
	noh_check(errs == -ECONNRESET);
	noh_check(lives == 1 || lives == 2); // it may have come before the end
}

// Fails with each request, so that its supervisor gives up.
struct poisoned {
	uint64_t unused;
};

static void fail_at(struct poisoned *self, const struct serve *msg)
{
	(void)self;
	(void)msg;
	noh_fail("poison");
}

NOH_ACTOR(poisoned, (serve, fail_at));

struct home {
	noh_actor inbox;
};

static void run_home(struct home *self)
{
	noh_actor poisoned;
	noh_supervise((.max_restarts = 2),
		      NOH_CHILD(poisoned, (.unused = 0), .ret_handle = &poisoned));
	for (int i = 0; i < 6; i++)
		noh_spawn_with(asker, (.detached = true), .to = poisoned, .tells = self->inbox,
			       .where = WAITING);
	noh_receive(-1, go); // until its supervisor takes it along
}

NOH_FIBER(home, run_home);

Simulated(ask_failure, of_a_supervisor_that_gives_up_is_heard_by_all_who_wait)
{
	noh_actor inbox = noh_test_inbox();
	int64_t before_ms = noh_now_ms();
	uint64_t heard = 0, reset = 0;

	noh_spawn_with(home, (.detached = true), .inbox = inbox);
	noh_test_settle();
	for (const struct heard *next; (next = noh_test_take(inbox, heard)); heard++) {
		noh_check(next->err == -ECONNRESET || next->err == -ESRCH);
		reset += next->err == -ECONNRESET;
	}

	noh_check(heard == 6);
	noh_check(reset == 3); // one each life
	noh_check(noh_now_ms() == before_ms);
}
