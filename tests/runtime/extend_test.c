/* What libraries build on: locals of a runtime, and what is attached to an actor until its end. */
#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(fail);
NOH_MESSAGE(started);

struct tenant {
	noh_actor to;
};

static void on_start(struct tenant *self, const struct noh_start *msg)
{
	(void)msg;
	noh_send(self->to, started);
}

static void on_fail(struct tenant *self, const struct fail *msg)
{
	(void)self;
	(void)msg;
	noh_fail("told so");
}

NOH_ACTOR(tenant, (noh_start, on_start), (fail, on_fail));

struct counter {
	struct noh_attached attached;
	int gone;
};

static void count_gone(struct noh_attached *attached)
{
	((struct counter *)(void *)attached)->gone++;
}

#define COUNTER                                   \
	{                                         \
		.attached = {.gone = count_gone } \
	}

Simulated(attached, hears_of_the_end_once)
{
	struct counter first = COUNTER, second = COUNTER;
	noh_actor tenant = noh_spawn(tenant);

	noh_check(!noh_attach(tenant, &first.attached) && !noh_attach(tenant, &second.attached));
	noh_test_settle();
	noh_check(!first.gone && noh_runtime_of(tenant) == noh_runtime());
	noh_stop(tenant);
	noh_test_settle();
	noh_check(first.gone == 1 && second.gone == 1 && !noh_runtime_of(tenant));
	noh_check(noh_attach(tenant, &first.attached) == -3); // -ESRCH
	noh_check(first.gone == 1);
}

Simulated(attached, hears_when_the_actor_ends_before_it_knew)
{
	struct counter counter = COUNTER;
	noh_actor tenant = noh_spawn(tenant);
	noh_test_settle();

	noh_kill(tenant);
	noh_check(!noh_attach(tenant, &counter.attached));
	noh_test_settle();
	noh_check(counter.gone == 1);
}

Simulated(attached, is_detached_once)
{
	struct counter counter = COUNTER;
	noh_actor tenant = noh_spawn(tenant);

	noh_attach(tenant, &counter.attached);
	noh_detach(tenant, &counter.attached);
	noh_test_settle();
	noh_check(counter.gone == 1);
	noh_stop(tenant);
	noh_test_settle();
	noh_check(counter.gone == 1);
}

Simulated(attached, stays_over_a_restart)
{
	struct counter counter = COUNTER;
	noh_actor inbox = noh_test_inbox(), tenant;
	noh_actor supervisor = noh_supervise(
		(.max_restarts = 3), NOH_CHILD(tenant, (.to = inbox), .ret_handle = &tenant));
	noh_attach(tenant, &counter.attached);

	noh_send(tenant, fail);
	noh_test_settle();
	noh_check(noh_test_take(inbox, started) && noh_test_take(inbox, started));
	noh_check(!counter.gone && noh_runtime_of(tenant));
	noh_stop(supervisor);
	noh_test_settle();
	noh_check(counter.gone == 1);
}

// ---- locals

struct local {
	int inits;
};

static int finished;

static void init_local(void *at)
{
	((struct local *)at)->inits++;
}

static void finish_local(void *at)
{
	(void)at;
	finished++;
}

static const struct noh_runtime_local local = {sizeof(struct local), init_local, finish_local};

Simulated(local, is_made_once_in_a_runtime_and_ends_with_it)
{
	static int runs;
	struct local *mine = noh_local_of(NULL, &local);

	noh_check(mine == noh_local_of(noh_runtime(), &local) && mine->inits == 1);
	noh_check(finished == runs++);
}
