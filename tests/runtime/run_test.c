/* Runtimes: their start, options and environment, their exit status, and their end in order. What
 * signals do is tested with net/, which takes them. */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <noh/test.h>

#include "tests/support/captured.h"

NOH_MESSAGE(number, (u64, value));
NOH_MESSAGE(squared, (u64, value));
NOH_REQUEST(square, squared, (u64, value));

struct actor {
	uint64_t unused;
};

static void on_square(struct actor *self, const struct square *msg)
{
	(void)self;
	noh_reply(squared, .value = msg->value * msg->value);
}

NOH_ACTOR(actor, (square, on_square));

// ---- exit status

static int give(void *status)
{
	return *(int *)status;
}

static int run_giving(int status)
{
	return noh_run(give, &status, .workers = 1);
}

Test(status, is_what_the_root_returns)
{
	cr_expect_eq(run_giving(0), 0);
	cr_expect_eq(run_giving(7), 7);
	cr_expect_eq(run_giving(125), 125);
}

Test(status, is_1_for_what_no_exit_status_can_be)
{
	cr_expect_eq(run_giving(126), 1);
	cr_expect_eq(run_giving(-5), 1);
}

static int fail(void *unused)
{
	(void)unused;
	noh_fail("as a test");
}

Test(status, is_1_when_the_root_fails)
{
	cr_expect_eq(noh_run(fail, NULL), 1);
}

Test(status, is_1_without_a_root)
{
	struct captured captured = captured_begin();
	int status = noh_run(NULL, NULL, .workers = 1);
	char *text = captured_end(captured);

	cr_expect_eq(status, 1);
	cr_expect(strstr(text, "there is no function to run as the root"), "%s", text);
	free(text);
}

static int end_with_code(void *unused)
{
	(void)unused;
	noh_end(3, "as a test");
	noh_receive(-1);
	return 0;
}

Test(status, is_1_when_the_root_ends_with_a_code)
{
	cr_expect_eq(noh_run(end_with_code, NULL), 1);
}

static int kill_itself(void *unused)
{
	(void)unused;
	noh_kill(noh_self());
	noh_receive(-1);
	return 0;
}

Test(status, is_1_when_the_root_is_killed)
{
	cr_expect_eq(noh_run(kill_itself, NULL), 1);
}

// ---- being asked to stop

static int shut_down(void *unused)
{
	(void)unused;
	noh_shutdown();
	noh_check(noh_wait_for_stop() == 0);
	return 9;
}

Test(stop, is_seen_by_who_waits_for_it)
{
	cr_expect_eq(noh_run(shut_down, NULL, .workers = 1), 9);
	cr_expect_eq(noh_run(shut_down, NULL, .workers = 2), 9);
}

static int wait_elsewhere(void *unused)
{
	(void)unused;
	noh_shutdown();
	noh_receive(-1, number);
	return 9;
}

Test(stop, ends_a_root_that_waits_elsewhere)
{
	cr_expect_eq(noh_run(wait_elsewhere, NULL), 0);
}

static int signal_itself(void *unused)
{
	(void)unused;
	kill(getpid(), SIGTERM);
	return noh_wait_for_stop();
}

Test(stop, by_a_signal_that_is_left_alone_is_the_programs, .signal = SIGTERM)
{
	noh_run(signal_itself, NULL, .signals_off = true);
}

// ---- the end

static uint32_t may_go_on;

// What was logged, by any thread.
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char lines[8192];

static void keep_line(void *argument, enum noh_level level, noh_actor who, const char *line)
{
	(void)level;
	(void)who;
	pthread_mutex_lock(&log_lock);
	strncat(lines, line, sizeof(lines) - strlen(lines) - 2);
	strcat(lines, "\n");
	pthread_mutex_unlock(&log_lock);
	if (argument && strstr(line, (const char *)argument))
		__atomic_store_n(&may_go_on, 1, __ATOMIC_RELAXED);
}

struct late {
	uint64_t unused;
};

static void block(struct late *self, const struct noh_stopping *msg)
{
	(void)self;
	(void)msg;
	while (!__atomic_load_n(&may_go_on, __ATOMIC_RELAXED))
		usleep(100);
}

NOH_ACTOR(late, (noh_stopping, block));

static int leave_one_behind(void *unused)
{
	(void)unused;
	noh_spawn(late);
	return 0;
}

Test(end, that_is_late_names_who_would_not_stop)
{
	int status = noh_run(leave_one_behind, NULL, .workers = 2, .shutdown_ms = 20,
			     .log = keep_line, .log_argument = (void *)"has not ended in time");

	cr_expect_eq(status, 1);
	cr_expect(strstr(lines, "late@"), "%s", lines);
	cr_expect_eq(captured_count(lines, "has not ended in time"), 1, "%s", lines);
}

struct lingering {
	uint64_t unused;
};

static void linger(struct lingering *self, const struct noh_stopping *msg)
{
	(void)self;
	(void)msg;
	noh_end_later();
}

NOH_ACTOR(lingering, (noh_stopping, linger));

static int leave_two_behind(void *unused)
{
	(void)unused;
	noh_spawn(lingering);
	noh_spawn(actor);
	return 0;
}

// The clock of a simulation moves when all has ended that will end by itself.
Test(end, that_is_late_names_nobody_who_did_stop)
{
	struct captured captured = captured_begin();
	int status = noh_simulate(1, leave_two_behind, NULL);
	char *text = captured_end(captured);

	cr_expect_eq(status, 1);
	cr_expect(strstr(text, "lingering@"), "%s", text);
	cr_expect_eq(captured_count(text, "has not ended in time"), 1, "%s", text);
	free(text);
}

NOH_MESSAGE(leave);

struct leisurely {
	uint64_t unused;
};

static void take_a_while(struct leisurely *self, const struct noh_stopping *msg)
{
	(void)self;
	(void)msg;
	noh_end_later();
	noh_after(2, leave);
}

static void on_leave(struct leisurely *self, const struct leave *msg)
{
	(void)self;
	(void)msg;
	noh_end(0, NULL);
}

NOH_ACTOR(leisurely, (noh_stopping, take_a_while), (leave, on_leave));

static int leave_one_that_takes_a_while(void *unused)
{
	(void)unused;
	noh_spawn(leisurely);
	return 0;
}

Test(end, may_have_for_ever)
{
	cr_expect_eq(noh_run(leave_one_that_takes_a_while, NULL, .workers = 1,
			     .shutdown_ms = INT64_MAX, .log = keep_line),
		     0);
	cr_expect_str_eq(lines, "");
}

static int leave_none_behind(void *unused)
{
	(void)unused;
	for (int i = 0; i < 1000; i++)
		noh_spawn_with(actor, (.detached = i % 2));
	return 0;
}

Test(end, in_time_says_nothing)
{
	cr_expect_eq(noh_run(leave_none_behind, NULL, .workers = 2, .log = keep_line,
			     .log_level = NOH_WARN),
		     0);
	cr_expect_str_eq(lines, "");
}

Test(end, leaves_a_process_that_can_run_another)
{
	for (int i = 0; i < 100; i++)
		cr_assert_eq(noh_run(leave_none_behind, NULL, .workers = (uint32_t)i % 4 + 1), 0);
}

// ---- options and environment

static int count_workers(void *unused)
{
	(void)unused;
	return (int)noh_workers();
}

Test(options, set_the_number_of_workers)
{
	cr_expect_eq(noh_run(count_workers, NULL, .workers = 3), 3);
	cr_expect_geq(noh_run(count_workers, NULL), 1);
}

static void expect_option_refused(int status, struct captured captured, const char *line)
{
	char *text = captured_end(captured);

	cr_expect_eq(status, 1);
	cr_expect_eq(captured_count(text, line), 1, "%s", text);
	free(text);
}

Test(options, out_of_range_are_an_error_at_the_start)
{
	struct captured captured = captured_begin();
	int status = noh_run(count_workers, NULL, .workers = 257);
	expect_option_refused(status, captured,
			      "error -: noh_run: .workers = 257: must be at most 256\n");

	captured = captured_begin();
	status = noh_run(count_workers, NULL, .workers = 1, .budget = INT32_MAX);
	expect_option_refused(
		status, captured,
		"error -: noh_run: .budget = 2147483647: must be at most 268435455\n");

	captured = captured_begin();
	status = noh_simulate(1, count_workers, NULL, .turn_most = UINT32_MAX);
	expect_option_refused(
		status, captured,
		"error -: noh_simulate: .turn_most = 4294967295: must be at most 268435455\n");

	captured = captured_begin();
	status = noh_run(count_workers, NULL, .log_level = (enum noh_level)77);
	expect_option_refused(
		status, captured,
		"error -: noh_run: .log_level = 77: must be NOH_DEBUG to NOH_SILENT\n");

	captured = captured_begin();
	status = noh_run(count_workers, NULL, .log_level = (enum noh_level) - 1);
	expect_option_refused(
		status, captured,
		"error -: noh_run: .log_level = -1: must be NOH_DEBUG to NOH_SILENT\n");

	captured = captured_begin();
	status = noh_run(count_workers, NULL, .shutdown_ms = -5);
	expect_option_refused(status, captured,
			      "error -: noh_run: .shutdown_ms = -5: must not be negative\n");
}

Test(environment, wins_over_the_options)
{
	setenv("NOH_WORKERS", "2", 1);

	cr_expect_eq(noh_run(count_workers, NULL, .workers = 3), 2);
}

Test(environment, that_is_empty_counts_as_unset)
{
	setenv("NOH_WORKERS", "", 1);
	setenv("NOH_LOG", "", 1);

	cr_expect_eq(noh_run(count_workers, NULL, .workers = 3), 3);
}

static int just_end(void *unused)
{
	(void)unused;
	return 0;
}

static void run_and_log_the_start(void)
{
	lines[0] = '\0';
	noh_run(just_end, NULL, .workers = 2, .budget = 20, .seed = 30, .name = "test",
		.log = keep_line, .log_level = NOH_INFO);
}

Test(start, says_in_one_line_what_was_chosen)
{
	run_and_log_the_start();
	cr_expect_str_eq(lines, "-: test: 2 workers, budget 20, io epoll, seed 30\n");
}

Test(environment, is_taken_for_each_option)
{
	setenv("NOH_WORKERS", "3", 1);
	setenv("NOH_BUDGET", "7", 1);
	setenv("NOH_SEED", "0x10", 1);
	setenv("NOH_IO", "auto", 1);

	run_and_log_the_start();

	cr_expect_str_eq(lines, "-: test: 3 workers, budget 7, io epoll, seed 16\n");
}

Test(environment, is_read_anew_for_each_runtime)
{
	setenv("NOH_BUDGET", "7", 1);
	run_and_log_the_start();
	unsetenv("NOH_BUDGET");
	setenv("NOH_IO", "epoll", 1);
	run_and_log_the_start();

	cr_expect_str_eq(lines, "-: test: 2 workers, budget 20, io epoll, seed 30\n");
}

// ---- the budget

enum { NUMBERS = 100 };

static int streak, longest;
static char last;

struct counter {
	char letter;
};

static void on_number(struct counter *self, const struct number *msg)
{
	(void)msg;
	streak = last == self->letter ? streak + 1 : 1;
	last = self->letter;
	if (streak > longest)
		longest = streak;
}

NOH_ACTOR(counter, (number, on_number));

static int count_with_two(void *unused)
{
	(void)unused;
	noh_actor a = noh_spawn_with(counter, (.monitored = true), .letter = 'a');
	noh_actor b = noh_spawn_with(counter, (.monitored = true), .letter = 'b');
	for (int i = 0; i < NUMBERS; i++) {
		noh_send(a, number);
		noh_send(b, number);
	}
	noh_stop(a);
	noh_stop(b);
	noh_receive(-1, noh_down);
	noh_receive(-1, noh_down);
	return 0;
}

static int longest_streak(uint32_t budget)
{
	longest = 0;
	noh_run(count_with_two, NULL, .workers = 1, .budget = budget);
	return longest;
}

// Those who have fallen behind get longer turns, but not as long as they like.
Test(budget, says_how_many_messages_an_actor_may_handle_in_a_turn)
{
	cr_expect_leq(longest_streak(2), 10);
	cr_expect_gt(longest_streak(NUMBERS), 10);
	cr_expect_gt(longest_streak(INT32_MAX / 8), 10);
}

static int log_at_each_level(void *unused)
{
	(void)unused;
	noh_log(NOH_DEBUG, "d %d", 1);
	noh_log(NOH_INFO, "i %d", 2);
	noh_log(NOH_WARN, "w %d", 3);
	noh_log(NOH_ERROR, "two\nlines");
	return 0;
}

Test(log, starts_at_warnings)
{
	struct captured captured = captured_begin();
	noh_run(log_at_each_level, NULL, .workers = 1);
	char *text = captured_end(captured);

	cr_expect_str_eq(text, "warn root@2: w 3\nerror root@2: two lines\n");
	free(text);
}

Test(log, starts_where_the_options_say)
{
	noh_run(log_at_each_level, NULL, .workers = 1, .log = keep_line, .log_level = NOH_DEBUG,
		.name = "test", .budget = 50, .seed = 42);

	cr_expect(strstr(lines, "test: 1 worker"), "%s", lines);
	cr_expect(strstr(lines, "budget 50"), "%s", lines);
	cr_expect(strstr(lines, "seed 42"), "%s", lines);
	cr_expect(strstr(lines, "root@2: d 1\nroot@2: i 2\n"), "%s", lines);
}

Test(log, starts_where_the_environment_says)
{
	setenv("NOH_LOG", "error", 1);

	noh_run(log_at_each_level, NULL, .workers = 1, .log = keep_line, .log_level = NOH_DEBUG);

	cr_expect_str_eq(lines, "root@2: two lines\n");
}

static void expect_refused(const char *name, const char *value, const char *line)
{
	setenv(name, value, 1);
	struct captured captured = captured_begin();
	int status = noh_run(count_workers, NULL);
	char *text = captured_end(captured);
	unsetenv(name);

	cr_expect_eq(status, 1);
	cr_expect_str_eq(text, line);
	free(text);
}

Test(environment, that_is_malformed_is_an_error_at_the_start)
{
	expect_refused("NOH_WORKERS", "0",
		       "error -: NOH_WORKERS=0: must be a number from 1 to 256\n");
	expect_refused("NOH_WORKERS", "257",
		       "error -: NOH_WORKERS=257: must be a number from 1 to 256\n");
	expect_refused("NOH_WORKERS", "two",
		       "error -: NOH_WORKERS=two: must be a number from 1 to 256\n");
	expect_refused("NOH_WORKERS", "-1",
		       "error -: NOH_WORKERS=-1: must be a number from 1 to 256\n");
	expect_refused("NOH_WORKERS", "2 ",
		       "error -: NOH_WORKERS=2 : must be a number from 1 to 256\n");
	expect_refused("NOH_BUDGET", "0",
		       "error -: NOH_BUDGET=0: must be a number from 1 to 268435455\n");
	expect_refused("NOH_TRACE", "yes",
		       "error -: NOH_TRACE=yes: must be a number from 0 to 1\n");
	expect_refused("NOH_SEED", "99999999999999999999",
		       "error -: NOH_SEED=99999999999999999999: must be a number from 0 to "
		       "18446744073709551615\n");
	expect_refused("NOH_LOG", "loud",
		       "error -: NOH_LOG=loud: must be debug, info, warn, error or off\n");
	expect_refused("NOH_IO", "kqueue", "error -: NOH_IO=kqueue: must be epoll or auto\n");
	expect_refused("NOH_IO", "io_uring",
		       "error -: NOH_IO=io_uring: must be epoll or auto: this version has no "
		       "io_uring yet\n");
}

// ---- several runtimes

static int run_another(void *unused)
{
	return noh_run(count_workers, unused);
}

Test(runtime, inside_another_is_an_error)
{
	cr_expect_eq(noh_run(run_another, NULL, .workers = 1, .log = keep_line), 1);
	cr_expect_str_eq(lines, "-: noh_run inside a runtime\n");
}

static uint64_t actors[2]; // handles
static uint32_t done;

static int work_with_the_other(void *argument)
{
	int self = *(int *)argument;
	const struct squared *answer;
	noh_actor other;

	__atomic_store_n(&actors[self], noh_spawn(actor).id, __ATOMIC_RELEASE);
	while (!(other.id = __atomic_load_n(&actors[!self], __ATOMIC_ACQUIRE)))
		noh_sleep(1);
	for (uint64_t i = 0; i < 100; i++) {
		noh_check(!noh_ask(other, square, 20000, &answer, .value = i));
		noh_check(answer->value == i * i);
	}

	// Neither may end while the other asks.
	__atomic_fetch_add(&done, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) < 2)
		noh_sleep(1);
	return (int)noh_dead_letters();
}

static void *run_in_a_thread(void *argument)
{
	int self = *(int *)argument;
	return (void *)(uintptr_t)noh_run(work_with_the_other, argument,
					  .workers = (uint32_t)self + 1, .signals_off = true);
}

Test(runtimes, may_be_several_and_talk_to_each_other)
{
	int first = 0, second = 1;
	pthread_t other;
	void *status;
	cr_assert(!pthread_create(&other, NULL, run_in_a_thread, &second));

	cr_expect_eq(noh_run(work_with_the_other, &first, .workers = 1, .signals_off = true), 0);

	pthread_join(other, &status);
	cr_expect_eq(status, NULL);
}
