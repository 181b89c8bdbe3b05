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

// ---- kills

NOH_MESSAGE(work);

struct plain {
	char unused;
};
struct precious {
	char unused;
};

static void on_plain_work(struct plain *self, const struct work *msg)
{
	(void)self;
	(void)msg;
}

static void on_precious_work(struct precious *self, const struct work *msg)
{
	(void)self;
	(void)msg;
}

NOH_ACTOR(plain, (work, on_plain_work));
NOH_ACTOR(precious, (work, on_precious_work));

enum { HANDS = 10, ROUNDS = 100 };

static struct {
	int plain, named, precious, supervisors;
} alive;

static bool is_alive(noh_actor who)
{
	return noh_name(who)[0] != '@';
}

static int work_a_while(void *unused)
{
	noh_actor plains[HANDS], named[HANDS], precious[HANDS];

	(void)unused;
	for (int i = 0; i < HANDS; i++) {
		plains[i] = noh_spawn(plain);
		named[i] = noh_spawn_with(plain, (.name = "favourite"));
		precious[i] = noh_spawn(precious);
	}
	noh_actor supervisor = noh_supervise((0));
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < HANDS; i++) {
			noh_send(plains[i], work);
			noh_send(named[i], work);
			noh_send(precious[i], work);
		}
		noh_test_settle();
	}
	noh_test_calm();
	noh_test_settle();

	alive.plain = alive.named = alive.precious = 0;
	alive.supervisors = is_alive(supervisor);
	for (int i = 0; i < HANDS; i++) {
		alive.plain += is_alive(plains[i]);
		alive.named += is_alive(named[i]);
		alive.precious += is_alive(precious[i]);
	}
	return 0;
}

Test(simulation, kills_nobody_and_holds_nobody_back_unless_asked)
{
	cr_assert_eq(noh_simulate(1, work_a_while, NULL), 0);

	cr_expect_eq(alive.plain + alive.named + alive.precious, 3 * HANDS);
	cr_expect_eq(noh_test_last_run().kills, 0);
	cr_expect_eq(noh_test_last_run().delays, 0);
}

Test(simulation, kills_any_but_the_root_and_the_librarys_own)
{
	for (uint64_t seed = 1; seed <= seeds_wanted(); seed++) {
		cr_assert_eq(noh_simulate(seed, work_a_while, NULL, .kill_one_in = 5), 0);

		int dead = 3 * HANDS - alive.plain - alive.named - alive.precious;
		cr_expect_eq(dead, 3 * HANDS, "%d", dead); // of so many turns
		cr_expect_eq(noh_test_last_run().kills, 3 * HANDS);
		cr_expect(alive.supervisors);
	}
}

Test(simulation, spares_types_and_names_that_are_listed)
{
	for (uint64_t seed = 1; seed <= seeds_wanted(); seed++) {
		cr_assert_eq(noh_simulate(seed, work_a_while, NULL, .kill_one_in = 5,
					  .spare = "favourite precious"),
			     0);

		cr_expect_eq(alive.plain, 0);
		cr_expect_eq(alive.named, HANDS);
		cr_expect_eq(alive.precious, HANDS);
	}
}

Test(simulation, kills_only_who_is_listed_where_there_is_a_list)
{
	for (uint64_t seed = 1; seed <= seeds_wanted(); seed++) {
		cr_assert_eq(noh_simulate(seed, work_a_while, NULL, .kill_one_in = 5,
					  .kill = "precious supervisor"),
			     0);

		cr_expect_eq(alive.plain, HANDS);
		cr_expect_eq(alive.named, HANDS);
		cr_expect_eq(alive.precious, 0);
		cr_expect(!alive.supervisors);
	}
}

Test(simulation, takes_a_part_of_a_name_for_no_name)
{
	cr_assert_eq(
		noh_simulate(1, work_a_while, NULL, .kill_one_in = 5, .kill = "precio preciouss"),
		0);

	cr_expect_eq(alive.plain + alive.named + alive.precious, 3 * HANDS);
}

Test(simulation, kills_no_more_than_the_most)
{
	cr_assert_eq(noh_simulate(1, work_a_while, NULL, .kill_one_in = 5, .kills_most = 7), 0);

	cr_expect_eq(alive.plain + alive.named + alive.precious, 3 * HANDS - 7);
	cr_expect_eq(noh_test_last_run().kills, 7);
}

// ---- supervised

static noh_actor hands[HANDS];

static bool all_children_run(noh_actor supervisor, size_t count)
{
	const struct noh_children *list;
	noh_check(noh_supervisor_children(supervisor, &list) == 0);
	noh_check(list->children.count == count);
	for (size_t i = 0; i < count; i++)
		if (list->children.at[i].state != NOH_CHILD_RUNNING)
			return false;
	return true;
}

// A tree of two levels, worked hard. Kills of the inner supervisor are restarts too.
static int supervise_under_kills(void *unused)
{
	(void)unused;
	noh_actor inner;
	noh_actor outer = noh_supervise(
		(.max_restarts = NOH_UNLIMITED_RESTARTS),
		NOH_CHILD(plain, (0), .id = "a", .ret_handle = &hands[0]),
		NOH_CHILD(precious, (0), .id = "b", .ret_handle = &hands[1]),
		NOH_SUPERVISOR(
			(.id = "inner", .ret_handle = &inner),
			(.strategy = NOH_ONE_FOR_ALL, .max_restarts = NOH_UNLIMITED_RESTARTS),
			NOH_CHILD(plain, (0), .id = "c", .ret_handle = &hands[2]),
			NOH_CHILD(plain, (0), .id = "d", .ret_handle = &hands[3])));

	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < 4; i++)
			noh_send(hands[i], work);
		noh_test_advance(10);
	}
	noh_test_calm();
	noh_test_advance(1000);
	noh_check(all_children_run(outer, 3));
	noh_check(all_children_run(inner, 2));
	return 0;
}

Test(simulation, of_a_supervised_tree_under_kills_ends_with_all_children_alive)
{
	for (uint64_t seed = 1; seed <= seeds_wanted(); seed++) {
		struct captured captured = captured_begin(); // each restart is logged
		int status =
			noh_simulate(seed, supervise_under_kills, NULL, .turn_most = 2,
				     .kill_one_in = 10, .delay_one_in = 20, .delay_most_ms = 50);
		char *text = captured_end(captured);

		cr_assert_eq(status, 0, "%s", text);
		free(text);
		cr_expect_gt(noh_test_last_run().kills, 10);
		cr_expect_gt(noh_test_last_run().delays, 10);
	}
}

// ---- delays

static int64_t took_ms;

static int time_some_work(void *unused)
{
	(void)unused;
	int64_t began_ms = noh_now_ms();
	noh_actor one = noh_spawn(plain);
	for (int i = 0; i < HANDS; i++) {
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
	cr_expect_geq(noh_test_last_run().delays, HANDS);

	cr_assert_eq(noh_simulate(1, time_some_work, NULL, .delay_one_in = 4), 0);
	cr_expect_lt(noh_test_last_run().delays, HANDS);
	cr_expect_eq(took_ms, HANDS * 200);
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
