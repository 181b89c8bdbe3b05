/* Asking from plain threads. */
#include <errno.h>
#include <pthread.h>

#include <criterion/criterion.h>
#include <noh/test.h>

#include "tests/support/bank.h"

struct errand {
	struct noh_runtime *runtime;
	noh_actor bank, gone, deaf;
	int err[6];
	int64_t cents;
};

static void *ask_from_a_thread(void *argument)
{
	struct errand *errand = (struct errand *)argument;
	const struct balance *answer;
	const struct closed *closed;

	noh_thread_enter(errand->runtime);
	errand->err[0] = noh_ask(errand->bank, get_balance, 20000, &answer);
	errand->cents = answer->cents;
	noh_drop((void *)(uintptr_t)answer);
	errand->err[1] = noh_ask(errand->bank, get_balance, 20000, &answer, .how = ERROR);
	errand->err[2] = noh_ask(errand->gone, get_balance, 20000, &answer);
	errand->err[3] = noh_ask(errand->bank, close_account, 20000, &closed);
	errand->err[4] = noh_ask(errand->deaf, get_balance, 1, &answer, .how = LATER);
	noh_send(errand->deaf, release); // too late
	errand->err[5] = noh_ask(errand->bank, get_balance, 20000, &answer, .how = FAIL);
	noh_thread_leave(errand->runtime);
	return NULL;
}

static int serve_a_thread(void *unused)
{
	(void)unused;
	struct errand errand = {
		.runtime = noh_runtime(), .gone = spawn_bank(), .deaf = spawn_bank()};
	noh_monitor(errand.gone, true);
	noh_stop(errand.gone);
	noh_receive(-1, noh_down);
	pthread_t thread;

	// Again and again, since each thread leaves the slot that it asks through to the next.
	for (int i = 0; i < 20; i++) {
		errand.bank = spawn_bank();
		noh_monitor(errand.bank, true);
		noh_check(!pthread_create(&thread, NULL, ask_from_a_thread, &errand));
		noh_receive(-1, noh_down); // its last ask fails the bank
		pthread_join(thread, NULL);

		noh_check(errand.err[0] == 0 && errand.cents == 600);
		noh_check(errand.err[1] == -ENOENT);
		noh_check(errand.err[2] == -ESRCH);
		noh_check(errand.err[3] == -ENOTSUP);
		noh_check(errand.err[4] == -ETIMEDOUT);
		noh_check(errand.err[5] == -ECONNRESET);
	}
	return 0;
}

Test(ask, works_from_plain_threads)
{
	cr_expect_eq(noh_run(serve_a_thread, NULL, .workers = 1), 0);
	cr_expect_eq(noh_run(serve_a_thread, NULL, .workers = 2), 0);
}

// ---- what may be done with a thread that asks

struct clerk {
	int unused;
};

static void on_asked(struct clerk *self, const struct get_balance *msg)
{
	(void)self;
	(void)msg;
	noh_check(!noh_runtime_of(noh_sender()));
	noh_check(noh_group_join("askers", noh_sender()) == -ESRCH);
	noh_check(noh_send_expiring(noh_sender(), 1000, note, .text = "") == 0);
	noh_reply(balance, .cents = 7);
}

NOH_ACTOR(clerk, (get_balance, on_asked));

static void *ask_the_clerk(void *argument)
{
	struct errand *errand = (struct errand *)argument;
	const struct balance *answer;

	noh_thread_enter(errand->runtime);
	errand->err[0] = noh_ask(errand->bank, get_balance, 20000, &answer);
	if (!errand->err[0])
		noh_drop((void *)(uintptr_t)answer);
	noh_thread_leave(errand->runtime);
	return NULL;
}

static int join_a_thread_that_asks(void *unused)
{
	(void)unused;
	struct errand errand = {.runtime = noh_runtime(), .bank = noh_spawn(clerk)};
	pthread_t thread;

	noh_check(!pthread_create(&thread, NULL, ask_the_clerk, &errand));
	pthread_join(thread, NULL);
	return errand.err[0];
}

Test(ask, of_a_plain_thread_comes_from_nobodys_runtime)
{
	cr_expect_eq(noh_run(join_a_thread_that_asks, NULL, .workers = 2), 0);
}
