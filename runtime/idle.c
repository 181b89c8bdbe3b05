/* The idle time of actors: each message that somebody has sent only leaves its time; the alarm
 * looks at it when it rings, and is set again for what is left. */
#include "runtime/idle.h"

#include <noh/noh.h>

#include "runtime/recorder.h"

static void set_alarm(struct worker *worker, struct idle *idle)
{
	idle->alarm = worker->runtime->seams->time->set(idle->last_ns + idle->after_ns,
							&noh_idle_message);
}

void idle_stamp(struct worker *worker, struct slot *slot, const struct envelope *envelope)
{
	struct idle *idle = slot->extras->rare->idle;

	if (envelope->sender == worker->self)
		return;
	idle->last_ns = runtime_now_ns(worker->runtime);
	if (!idle->alarm)
		set_alarm(worker, idle);
}

bool idle_is_over_limit(struct worker *worker, struct slot *slot)
{
	struct idle *idle = slot->extras->rare->idle;

	idle->alarm = NULL;
	if (runtime_now_ns(worker->runtime) - idle->last_ns >= idle->after_ns)
		return true; // the next alarm is set by the next message
	set_alarm(worker, idle);
	return false;
}

void idle_drop(struct slot *slot)
{
	slot->flags &= (uint16_t)~SLOT_STAMPED;
	const struct rare *rare = rare_if_any(slot);
	if (rare && rare->idle)
		*rare->idle = (struct idle){0}; // its alarm is owned, and ends as all timers do
}

void noh_idle_after(int64_t ms)
{
	if (recorder_here())
		return;
	struct worker *worker = worker_of_call("noh_idle_after");
	if (worker->fiber)
		noh_fail("noh_idle_after is for handlers: a fiber gives noh_receive() a limit");

	struct slot *slot = worker->running;
	struct rare *rare = rare_of(slot);
	if (!rare->idle)
		rare->idle = must_allocate_zeroed(sizeof(*rare->idle));
	struct idle *idle = rare->idle;
	if (idle->alarm)
		worker->runtime->seams->time->cancel(idle->alarm);
	if (ms <= 0) {
		idle_drop(slot);
		return;
	}
	slot->flags |= SLOT_STAMPED;
	worker->afterwards |= AFTER_MESSAGE;
	idle->last_ns = runtime_now_ns(worker->runtime);
	idle->after_ns = clock_after_ms(0, ms);
	set_alarm(worker, idle);
}
