/* The handler of SIGSEGV that names who overflowed a stack, and the stacks that it runs on. */
#include "runtime/overflow.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include <ck_pr.h>

#include "mailbox/atomic.h"
#include "runtime/stack.h"

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

// Room for the report, or for a former handler that prints a backtrace, beside the kernel's frame.
enum { HANDLER_BYTES = 64 << 10 };

static pthread_once_t installed = PTHREAD_ONCE_INIT;
static pthread_key_t thread_end;
static struct sigaction former;
static void *report_fn;

// The stack of this thread.
static _Thread_local struct {
	uintptr_t low; // 0: not known
	size_t bytes;
	const uint64_t *owner;
} own;

// Does what would have happened if this handler were not there.
static void pass_on(int signal, siginfo_t *info, void *machine)
{
	if (former.sa_flags & SA_SIGINFO) {
		former.sa_sigaction(signal, info, machine);
	} else if (former.sa_handler != SIG_DFL && former.sa_handler != SIG_IGN) {
		former.sa_handler(signal);
	} else if (info->si_code > 0) {
		// A fault comes again on return, and the kernel ends the process where it happened.
		sigaction(signal, &former, NULL);
	} else if (former.sa_handler == SIG_DFL) {
		// Sent by kill(): nothing would bring it again.
		sigaction(signal, &former, NULL);
		raise(signal);
	}
}

static bool own_guard_hit(const void *address, uint64_t *ret_tag, size_t *ret_bytes)
{
	uintptr_t at = (uintptr_t)address;

	// (Some say that the guard is a part of the stack.)
	if (!own.owner || !own.low || at < own.low - OVERFLOW_GUARD_BYTES ||
	    at >= own.low + OVERFLOW_GUARD_BYTES)
		return false;
	*ret_tag = *own.owner;
	*ret_bytes = own.bytes;
	return *ret_tag != 0;
}

static void on_fault(int signal, siginfo_t *info, void *machine)
{
	int err = errno;
	uint64_t tag;
	size_t stack_bytes;

	overflow_fn report = (overflow_fn)load_acquire(&report_fn);
	if (info->si_code > 0 && stack_guard_hit(info->si_addr, &tag, &stack_bytes))
		report(OVERFLOW_OF_FIBER, tag, stack_bytes);
	else if (info->si_code > 0 && own_guard_hit(info->si_addr, &tag, &stack_bytes))
		report(OVERFLOW_OF_THREAD, tag, stack_bytes);
	pass_on(signal, info, machine);
	errno = err;
}

static void install(void)
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	sigemptyset(&action.sa_mask);
	// The former one is known before a fault can ask for it.
	sigaction(SIGSEGV, NULL, &former);
	sigaction(SIGSEGV, &action, NULL);
}

void overflow_watch(overflow_fn report)
{
	store_release(&report_fn, (void *)report); // pairs with on_fault()
	pthread_once(&installed, install);
}

static size_t alternate_bytes(void)
{
	size_t frame = getauxval(AT_MINSIGSTKSZ);

	return HANDLER_BYTES + (frame + 4095) / 4096 * 4096;
}

static void remove_alternate(void *stack)
{
	stack_t none = {.ss_flags = SS_DISABLE}, current;

	// Whoever put another in its place since then looks after that one.
	if (sigaltstack(NULL, &current) == 0 && current.ss_sp == stack)
		sigaltstack(&none, NULL);
	munmap(stack, alternate_bytes());
}

static void make_thread_end(void)
{
	if (pthread_key_create(&thread_end, remove_alternate))
		abort();
}

// Of the first thread this is where the kernel lets it grow to no more.
static void find_own(void)
{
	pthread_attr_t attributes;
	void *low;
	size_t bytes;

	if (pthread_getattr_np(pthread_self(), &attributes))
		return;
	if (!pthread_attr_getstack(&attributes, &low, &bytes)) {
		own.low = (uintptr_t)low;
		own.bytes = bytes;
	}
	pthread_attr_destroy(&attributes);
}

void overflow_watch_thread(const uint64_t *owner)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	stack_t stack;

	own.owner = owner;
	if (owner && !own.low)
		find_own();
	if (sigaltstack(NULL, &stack) < 0 || !(stack.ss_flags & SS_DISABLE))
		return;

	stack = (stack_t){.ss_size = alternate_bytes()};
	stack.ss_sp = mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	// Without one an overflow still ends the process, just without a word.
	if (stack.ss_sp == MAP_FAILED)
		return;

	pthread_once(&once, make_thread_end);
	if (pthread_setspecific(thread_end, stack.ss_sp) || sigaltstack(&stack, NULL) < 0)
		abort();
}
