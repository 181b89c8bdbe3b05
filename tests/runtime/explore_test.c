/* The explorer: which bugs it finds, where it stops, and how a failing seed is repeated. */
#include <stdio.h>

#include "tests/support/captured.h"
#include "tests/support/seeds.h"

// ---- a bug that needs an order: the account trusts that a deposit comes before a withdrawal

NOH_MESSAGE(deposit, (i64, cents));
NOH_MESSAGE(withdraw, (i64, cents));
NOH_MESSAGE(begin);

struct account {
	int64_t cents;
};

static void on_deposit(struct account *self, const struct deposit *msg)
{
	self->cents += msg->cents;
}

static void on_withdraw(struct account *self, const struct withdraw *msg)
{
	self->cents -= msg->cents;
	noh_check(self->cents >= 0);
}

NOH_ACTOR(account, (deposit, on_deposit), (withdraw, on_withdraw));

struct payer {
	noh_actor to;
	int64_t cents;
	int steps; // by way of so many messages to itself
};

static void pay(struct payer *self, const struct begin *msg)
{
	(void)msg;
	if (self->steps-- > 0)
		noh_send(noh_self(), begin);
	else if (self->cents > 0)
		noh_send(self->to, deposit, .cents = self->cents);
	else
		noh_send(self->to, withdraw, .cents = -self->cents);
}

NOH_ACTOR(payer, (begin, pay));

static int runs;

// The withdrawal has a longer way, so mostly it comes last.
static int race(void *unused)
{
	(void)unused;
	runs++;
	noh_actor account = noh_spawn(account);
	noh_send(noh_spawn(payer, .to = account, .cents = 10), begin);
	noh_send(noh_spawn(payer, .to = account, .cents = -10, .steps = 6), begin);
	noh_test_settle();
	return 0;
}

Test(explore, finds_an_order_that_hardly_ever_comes_and_repeats_it)
{
	struct captured captured = captured_begin();
	int status = noh_explore(500, race, NULL, .turn_most = 1);
	struct noh_simulated found = noh_test_last_run();
	uint64_t tried = (uint64_t)runs;
	int again = noh_simulate(found.seed, race, NULL, .turn_most = 1);
	char *text = captured_end(captured), line[64];

	cr_assert_eq(status, 1);
	cr_expect_eq(tried, found.seed); // it stopped there
	cr_expect_gt(tried, 1);
	cr_expect_eq(again, 1);
	cr_expect_eq(noh_test_last_run().hash, found.hash);
	snprintf(line, sizeof(line), "NOH_SEED=%d repeats it\n", (int)tried);
	cr_expect(strstr(text, line), "%s", text);
	snprintf(line, sizeof(line), "trace %016llx of", (unsigned long long)found.hash);
	cr_expect_eq(captured_count(text, line), 2, "%s", text);
	free(text);
}

Test(explore, runs_the_seed_of_the_environment_alone)
{
	setenv("NOH_SEED", "99", 1);
	noh_explore(500, race, NULL);

	cr_expect_eq(runs, 1);
	cr_expect_eq(noh_test_last_run().seed, 99);
}

static int all_is_well(void *unused)
{
	(void)unused;
	runs++;
	noh_spawn(account);
	noh_test_settle();
	return 0;
}

Test(explore, runs_all_seeds_while_none_fails)
{
	cr_expect_eq(noh_explore(1000, all_is_well, NULL), 0);

	cr_expect_eq(runs, 1000);
	cr_expect_eq(noh_test_last_run().seed, 1000);
}

Test(explore, begins_with_the_seed_that_it_is_given)
{
	cr_expect_eq(noh_explore(10, all_is_well, NULL, .seed = 31), 0);

	cr_expect_eq(noh_test_last_run().seed, 40);
}

// ---- bugs that need a fault

NOH_MESSAGE(cents, (i64, cents));
NOH_REQUEST(get_cents, cents);

struct till {
	int64_t cents;
};

static void on_get_cents(struct till *self, const struct get_cents *msg)
{
	(void)msg;
	noh_reply(cents, .cents = self->cents);
}

NOH_ACTOR(till, (get_cents, on_get_cents));

// Trusts that whoever is asked answers, and in time.
static int ask_once(void *unused)
{
	(void)unused;
	const struct cents *answer;
	noh_actor till = noh_spawn(till);
	noh_check(!noh_ask(till, get_cents, 50, &answer));
	return 0;
}

Test(explore, finds_what_only_a_kill_or_a_delay_brings)
{
	cr_expect_eq(noh_explore(300, ask_once, NULL), 0);

	struct captured captured = captured_begin();
	int killed = noh_explore(300, ask_once, NULL, .kill_one_in = 20, .turn_most = 1);
	bool by_kill = noh_test_last_run().kills == 1;
	int delayed = noh_explore(300, ask_once, NULL, .delay_one_in = 20);
	bool by_delay = noh_test_last_run().delays >= 1;
	free(captured_end(captured));

	cr_expect_eq(killed, 1);
	cr_expect(by_kill);
	cr_expect_eq(delayed, 1);
	cr_expect(by_delay);
}
