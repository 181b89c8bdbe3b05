/* NOH_TRACE=1: what it prints; and that a simulation with the same seed prints the same. */
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <noh/test.h>

#include "tests/support/captured.h"

NOH_MESSAGE(transferred, (flag, ok));
NOH_MESSAGE(transfer, (u64, from), (u64, to), (str, memo), (actor, teller));
NOH_MESSAGE(balance, (i64, cents));
NOH_REQUEST(get_balance, balance, (u64, account));
NOH_MESSAGE(unknown);

struct bank {
	int64_t cents;
};

static void on_transfer(struct bank *self, const struct transfer *msg)
{
	(void)self;
	noh_send(msg->teller, transferred, .ok = true);
}

static void on_get_balance(struct bank *self, const struct get_balance *msg)
{
	(void)msg;
	noh_reply(balance, .cents = self->cents);
}

NOH_ACTOR(bank, (transfer, on_transfer), (get_balance, on_get_balance));

struct teller {
	uint64_t transfers;
};

static void on_transferred(struct teller *self, const struct transferred *msg)
{
	noh_check(msg->ok);
	if (++self->transfers == 2)
		noh_fail("two are enough");
}

NOH_ACTOR(teller, (transferred, on_transferred));

// What a run prints, in a process of its own, where the numbers of actors begin anew.
static char *traced(int (*root)(void *), uint64_t seed)
{
	struct captured captured = captured_begin();
	int status;
	pid_t child = fork();

	if (!child) {
		setenv("NOH_TRACE", "1", 1);
		_exit(noh_simulate(seed, root, NULL));
	}
	waitpid(child, &status, 0);
	char *text = captured_end(captured);
	cr_expect_eq(status, 0, "%s", text);
	return text;
}

// ---- its form

static int talk(void *unused)
{
	const struct balance *answer;
	(void)unused;

	noh_actor bank = noh_spawn_with(bank, (.name = "savings"), .cents = 5);
	noh_actor teller = noh_spawn(teller, .transfers = 1);
	noh_check(!noh_ask(bank, get_balance, 100, &answer, .account = 7));
	noh_send(bank, transfer, .from = 1, .to = 2, .memo = "rent", .teller = teller);
	noh_send(bank, unknown);
	noh_monitor(teller, true);
	noh_receive(-1, noh_down);
	noh_send(teller, unknown);
	noh_stop(bank);
	noh_test_settle();
	return 0;
}

static void expect_line(const char *text, const char *line)
{
	cr_expect_eq(captured_count(text, line), 1, "expected once: %sin:\n%s", line, text);
}

Test(trace, shows_who_sends_what_to_whom)
{
	char *text = traced(talk, 1);

	expect_line(text, "\nroot@2 -> bank@3 get_balance{account: 7}\n");
	expect_line(text, "\nbank@3 -> root@2 balance{cents: 5}\n");
	expect_line(text, "\nroot@2 -> bank@3 transfer{from: 1, to: 2, memo: \"rent\", "
			  "teller: teller@4}\n");
	expect_line(text, "\nbank@3 -> teller@4 transferred{ok: true}\n");
	free(text);
}

Test(trace, shows_who_begins_and_who_ends)
{
	char *text = traced(talk, 1);

	expect_line(text, "\nroot@2 spawns bank@3 savings\n");
	expect_line(text, "\nroot@2 spawns teller@4\n");
	expect_line(text, "\nteller@4 ends: failed: two are enough\n");
	expect_line(text, "\nbank@3 ends: normal\n");
	expect_line(text, "\nroot@2 ends: normal\n");
	free(text);
}

Test(trace, shows_dead_letters_and_why)
{
	char *text = traced(talk, 1);

	expect_line(text, "\nroot@2 -> bank@3 unknown{} dead letter: not understood\n");
	expect_line(text, "\nroot@2 -> @4 unknown{} dead letter: nobody there\n");
	free(text);
}

Test(trace, is_silent_unless_it_is_asked_for)
{
	struct captured captured = captured_begin();
	cr_expect_eq(noh_simulate(1, talk, NULL), 0);
	char *text = captured_end(captured);

	cr_expect(!strstr(text, "->"), "%s", text);
	free(text);
}

// ---- seeds

NOH_MESSAGE(hop, (u64, left));

enum { HOPPERS = 6, HOPS = 20 };

static noh_actor hoppers[HOPPERS];

struct hopper {
	uint64_t number;
};

static void on_hop(struct hopper *self, const struct hop *msg)
{
	if (msg->left)
		noh_send(hoppers[(self->number + msg->left) % HOPPERS], hop, .left = msg->left - 1);
	if (msg->left % 3 == 1)
		noh_after((int64_t)(msg->left % 2), unknown);
}

static void on_unknown(struct hopper *self, const struct unknown *msg)
{
	(void)msg;
	noh_send(hoppers[self->number], hop, .left = 0);
}

NOH_ACTOR(hopper, (hop, on_hop), (unknown, on_unknown));

// Who of them runs next is the seed's choice all the time.
static int hop_about(void *unused)
{
	(void)unused;
	for (uint64_t i = 0; i < HOPPERS; i++)
		hoppers[i] = noh_spawn(hopper, .number = i);
	for (int i = 0; i < HOPPERS; i++)
		noh_send(hoppers[i], hop, .left = HOPS);
	noh_test_advance(100);
	return 0;
}

Test(seed, that_is_the_same_gives_the_same_run)
{
	for (uint64_t seed = 1; seed <= 5; seed++) {
		char *first = traced(hop_about, seed), *second = traced(hop_about, seed);

		cr_expect_geq(captured_count(first, " hop{"), HOPPERS * HOPS);
		cr_expect(!strcmp(first, second), "seed %d", (int)seed);
		free(first);
		free(second);
	}
}

Test(seed, that_differs_gives_another_run)
{
	char *first = traced(hop_about, 1);

	for (uint64_t seed = 2; seed <= 5; seed++) {
		char *other = traced(hop_about, seed);
		cr_expect(strcmp(first, other), "seed %d", (int)seed);
		free(other);
	}
	free(first);
}

Test(seed, of_the_environment_wins)
{
	char *wanted = traced(hop_about, 7);
	setenv("NOH_SEED", "7", 1);
	char *got = traced(hop_about, 1);

	cr_expect(!strcmp(wanted, got));
	free(wanted);
	free(got);
}

static int fail_at_once(void *unused)
{
	(void)unused;
	noh_check(!"a root that fails");
	return 0;
}

Test(seed, of_a_run_that_fails_is_printed)
{
	struct captured captured = captured_begin();
	int status = noh_simulate(123, fail_at_once, NULL);
	char *text = captured_end(captured);

	cr_expect_eq(status, 1);
	cr_expect(strstr(text, "failed with NOH_SEED=123\n"), "%s", text);
	free(text);
}

Test(seed, of_the_environment_that_is_malformed_fails_the_run)
{
	setenv("NOH_SEED", "forty-two", 1);
	struct captured captured = captured_begin();
	int status = noh_simulate(1, hop_about, NULL);
	char *text = captured_end(captured);

	cr_expect_eq(status, 1);
	cr_expect(strstr(text, "error -: NOH_SEED=forty-two: must be a number"), "%s", text);
	free(text);
}
