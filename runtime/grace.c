/*
 * Grace: nobody but a supervisor keeps the time of one child, so who ends later is given what the
 * whole runtime is given, and is killed when that is over. Who has children then is only named: it
 * may be ending them in order, and each of them has its own time. Knows not what they do in it.
 */
#include "runtime/grace.h"

#include <stdio.h>

#include <noh/noh.h>

#include "runtime/life.h"
#include "runtime/own_messages.h"
#include "runtime/trace.h"

static void set_alarm(struct worker *worker, struct slot *slot)
{
	struct noh_runtime *runtime = worker->runtime;
	uint64_t until_ms = (runtime_now_ns(runtime) + 999999) / 1000000;

	if (runtime->shutdown_ms > INT32_MAX)
		return; // weeks
	until_ms += (uint64_t)runtime->shutdown_ms;
	if (!(uint32_t)until_ms)
		until_ms++;
	rare_of(slot)->ending.until_ms = (uint32_t)until_ms;
	runtime->seams->time->set(until_ms * 1000000, &noh_alarm_message);
}

static bool is_over(struct worker *worker, uint32_t until_ms)
{
	uint32_t now_ms = (uint32_t)(runtime_now_ns(worker->runtime) / 1000000);
	return until_ms && (int32_t)(now_ms - until_ms) >= 0;
}

void grace_begin(struct worker *worker, struct slot *slot)
{
	if (!slot->supervised && !rare_of(slot)->ending.until_ms)
		set_alarm(worker, slot);
}

static void name_whom_it_waits_for(struct slot *slot, int64_t ms)
{
	const struct extras *extras = slot->extras;
	const struct family *family = extras->family;
	uint32_t place = 0;
	while (family->at[place] & FAMILY_EMPTY)
		place++;
	uint32_t index = family->at[place];
	const struct slot *child = &slot_table[index];
	char name[96], more[32] = "";

	actor_name((noh_actor){handle_of(index, child->child_generation)}, name, sizeof(name));
	if (family->count > 1)
		snprintf(more, sizeof(more), " and %u more", family->count - 1);
	noh_log(NOH_WARN, "has not ended within %lld ms: waits for %s%s", (long long)ms, name,
		more);
}

bool grace_alarm(struct worker *worker, struct slot *slot)
{
	const struct extras *extras = slot->extras;
	struct noh_runtime *runtime = worker->runtime;
	char reason[64];

	// Or it is another alarm.
	if (!(slot->flags & SLOT_ENDS_LATER) || !is_over(worker, extras->rare->ending.until_ms))
		return false;
	if (child_count(extras)) {
		if (!runtime->deadline_phase) // else the guardian names, and kills
			name_whom_it_waits_for(slot, runtime->shutdown_ms);
		set_alarm(worker, slot);
		return false;
	}
	snprintf(reason, sizeof(reason), "did not end within %lld ms",
		 (long long)runtime->shutdown_ms);
	noh_log(NOH_ERROR, "%s: killed", reason);
	life_end(worker, slot, NOH_WHY_KILLED, 0, reason);
	return true;
}
