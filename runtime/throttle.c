/* Those who are held back: when they may go on. */
#include "runtime/throttle.h"

enum {
	LEAST_US = 2,
	STEPS = 8,        // doublings: to about 0.5 ms
	FORGET_US = 4000, // after which they begin anew
};

void throttle_add(struct worker *worker, struct slot *slot)
{
	// Served when nothing else is, when the receiver has caught up, or when the time is over.
	// The time doubles while the receiver stays overloaded.
	uint32_t now_us = (uint32_t)(worker->now_ns / 1000);
	if (now_us - slot->resume_us > FORGET_US)
		slot->throttle_step = 0; // that was another time
	uint32_t step = slot->throttle_step < STEPS ? slot->throttle_step++ : STEPS;
	slot->throttled_by = slot_index(worker->throttled_by);
	slot->resume_us = now_us + (LEAST_US << step);
	slot_list_push(&worker->throttled, slot);
}

static bool is_due(struct worker *worker, const struct slot *slot)
{
	return !ck_pr_load_8(&slot_table[slot->throttled_by].overloaded) ||
	       (int32_t)((uint32_t)(worker->now_ns / 1000) - slot->resume_us) >= 0 ||
	       ck_pr_load_32(&worker->runtime->ended);
}

struct slot *throttle_take(struct worker *worker)
{
	struct slot *slot = worker->throttled.first;
	return slot && is_due(worker, slot) ? slot_list_take(&worker->throttled) : NULL;
}

uint64_t throttle_until(struct worker *worker)
{
	if (!worker->throttled.first)
		return UINT64_MAX;
	int32_t us =
		(int32_t)(worker->throttled.first->resume_us - (uint32_t)(worker->now_ns / 1000));
	return us > 0 ? worker->now_ns + (uint64_t)us * 1000 : worker->now_ns;
}
