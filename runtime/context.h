/* One side of a switch between stacks: where it goes on, and what the sanitizers must know of it.
 * Knows no actors, no workers and no stack pools. */
#ifndef NOH_RUNTIME_CONTEXT_H
#define NOH_RUNTIME_CONTEXT_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__SANITIZE_ADDRESS__)
#define CONTEXT_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define CONTEXT_TSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CONTEXT_ASAN 1
#elif __has_feature(thread_sanitizer)
#define CONTEXT_TSAN 1
#endif
#endif

/* A thread's own context (a worker's loop) is all zeroes, and so needs no init; it is filled in by
 * the first switch away from it. A fiber's is made by context_init().
 *
 * A context must not move in memory between context_init() and its end. Its fields belong to
 * whoever runs it, and once it is suspended to the thread that it was switched to: to go on with it
 * on another thread, hand it over as any other data (release and acquire), after context_switch()
 * came back.
 *
 * A switch keeps the callee-saved registers and the floating point modes. It does not keep errno,
 * nor what thread-locals hold, nor the C++ exceptions that are being handled: none of the three may
 * be relied on across a switch. */
struct context {
	// Where it goes on; NULL while it runs, or when it is over.
	void *resume;

	void (*entry)(void *argument);
	void *argument;

#ifdef CONTEXT_ASAN
	const void *stack_low;
	size_t stack_size;
	void *fake_stack;
#endif
#ifdef CONTEXT_TSAN
	void *tsan_fiber;
#endif
};

/* Makes a context that will call entry(argument) on the given stack at the first switch to it. The
 * stack is borrowed until context_leave() has come out on the other side, or context_abandon().
 * `entry` must not return: its last act is context_leave(). A context that was never switched to
 * needs context_abandon() too. */
void context_init(struct context *context, void *stack_low, size_t stack_size,
		  void (*entry)(void *argument), void *argument);

// ---- how a switch is told to the other side

// It lies on the stack of the side that leaves, which is whole until the other has landed.
struct crossing {
	struct context *from;
	struct context *to;
	bool is_last;
};

#ifndef NOH_CONTEXT_UCONTEXT
// As in libboost_context, whose own header is C++.
struct transfer {
	void *resume_from;
	void *data;
};
struct transfer jump_fcontext(void *resume, void *data);
#endif

void context_switch_seen(struct context *from, struct context *to);

/* Saves the running side into `from` and goes on in `to`. Returns when somebody switches back to
 * `from`, maybe on another thread. */
static inline __attribute__((always_inline)) void context_switch(struct context *from,
								 struct context *to)
{
#if defined(NOH_CONTEXT_UCONTEXT) || defined(CONTEXT_ASAN) || defined(CONTEXT_TSAN)
	context_switch_seen(from, to);
#else
	// Inline, and so should be those that call it: a processor predicts returns by the calls
	// before them, and behind a switch those were another stack's. Each return that is left
	// costs as much as the switch itself.
	struct crossing crossing = {.from = from, .to = to};
	assert(to->resume && "going on in a context that runs, or is over");
	struct transfer transfer = jump_fcontext(to->resume, &crossing);

	const struct crossing *latest = (const struct crossing *)transfer.data;
	latest->to->resume = NULL;
	latest->from->resume = latest->is_last ? NULL : transfer.resume_from;
#endif
}

/* The last switch out of `from`, which never runs again. Once `to` goes on, `from` is forgotten,
 * and it and its stack may be reused. */
_Noreturn void context_leave(struct context *from, struct context *to);

/* Forgets a suspended context that will never run again (a killed or failed fiber, or one never
 * started); its frames are not unwound. Then its stack may be reused. May be called from any thread
 * that owns it, but not from its own stack: a failing fiber first switches away. */
void context_abandon(struct context *context);

#endif
