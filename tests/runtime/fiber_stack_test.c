/* The stacks of fibers: how large they are, what happens when one overflows or none is left, how
 * much was used. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <noh/test.h>

#include "runtime/context.h"
#include "tests/support/captured.h"
#include "tests/support/seeds.h"

#if defined(CONTEXT_ASAN) || defined(CONTEXT_TSAN)
enum { SANITIZED = 2 };
#else
enum { SANITIZED = 1 };
#endif

NOH_MESSAGE(measured, (u64, bytes));
NOH_MESSAGE(go);

// Uses the stack frame by frame. The compiler must take the frames for needed: it would split them,
// or make a loop of the whole.
__attribute__((noinline)) static uint64_t dig(int64_t bytes)
{
	char frame[256];

	memset(frame, (char)bytes, sizeof(frame));
	__asm__ volatile("" : : "r"(frame) : "memory");
	return bytes > 0 ? dig(bytes - (int64_t)sizeof(frame)) + (uint64_t)frame[0] : 0;
}

struct digger {
	int64_t bytes;
};

static void dig_and_tell(struct digger *self)
{
	dig(self->bytes);
	noh_send(noh_parent(), measured, .bytes = noh_stack_used());
}

NOH_FIBER(digger, dig_and_tell);

struct deep_digger {
	int64_t bytes;
};

static void dig_deep_and_tell(struct deep_digger *self)
{
	dig(self->bytes);
	noh_send(noh_parent(), measured, .bytes = noh_stack_used());
}

NOH_FIBER_WITH(deep_digger, (.stack_bytes = 1000000), dig_deep_and_tell);

static uint64_t next_measured(void)
{
	return noh_as(noh_receive(20000, measured), measured)->bytes;
}

Simulated(stack, is_as_large_as_its_type_says)
{
	for (int i = 0; i < 20; i++) {
		noh_spawn(deep_digger, .bytes = 800000);
		noh_check(next_measured() >= 800000);
		noh_spawn(digger, .bytes = 20000);
		noh_check(next_measured() >= 20000);
	}
}

// ---- overflow

#if !defined(CONTEXT_TSAN) // its handler comes first

// What a child process that runs `root` says before it dies.
static char *last_words(int (*root)(void *), int *ret_status)
{
	struct captured captured = captured_begin();
	struct rlimit no_core = {0}, stack = {0};
	pid_t child = fork();

	if (child == 0) {
		setrlimit(RLIMIT_CORE, &no_core);
		getrlimit(RLIMIT_STACK, &stack);
		stack.rlim_cur = 8 << 20; // there may be no limit
		setrlimit(RLIMIT_STACK, &stack);
		// Whatever the test's own process made of them.
		signal(SIGSEGV, SIG_DFL);
		_exit(noh_run(root, NULL, .workers = 2));
	}
	waitpid(child, ret_status, 0);
	return captured_end(captured);
}

static int overflow_the_usual(void *unused)
{
	(void)unused;
	noh_spawn(digger, .bytes = 10000000);
	noh_receive(30000, measured); // which comes if a compiler saved the frames
	return 0;
}

static int overflow_the_deep(void *unused)
{
	(void)unused;
	noh_spawn(deep_digger, .bytes = 10000000);
	noh_receive(30000, measured);
	return 0;
}

Test(stack, overflow_ends_the_process_with_a_message_that_names_the_fiber)
{
	int status;
	char *words = last_words(overflow_the_usual, &status);

	char expected[80];
	snprintf(expected, sizeof(expected), "stack overflow: it has %d KiB", 32 * SANITIZED);
	cr_expect(strstr(words, "error digger@"), "%s", words);
	cr_expect(strstr(words, expected), "%s", words);
	cr_expect(SANITIZED > 1 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV));
	cr_expect_neq(status, 0);
	free(words);

	words = last_words(overflow_the_deep, &status);
	cr_expect(strstr(words, "error deep_digger@"), "%s", words);
	cr_expect_neq(status, 0);
	free(words);
}

struct deep_handler {
	char unused;
};

static void dig_in_handler(struct deep_handler *self, const struct go *msg)
{
	(void)self;
	(void)msg;
	dig(100000000);
}

NOH_ACTOR(deep_handler, (go, dig_in_handler));

static int overflow_in_handler(void *unused)
{
	(void)unused;
	noh_send(noh_spawn_with(deep_handler, (.name = "cellar")), go);
	noh_receive(30000, measured);
	return 0;
}

Test(stack, overflow_in_a_handler_names_the_actor_too)
{
	int status;
	char *words = last_words(overflow_in_handler, &status);

	cr_expect(strstr(words, "error deep_handler@"), "%s", words);
	cr_expect(strstr(words, " \"cellar\": stack overflow in a handler: its thread has "), "%s",
		  words);
	cr_expect(SANITIZED > 1 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV));
	cr_expect_neq(status, 0);
	free(words);
}
#endif

// ---- how much was used

static uint64_t logged_bytes;

static void read_log(void *unused, enum noh_level level, noh_actor who, const char *line)
{
	unsigned long used, size;
	const char *at = strstr(line, ": used ");

	(void)unused;
	(void)who;
	if (level == NOH_DEBUG && strstr(line, "digger@") == line && at &&
	    sscanf(at, ": used %lu of the %lu bytes of its stack", &used, &size) == 2)
		logged_bytes = used;
}

static int dig_deep_then_not(void *unused)
{
	(void)unused;
	noh_spawn(digger, .bytes = 16000);
	uint64_t deep = next_measured();
	noh_check(deep >= 16000 && deep < 16000 * 3);
	noh_receive(10, go);
	noh_check(logged_bytes >= deep);

	// The next one has the same stack, and is not blamed for it.
	noh_spawn(digger, .bytes = 500);
	noh_check(next_measured() < 8000 * SANITIZED);
	noh_receive(10, go);
	noh_check(logged_bytes < 16000);
	return 0;
}

Test(stack, tells_at_debug_level_how_much_each_fiber_used)
{
	cr_expect_eq(noh_run(dig_deep_then_not, NULL, .workers = 1, .log = read_log,
			     .log_level = NOH_DEBUG),
		     0);
}

// ---- when there are none left

#if !defined(CONTEXT_ASAN) && \
	!defined(CONTEXT_TSAN) // what they keep of a stack is beyond these limits
// As a kernel before 6.13: it knows no guards that are not mappings.
static void forget_guards(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 102, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

struct waiter {
	int unused;
};

static void wait_for_ever(struct waiter *self)
{
	(void)self;
	noh_send(noh_parent(), go);
	noh_receive(-1, go);
}

NOH_FIBER(waiter, wait_for_ever);

// Counts those that wait, and those that could not begin.
static int start_waiters(void *of_how_many)
{
	uint64_t waiting = 0, refused = 0, wanted = *(uint64_t *)of_how_many;

	for (uint64_t i = 0; i < wanted; i++) {
		noh_spawn_with(waiter, (.monitored = true));
		const struct noh_delivery *in = noh_receive(20000, go, noh_down);
		const struct noh_down *down = noh_as(in, noh_down);
		waiting += noh_as(in, go) != NULL;
		refused += down && down->why == NOH_WHY_FAILED &&
			   strstr(down->reason, "no stack for another fiber") &&
			   strstr(down->reason, "vm.max_map_count");
	}
	fprintf(stderr, "%lu wait, %lu were refused\n", (unsigned long)waiting,
		(unsigned long)refused);
	noh_check(waiting >= 30000 && waiting + refused == wanted);
	noh_check(refused == 0 || waiting < 100000);
	return 0;
}

static void no_log(void *unused, enum noh_level level, noh_actor who, const char *line)
{
	(void)unused;
	(void)level;
	(void)who;
	(void)line;
}

Test(stack, holds_thirty_thousand_fibers_on_old_kernels_and_refuses_more_with_a_reason)
{
	uint64_t wanted = 33000;
	forget_guards();
	cr_expect_eq(noh_run(start_waiters, &wanted, .workers = 1, .log = no_log), 0);
}

static uint64_t resident_bytes(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");
	cr_assert(file && fscanf(file, "%*u %lu", &pages) == 1);
	fclose(file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int wait_then_end(void *unused)
{
	uint64_t wanted = 100000, before = resident_bytes();
	(void)unused;
	start_waiters(&wanted);
	uint64_t taken = resident_bytes() - before;
	fprintf(stderr, "100,000 waiting fibers take %lu MB\n", (unsigned long)(taken >> 20));
	noh_check(taken < 1000000000);
	return 0;
}

Test(stack, takes_less_than_a_gigabyte_for_a_hundred_thousand_waiting_fibers)
{
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (madvise(page, 4096, 102) < 0)
		cr_skip_test("a kernel before 6.13: the limit of mappings is met before");

	cr_expect_eq(noh_run(wait_then_end, NULL, .workers = 1, .log = no_log), 0);
}
#endif
