/* Who overflows a stack is named, and every other fault ends as it would have without us. */
#include "runtime/overflow.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "runtime/context.h"
#include "runtime/stack.h"

#if defined(CONTEXT_ASAN) || defined(CONTEXT_TSAN)
#define ENDS_BY_FAULT .disabled = true
#else
#define ENDS_BY_FAULT .signal = SIGSEGV
#endif

static struct context thread, fiber;

// Not to be seen through, or the compiler finds that it never ends, and ends it its own way.
static volatile int deepest = 1 << 30;

__attribute__((noinline)) static int fall(int depth)
{
	volatile char frame[500];

	frame[0] = (char)depth;
	return depth == deepest ? 0 : fall(depth + 1) + frame[0];
}

static void fall_for_ever(void *unused)
{
	(void)unused;
	fall(0);
}

static void overflow_as(uint64_t tag)
{
	static struct stack_depot depot;
	static struct stack_cache cache;
	struct fiber_stack *stack;

	stack_depot_init(&depot, 0);
	stack_cache_init(&cache, &depot);
	cr_assert_eq(stack_cache_take(&cache, tag, &stack), 0);
	overflow_watch_thread(NULL);
	context_init(&fiber, stack->low, stack->size, fall_for_ever, NULL);
	context_switch(&thread, &fiber);
}

static void fault_elsewhere(void)
{
	volatile char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	page[0] = 1;
}

static void exit_42_for_owner_7(enum overflow_of whose, uint64_t tag, size_t stack_bytes)
{
	_exit(whose == OVERFLOW_OF_FIBER && tag == 7 && stack_bytes >= 32 << 10 ? 42 : 1);
}

static void exit_45_for_thread_of_7(enum overflow_of whose, uint64_t tag, size_t stack_bytes)
{
	_exit(whose == OVERFLOW_OF_THREAD && tag == 7 && stack_bytes >= 128 << 10 ? 45 : 1);
}

static void exit_1(enum overflow_of whose, uint64_t tag, size_t stack_bytes)
{
	(void)whose;
	(void)tag;
	(void)stack_bytes;
	_exit(1);
}

static bool is_reported;

static void remember(enum overflow_of whose, uint64_t tag, size_t stack_bytes)
{
	(void)whose;
	(void)tag;
	(void)stack_bytes;
	is_reported = true;
}

static void exit_43(int signal)
{
	(void)signal;
	_exit(43);
}

static void exit_44_if_reported(int signal, siginfo_t *info, void *machine)
{
	(void)signal;
	(void)machine;
	_exit(is_reported && info->si_addr ? 44 : 1);
}

Test(overflow, is_reported_with_the_owner, .exit_code = 42)
{
	overflow_watch(exit_42_for_owner_7);

	overflow_as(7);
}

Test(overflow, is_reported_to_the_latest, .exit_code = 42)
{
	overflow_watch(exit_1);
	overflow_watch(exit_42_for_owner_7);

	overflow_as(7);
}

static void *overflow_as_7(void *unused)
{
	overflow_as(7);
	return unused;
}

Test(overflow, is_reported_on_any_thread, .exit_code = 42)
{
	pthread_t id;
	overflow_watch(exit_42_for_owner_7);

	cr_assert_eq(pthread_create(&id, NULL, overflow_as_7, NULL), 0);
	pthread_join(id, NULL);
}

static uint64_t owner = 7;

Test(overflow, of_the_first_threads_own_stack_is_reported, .exit_code = 45)
{
	struct rlimit limit;
	getrlimit(RLIMIT_STACK, &limit);
	limit.rlim_cur = 8 << 20; // there may be none
	setrlimit(RLIMIT_STACK, &limit);
	overflow_watch(exit_45_for_thread_of_7);
	overflow_watch_thread(&owner);

	fall(0);
}

static void *overflow_own(void *unused)
{
	overflow_watch_thread(&owner);
	fall(0);
	return unused;
}

Test(overflow, of_a_threads_own_stack_is_reported, .exit_code = 45)
{
	pthread_attr_t attributes;
	pthread_t id;
	overflow_watch(exit_45_for_thread_of_7);

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 256 << 10);
	pthread_attr_setguardsize(&attributes, OVERFLOW_GUARD_BYTES);
	cr_assert_eq(pthread_create(&id, &attributes, overflow_own, NULL), 0);
	pthread_join(id, NULL);
}

Test(overflow, of_a_thread_that_is_watched_no_more_is_not_reported, ENDS_BY_FAULT)
{
	overflow_watch(exit_1);
	overflow_watch_thread(&owner);
	overflow_watch_thread(NULL);

	fall(0);
}

Test(overflow, ends_the_process_after_the_report, ENDS_BY_FAULT)
{
	overflow_watch(remember);

	overflow_as(7);
}

Test(overflow, goes_to_the_former_handler_after_the_report, .exit_code = 44)
{
	struct sigaction action = {.sa_sigaction = exit_44_if_reported,
				   .sa_flags = SA_SIGINFO | SA_ONSTACK};
	sigaction(SIGSEGV, &action, NULL);
	overflow_watch(remember);

	overflow_as(7);
}

Test(overflow, leaves_other_faults_to_the_former_handler, .exit_code = 43)
{
	signal(SIGSEGV, exit_43);
	overflow_watch(exit_1);

	fault_elsewhere();
}

Test(overflow, lets_other_faults_end_the_process, ENDS_BY_FAULT)
{
	overflow_watch(exit_1);

	fault_elsewhere();
}

Test(overflow, lets_a_signal_that_was_sent_end_the_process, ENDS_BY_FAULT)
{
	overflow_watch(exit_1);

	kill(getpid(), SIGSEGV);
	for (;;)
		pause();
}

#if !defined(CONTEXT_ASAN) && !defined(CONTEXT_TSAN) // their threads bring an alternate stack
static void *watch(void *ret_stack)
{
	stack_t current;

	overflow_watch_thread(NULL);
	overflow_watch_thread(NULL);
	sigaltstack(NULL, &current);
	*(void **)ret_stack = current.ss_sp;
	return NULL;
}

Test(overflow, frees_the_alternate_stack_with_the_thread)
{
	pthread_t id;
	unsigned char resident;
	void *stack = NULL;

	cr_assert_eq(pthread_create(&id, NULL, watch, &stack), 0);
	cr_assert_eq(pthread_join(id, NULL), 0);

	cr_assert_not_null(stack);
	cr_expect_eq(mincore(stack, 1, &resident), -1, "unmapped");
}
#endif
