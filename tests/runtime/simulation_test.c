/* Simulated runs as a whole: what a seed repeats, who is killed and who is held back. */
#include <stdio.h>
#include <sys/wait.h>

#include "tests/support/captured.h"
#include "tests/support/seeds.h"

// ---- a program in which much is left to chance

enum { TALKERS = 8, SAYINGS = 6 };

NOH_MESSAGE(heard, (u64, times));
NOH_MESSAGE(meet, (list, actor, others));
NOH_MESSAGE(again);

struct talker {
	noh_actor others[TALKERS];
};

static noh_actor somebody(const struct talker *self)
{
	return self->others[noh_random() % TALKERS];
}

static void on_meet(struct talker *self, const struct meet *msg)
{
	for (size_t i = 0; i < TALKERS; i++)
		self->others[i] = msg->others.at[i];
}

static void on_heard(struct talker *self, const struct heard *msg)
{
	if (msg->times < SAYINGS)
		noh_send(somebody(self), heard, .times = msg->times + 1);
	else
		noh_after((int64_t)(noh_random() % 5), again);
}

static void on_again(struct talker *self, const struct again *msg)
{
	(void)msg;
	noh_send(somebody(self), heard, .times = SAYINGS - 1);
}

NOH_ACTOR(talker, (meet, on_meet), (heard, on_heard), (again, on_again));

static int talk(void *unused)
{
	noh_actor all[TALKERS];

	(void)unused;
	for (int i = 0; i < TALKERS; i++)
		all[i] = noh_spawn(talker);
	for (int i = 0; i < TALKERS; i++)
		noh_send(all[i], meet, .others = {all, TALKERS});
	noh_sleep(100); // whoever was held back has met the others
	for (int i = 0; i < TALKERS; i++)
		noh_send(all[i], heard, .times = 0);
	noh_sleep(100);
	return 0;
}

#define CHAOS .turn_most = 3, .kill_one_in = 50, .kills_most = 2, .delay_one_in = 5

static uint64_t hash_of(uint64_t seed)
{
	cr_assert_eq(noh_simulate(seed, talk, NULL, CHAOS), 0);
	return noh_test_last_run().hash;
}

// ---- traces

Test(simulation, of_one_seed_has_the_same_trace_again)
{
	for (uint64_t seed = 1; seed <= seeds_wanted(); seed++) {
		uint64_t first = hash_of(seed);

		cr_assert_eq(hash_of(seed), first, "seed %d", (int)seed);
		cr_assert_eq(noh_test_last_run().seed, seed);
		cr_assert_gt(noh_test_last_run().deliveries, 20);
	}
}

Test(simulation, of_another_seed_has_another_trace)
{
	uint64_t hashes[50];

	for (uint64_t i = 0; i < 50; i++) {
		hashes[i] = hash_of(i + 1);
		for (uint64_t j = 0; j < i; j++)
			cr_assert_neq(hashes[i], hashes[j]);
	}
}

// Other places, and other ids of types, than in a process that does nothing before.
NOH_MESSAGE(unrelated);
static int do_something_else(void *unused)
{
	(void)unused;
	noh_actor inbox = noh_test_inbox();
	for (int i = 0; i < 77; i++)
		noh_send(noh_spawn(talker), unrelated);
	noh_send(inbox, unrelated);
	noh_test_settle();
	return 0;
}

static uint64_t hash_in_another_process(uint64_t seed, bool after_something_else)
{
	int pipe_ends[2];
	uint64_t hash = 0;

	cr_assert_eq(pipe(pipe_ends), 0);
	pid_t pid = fork();
	cr_assert_geq(pid, 0);
	if (!pid) {
		if (after_something_else)
			noh_simulate(1, do_something_else, NULL);
		int status = noh_simulate(seed, talk, NULL, CHAOS);
		hash = noh_test_last_run().hash;
		_exit(write(pipe_ends[1], &hash, sizeof(hash)) != sizeof(hash) || status);
	}
	int status;
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	cr_assert_eq(read(pipe_ends[0], &hash, sizeof(hash)), (ssize_t)sizeof(hash));
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	return hash;
}

Test(simulation, of_one_seed_has_the_same_trace_in_every_process)
{
	uint64_t alone = hash_in_another_process(5, false);

	cr_expect_eq(hash_in_another_process(5, true), alone);
	cr_expect_eq(hash_of(5), alone);
}

// ---- places

static uint64_t handles, numbers, ranks;

static int look_at_numbers(void *unused)
{
	(void)unused;
	handles = numbers = ranks = 0;
	noh_actor former = noh_spawn(talker);
	for (int i = 0; i < 100; i++) {
		noh_actor who = i % 10 ? noh_spawn(talker) : noh_test_inbox();
		handles = handles * 31 + who.id;
		ranks = ranks * 31 + (who.id < former.id);
		if (i % 7 == 0) {
			noh_kill(former); // somebody will live in its place
			noh_test_settle();
		}
		former = who;
		numbers = numbers * 31 + noh_number(who);
		noh_check(noh_number(who) == noh_number(who));
	}
	noh_check(noh_number(NOH_NOBODY) == 0);
	return 0;
}

Test(simulation, numbers_actors_alike_in_each_run_of_a_seed)
{
	cr_assert_eq(noh_simulate(1, look_at_numbers, NULL), 0);
	uint64_t former_handles = handles, former_numbers = numbers, former_ranks = ranks;
	cr_assert_eq(noh_simulate(1, do_something_else, NULL), 0);
	cr_assert_eq(noh_simulate(1, look_at_numbers, NULL), 0);

	cr_expect_neq(handles, former_handles);
	cr_expect_eq(numbers, former_numbers);
	cr_expect_eq(ranks, former_ranks);
}

// ---- delays

enum { ERRANDS = 10 };

NOH_MESSAGE(work);
struct plain {
	char unused;
};
static void on_plain_work(struct plain *self, const struct work *msg)
{
	(void)self;
	(void)msg;
}
NOH_ACTOR(plain, (work, on_plain_work));

static int64_t took_ms;

static int time_some_work(void *unused)
{
	(void)unused;
	int64_t began_ms = noh_now_ms();
	noh_actor one = noh_spawn(plain);
	for (int i = 0; i < ERRANDS; i++) {
		noh_send(one, work);
		noh_test_settle();
		noh_test_advance(200); // more than anybody is held back
	}
	took_ms = noh_now_ms() - began_ms;
	return 0;
}

Test(simulation, holds_back_whom_it_draws)
{
	cr_assert_eq(noh_simulate(1, time_some_work, NULL, .delay_one_in = 1), 0);
	cr_expect_geq(noh_test_last_run().delays, ERRANDS);

	cr_assert_eq(noh_simulate(1, time_some_work, NULL, .delay_one_in = 4), 0);
	cr_expect_lt(noh_test_last_run().delays, ERRANDS);
	cr_expect_eq(took_ms, ERRANDS * 200);
}

NOH_MESSAGE(answer);
NOH_REQUEST(question, answer);
struct oracle {
	char unused;
};
static void on_question(struct oracle *self, const struct question *msg)
{
	(void)self;
	(void)msg;
	noh_reply(answer);
}
NOH_ACTOR(oracle, (question, on_question));

static int in_time, too_late;

static int ask_often(void *calm)
{
	noh_actor oracle = noh_spawn(oracle);
	in_time = too_late = 0;
	if (calm)
		noh_test_calm();
	for (int i = 0; i < 50; i++) {
		const struct answer *answer;
		if (noh_ask(oracle, question, 50, &answer))
			too_late++;
		else
			in_time++;
	}
	return 0;
}

Test(simulation, lets_deadlines_pass_while_somebody_is_held_back)
{
	cr_assert_eq(noh_simulate(1, ask_often, NULL, .delay_one_in = 2, .delay_most_ms = 100), 0);
	cr_expect_gt(in_time, 0);
	cr_expect_gt(too_late, 0);

	cr_assert_eq(noh_simulate(1, ask_often, &in_time, .delay_one_in = 2), 0);
	cr_expect_eq(too_late, 0);
}

// ---- turns

static char order[16];

NOH_MESSAGE(letter, (u64, which));
struct writer {
	noh_actor to;
};
struct reader {
	char unused;
};
static void on_letter_out(struct writer *self, const struct letter *msg)
{
	noh_send(self->to, letter, .which = msg->which);
}
static void on_letter_in(struct reader *self, const struct letter *msg)
{
	(void)self;
	order[strlen(order)] = (char)msg->which;
}
NOH_ACTOR(writer, (letter, on_letter_out));
NOH_ACTOR(reader, (letter, on_letter_in));

static int write_letters(void *unused)
{
	(void)unused;
	memset(order, 0, sizeof(order));
	noh_actor to = noh_spawn(reader), a = noh_spawn(writer, .to = to),
		  b = noh_spawn(writer, .to = to);
	for (int i = 0; i < 2; i++) {
		noh_send(a, letter, .which = 'a');
		noh_send(b, letter, .which = 'b');
	}
	noh_test_settle();
	return 0;
}

Test(simulation, of_short_turns_mixes_what_whole_turns_keep_together)
{
	int mixed = 0;
	for (uint64_t seed = 1; seed <= 50; seed++) {
		noh_simulate(seed, write_letters, NULL);
		cr_assert(!strcmp(order, "aabb") || !strcmp(order, "bbaa"), "%s", order);
		noh_simulate(seed, write_letters, NULL, .turn_most = 1);
		mixed += strcmp(order, "aabb") && strcmp(order, "bbaa");
	}
	cr_expect_gt(mixed, 0);
}

// ---- ends

struct busy {
	char unused;
};
static void on_again_at_once(struct busy *self, const struct again *msg)
{
	(void)self;
	(void)msg;
	noh_send(noh_self(), again);
}
NOH_ACTOR(busy, (again, on_again_at_once));

static int wait_for_the_busy(void *unused)
{
	(void)unused;
	noh_send(noh_spawn(busy), again);
	noh_sleep(1);
	return 0;
}

Test(simulation, of_somebody_who_is_busy_for_ever_fails_after_the_most_turns)
{
	struct captured captured = captured_begin();
	int status = noh_simulate(3, wait_for_the_busy, NULL, .turns_most = 1000);
	char *text = captured_end(captured);

	cr_expect_eq(status, 1);
	cr_expect(strstr(text, "still busy"), "%s", text);
	cr_expect(strstr(text, "NOH_SEED=3\n"), "%s", text);
	free(text);
}

static int crash(void *unused)
{
	(void)unused;
	abort();
}

Test(simulation, that_crashes_says_of_which_seed)
{
	struct captured captured = captured_begin();
	pid_t pid = fork();
	if (!pid) {
		noh_simulate(17, crash, NULL);
		_exit(0);
	}
	int status;
	waitpid(pid, &status, 0);
	char *text = captured_end(captured);

	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	cr_expect(strstr(text, "crashed with NOH_SEED=17\n"), "%s", text);
	free(text);
}
