/* Switching between stacks, by fcontext of Boost.Context or else by ucontext, in the sight of the
 * sanitizers. */
#include "runtime/context.h"

#include <stdlib.h>

#ifdef NOH_CONTEXT_UCONTEXT
#include <ucontext.h>
#endif

#ifdef CONTEXT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef CONTEXT_TSAN
#include <sanitizer/tsan_interface.h>
#endif

// Between telling a sanitizer of a switch and switching, instrumented code would be booked on the
// wrong stack: everything in this file that runs there is exempt.
#define UNSEEN __attribute__((no_sanitize_address, no_sanitize_thread))

static void begin(struct crossing *crossing, void *resume_from);

#ifndef NOH_CONTEXT_UCONTEXT

void *make_fcontext(void *stack_top, size_t stack_size, void (*entry)(struct transfer));

UNSEEN static void enter(struct transfer transfer)
{
	begin(transfer.data, transfer.resume_from);
}

static void *prepare(char *stack_low, size_t stack_size)
{
	return make_fcontext(stack_low + stack_size, stack_size, enter);
}

UNSEEN static struct crossing *cross(struct crossing *crossing, void **ret_resume_from)
{
	struct transfer transfer = jump_fcontext(crossing->to->resume, crossing);

	*ret_resume_from = transfer.resume_from;
	return transfer.data;
}

#else

// The registers of a suspended side lie on its own stack, as fcontext has them: so a struct context
// is small with either, and is the same.
struct parked {
	ucontext_t registers;
	struct crossing *crossing;
	void *resume_from;
};

// makecontext() passes ints.
UNSEEN static void enter(unsigned high, unsigned low)
{
	struct parked *me = (struct parked *)((uintptr_t)high << 32 | low);

	begin(me->crossing, me->resume_from);
}

static void *prepare(char *stack_low, size_t stack_size)
{
	uintptr_t top = (uintptr_t)stack_low + stack_size - sizeof(struct parked);
	struct parked *me = (struct parked *)(top & ~(uintptr_t)63);
	uintptr_t word = (uintptr_t)me;

	if (getcontext(&me->registers) < 0)
		abort();
	me->registers.uc_link = NULL;
	me->registers.uc_stack.ss_sp = stack_low;
	me->registers.uc_stack.ss_size = (size_t)((char *)me - stack_low);
	makecontext(&me->registers, (void (*)(void))enter, 2, (unsigned)(word >> 16 >> 16),
		    (unsigned)word);
	return me;
}

UNSEEN static struct crossing *cross(struct crossing *crossing, void **ret_resume_from)
{
	struct parked me;
	struct parked *other = crossing->to->resume;

	// ASan takes a size that is not 0 for a stack to be wiped clean.
	me.registers.uc_stack.ss_size = 0;
	other->crossing = crossing;
	other->resume_from = &me;
	if (swapcontext(&me.registers, &other->registers) < 0)
		abort();

	*ret_resume_from = me.resume_from;
	return me.crossing;
}

#endif

// What is left to do for a context whose frames will never be unwound.
UNSEEN static void forget(struct context *context)
{
	context->resume = NULL;
#ifdef CONTEXT_ASAN
	__asan_unpoison_memory_region(context->stack_low, context->stack_size);
#endif
#ifdef CONTEXT_TSAN
	__tsan_destroy_fiber(context->tsan_fiber);
#endif
}

UNSEEN static void announce(struct crossing *crossing)
{
	(void)crossing;
#ifdef CONTEXT_ASAN
	struct context *from = crossing->from;
	struct context *to = crossing->to;
	// Without a place to keep it, the fake stack is freed.
	__sanitizer_start_switch_fiber(crossing->is_last ? NULL : &from->fake_stack, to->stack_low,
				       to->stack_size);
#endif
#ifdef CONTEXT_TSAN
	crossing->from->tsan_fiber = __tsan_get_current_fiber();
	__tsan_switch_to_fiber(crossing->to->tsan_fiber, 0);
#endif
}

// First thing on the side that goes on. It may do this on another thread than the one it was
// suspended on; `crossing` is that of the latest switch to it.
UNSEEN static void land(struct crossing *crossing, void *resume_from)
{
	struct context *from = crossing->from;

	crossing->to->resume = NULL;
#ifdef CONTEXT_ASAN
	// Tells the bounds of a thread's own stack, too, which nobody else told us.
	__sanitizer_finish_switch_fiber(crossing->to->fake_stack, &from->stack_low,
					&from->stack_size);
	crossing->to->fake_stack = NULL;
#endif
	if (crossing->is_last)
		forget(from);
	else
		from->resume = resume_from;
}

UNSEEN static void begin(struct crossing *crossing, void *resume_from)
{
	struct context *me = crossing->to;

	land(crossing, resume_from);
	me->entry(me->argument);

	// There is nothing to return to.
	abort();
}

UNSEEN static void go(struct crossing *crossing)
{
	void *resume_from;

	assert(crossing->to->resume && "going on in a context that runs, or is over");
	announce(crossing);
	crossing = cross(crossing, &resume_from);
	land(crossing, resume_from);
}

void context_init(struct context *context, void *stack_low, size_t stack_size,
		  void (*entry)(void *argument), void *argument)
{
	*context = (struct context){
		.resume = prepare(stack_low, stack_size),
		.entry = entry,
		.argument = argument,
#ifdef CONTEXT_ASAN
		.stack_low = stack_low,
		.stack_size = stack_size,
#endif
#ifdef CONTEXT_TSAN
		.tsan_fiber = __tsan_create_fiber(0),
#endif
	};
}

UNSEEN void context_switch_seen(struct context *from, struct context *to)
{
	struct crossing crossing = {.from = from, .to = to, .is_last = false};

	go(&crossing);
}

UNSEEN void context_leave(struct context *from, struct context *to)
{
	struct crossing crossing = {.from = from, .to = to, .is_last = true};

	go(&crossing);
	abort();
}

UNSEEN void context_abandon(struct context *context)
{
	assert(context->resume && "abandoning a context that runs, or is over");
#ifdef CONTEXT_ASAN
	// A fake stack can be freed only by leaving it for good: act as if we were there, and
	// leave.
	void *my_fake_stack;
	const void *my_low;
	size_t my_size;
	__sanitizer_start_switch_fiber(&my_fake_stack, context->stack_low, context->stack_size);
	__sanitizer_finish_switch_fiber(context->fake_stack, &my_low, &my_size);
	__sanitizer_start_switch_fiber(NULL, my_low, my_size);
	__sanitizer_finish_switch_fiber(my_fake_stack, NULL, NULL);
#endif
	forget(context);
}
