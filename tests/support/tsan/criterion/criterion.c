/*
 * The main program of the stand-in: runs each test in a process of its own, compares how it ended
 * with what the test announces, and closes with "N passed, N failed, N skipped".
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

// What a test tells its parent: shared memory, since it may end in any way at any moment.
struct verdict {
	int failures;
	int skipped;
};

static struct verdict *verdict;
static struct criterion_test *suites;
static struct criterion_test *tests;
static pid_t running;

void criterion_add_suite(struct criterion_test *suite)
{
	suite->next = suites;
	suites = suite;
}

// In the order of the source, as constructors run.
void criterion_add_test(struct criterion_test *test)
{
	struct criterion_test **last = &tests;

	while (*last)
		last = &(*last)->next;
	*last = test;
}

void criterion_failed(bool ends, const char *file, int line, const char *condition,
		      const char *format, ...)
{
	va_list arguments;
	char message[1024];

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	fprintf(stderr, "%s:%d: does not hold: %s:%s\n", file, line, condition, message);

	__atomic_fetch_add(&verdict->failures, 1, __ATOMIC_RELAXED);
	if (ends)
		_exit(1);
}

void criterion_skip(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);

	__atomic_store_n(&verdict->skipped, 1, __ATOMIC_RELAXED);
	_exit(0);
}

void criterion_log(const char *level, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "%s: ", level);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

static const struct criterion_options *options_of_suite(const char *name)
{
	static const struct criterion_options none;

	for (struct criterion_test *suite = suites; suite; suite = suite->next) {
		if (!strcmp(suite->suite, name))
			return &suite->options;
	}
	return &none;
}

__attribute__((noreturn)) static void run(const struct criterion_test *test)
{
	const struct criterion_options *suite = options_of_suite(test->suite);
	void (*init)(void) = test->options.init ? test->options.init : suite->init;
	void (*fini)(void) = test->options.fini ? test->options.fini : suite->fini;

	if (init)
		init();
	test->body();
	if (fini)
		fini();
	exit(0); // not _exit: the sanitizer has its say, and its exit code, on the way out
}

static void kill_running(int signal)
{
	(void)signal;
	kill(running, SIGKILL);
}

static int wait_for(pid_t child, double seconds)
{
	int status;

	running = child;
	alarm(seconds < 1 ? 1 : (unsigned)seconds);
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			abort();
	}
	alarm(0);
	return status;
}

static bool ended_as_announced(const struct criterion_test *test, int status)
{
	if (test->options.signal)
		return WIFSIGNALED(status) && WTERMSIG(status) == test->options.signal;
	return WIFEXITED(status) && WEXITSTATUS(status) == test->options.exit_code;
}

static void say(const char *what, const struct criterion_test *test, int status)
{
	printf("%s %s/%s", what, test->suite, test->name);
	if (WIFSIGNALED(status))
		printf(" (signal %d)", WTERMSIG(status));
	else if (WEXITSTATUS(status))
		printf(" (exit code %d)", WEXITSTATUS(status));
	printf("\n");
}

int main(int count, char **arguments)
{
	const char *filter = "*";
	double default_timeout = 60;
	int passed = 0, failed = 0, skipped = 0;

	for (int i = 1; i + 1 < count; i++) {
		if (!strcmp(arguments[i], "--filter"))
			filter = arguments[i + 1];
		if (!strcmp(arguments[i], "--timeout"))
			default_timeout = atof(arguments[i + 1]);
	}

	verdict = mmap(NULL, sizeof(*verdict), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (verdict == MAP_FAILED)
		abort();
	sigaction(SIGALRM, &(struct sigaction){.sa_handler = kill_running}, NULL);

	for (struct criterion_test *test = tests; test; test = test->next) {
		char full_name[256];
		snprintf(full_name, sizeof(full_name), "%s/%s", test->suite, test->name);
		if (fnmatch(filter, full_name, 0))
			continue;
		if (test->options.disabled || options_of_suite(test->suite)->disabled) {
			skipped++;
			continue;
		}

		double timeout = test->options.timeout;
		if (timeout == 0)
			timeout = options_of_suite(test->suite)->timeout;
		if (timeout == 0)
			timeout = default_timeout;

		*verdict = (struct verdict){0};
		fflush(NULL);
		pid_t child = fork();
		if (child < 0)
			abort();
		if (child == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			run(test);
		}
		int status = wait_for(child, timeout);

		if (verdict->failures || (!verdict->skipped && !ended_as_announced(test, status))) {
			failed++;
			say("failed ", test, status);
		} else if (verdict->skipped) {
			skipped++;
			say("skipped", test, status);
		} else {
			passed++;
			say("passed ", test, status);
		}
	}
	printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
	return failed > 0 || passed == 0;
}
