/* Failing and ending: how a handler or a fiber gets from deep in a call to its end. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

#include "mailbox/drop.h"
#include "runtime/fibers.h"
#include "runtime/worker.h"

static char thread_failure[512];

const char *noh_vformat(const char *format, va_list arguments)
{
	struct worker *worker = this_worker;
	char *text = worker ? worker->failure : thread_failure;
	vsnprintf(text, worker ? sizeof(worker->failure) : sizeof(thread_failure), format,
		  arguments);
	return text;
}

void noh_note_failure(const char *text)
{
	struct worker *worker = this_worker;
	if (worker && text != worker->failure)
		snprintf(worker->failure, sizeof(worker->failure), "%s", text);
	if (worker && worker->fiber)
		fiber_note_thrown(worker);
	else if (worker)
		note_handled(worker, NOH_FAILED);
}

// What failed before, if anything, keeps its text.
static _Noreturn void fail_in_drop(const char *format, va_list arguments)
{
	char text[512];
	vsnprintf(text, sizeof(text), format, arguments);
	noh_log(NOH_ERROR, "failed in a drop callback, which ends only that: %s", text);
	_longjmp(*running_drop, 1); // to call_drop()
}

void noh_fail(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	if (running_drop)
		fail_in_drop(format, arguments);
	const char *reason = noh_vformat(format, arguments);
	va_end(arguments);

	struct worker *worker = this_worker;
	if (!worker || !worker->running) {
		runtime_log(worker ? worker->runtime : NULL, NOH_ERROR,
			    "noh_fail outside an actor: %s", reason);
		abort();
	}
	if (worker->fiber)
		fiber_fail(worker);
	_longjmp(worker->failed, 1); // to worker_run()
}

void failure_undo(struct scratch *scratch, char **first)
{
	struct worker *worker = worker_here();

	if (*first)
		noh_log(NOH_ERROR, "failed again in what it had deferred: %s", worker->failure);
	else if (scratch->undo_count)
		*first = strdup(worker->failure);
	scratch_undo(scratch); // a fiber may wait in it, and others fail meanwhile
	if (!*first)
		return;
	worker = worker_here();
	snprintf(worker->failure, sizeof(worker->failure), "%s", *first);
	free(*first);
	*first = NULL;
}

// Its parent will take it off the list of its children, whose end has not been touched for long if
// they are many. A guess: the parent may run, or have another list, just now.
static void fetch_place(const struct slot *slot)
{
#if !defined(__SANITIZE_THREAD__) && !defined(POOL_OFF)
	const struct slot *parent = slot_of(slot->parent);
	const struct extras *extras = parent ? parent->extras : NULL;
	if (extras)
		__builtin_prefetch(&extras->family->at[slot->place], 1);
#else
	(void)slot;
#endif
}

static __attribute__((noinline)) void set_end_reason(struct worker *worker, const char *reason)
{
	free(worker->end_reason);
	worker->end_reason = reason && *reason ? strdup(reason) : NULL;
}

void noh_end(int code, const char *reason)
{
	struct worker *worker = this_worker; // nothing here waits
	if (__builtin_expect(!worker || !worker->running, 0))
		outside("noh_end");
	if (worker->end_asked)
		return; // the first one counts
	fetch_place(worker->running);
	worker->end_asked = true;
	worker->afterwards |= AFTER_MESSAGE;
	worker->end_code = code;
	if (__builtin_expect(reason || worker->end_reason, 0))
		set_end_reason(worker, reason);
}
