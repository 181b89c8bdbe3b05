/* The log's limit: how many lines of actors go out in a second, and what is said of the others. */
#include <criterion/criterion.h>
#include <noh/test.h>

#include "tests/support/captured.h"

static void log_lines(int count)
{
	for (int i = 0; i < count; i++)
		noh_log(NOH_WARN, "line %d", i);
}

static int log_too_much(void *unused)
{
	(void)unused;
	log_lines(1500);
	noh_test_advance(999);
	log_lines(1);
	noh_test_advance(1);
	log_lines(2);
	return 0;
}

Test(limit, leaves_out_what_is_too_much_for_a_second_and_says_how_much)
{
	struct captured captured = captured_begin();
	cr_expect_eq(noh_simulate(1, log_too_much, NULL), 0);
	char *text = captured_end(captured);

	cr_expect_eq(captured_count(text, "warn root@2: line "), 1002);
	cr_expect(strstr(text, "line 999\nwarn -: 501 lines left out\n"
			       "warn root@2: line 0\nwarn root@2: line 1\n"),
		  "%s", text);
	free(text);
}

static int log_within_the_limit(void *unused)
{
	(void)unused;
	for (int second = 0; second < 3; second++) {
		log_lines(1000);
		noh_test_advance(1000);
	}
	return 0;
}

Test(limit, begins_anew_each_second)
{
	struct captured captured = captured_begin();
	cr_expect_eq(noh_simulate(1, log_within_the_limit, NULL), 0);
	char *text = captured_end(captured);

	cr_expect_eq(captured_count(text, "warn root@2: line "), 3000);
	cr_expect(!strstr(text, "left out"));
	free(text);
}

// ---- the level

static int log_an_error(void *unused)
{
	(void)unused;
	noh_log(NOH_ERROR, "of some kind");
	return 0;
}

Test(level, silent_leaves_out_errors_too)
{
	struct captured captured = captured_begin();
	cr_expect_eq(noh_run(log_an_error, NULL, .workers = 1, .log_level = NOH_SILENT), 0);
	cr_expect_eq(noh_run(log_an_error, NULL, .workers = 1), 0);
	char *text = captured_end(captured);

	cr_expect_eq(captured_count(text, "of some kind"), 1);
	free(text);
}

Test(level, of_the_environment_may_be_off)
{
	setenv("NOH_LOG", "off", 1);
	struct captured captured = captured_begin();
	cr_expect_eq(noh_run(log_an_error, NULL, .workers = 1), 0);
	char *text = captured_end(captured);
	unsetenv("NOH_LOG");

	cr_expect_str_eq(text, "");
	free(text);
}

// ---- real threads

enum { LINES = 20000 };

NOH_MESSAGE(talk);

struct talker {
	noh_actor root;
};

static void on_talk(struct talker *self, const struct talk *msg)
{
	(void)msg;
	log_lines(LINES / 4);
	noh_send(self->root, talk);
}

NOH_ACTOR(talker, (talk, on_talk));

static int talk_all_at_once(void *unused)
{
	(void)unused;
	for (int i = 0; i < 4; i++)
		noh_send(noh_spawn(talker, .root = noh_self()), talk);
	for (int i = 0; i < 4; i++)
		noh_receive(-1, talk);
	return 0;
}

static uint64_t written, left_out;

static void count_line(void *unused, enum noh_level level, noh_actor who, const char *line)
{
	unsigned count;
	(void)unused;
	(void)level;
	(void)who;
	if (sscanf(line, "-: %u lines left out", &count) == 1)
		__atomic_fetch_add(&left_out, count, __ATOMIC_RELAXED);
	else
		__atomic_fetch_add(&written, 1, __ATOMIC_RELAXED);
}

Test(limit, is_an_option_and_loses_no_count_among_threads)
{
	cr_expect_eq(
		noh_run(talk_all_at_once, NULL, .workers = 2, .log = count_line, .log_lines = 5),
		0);

	cr_expect_eq(written + left_out, LINES);
	cr_expect_geq(written, 5);
	cr_expect_lt(written, LINES / 2);
}

static int do_nothing(void *unused)
{
	(void)unused;
	return 0;
}

Test(limit, is_not_for_the_runtimes_own_lines)
{
	for (int i = 0; i < 3; i++)
		cr_expect_eq(noh_run(do_nothing, NULL, .workers = 1, .log = count_line,
				     .log_level = NOH_INFO, .log_lines = 1),
			     0);

	cr_expect_eq(written, 3);
}
