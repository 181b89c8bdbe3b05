/* Those who are held back: when they may go on. */
#include "runtime/throttle.h"

#include "runtime/wake.h"

enum {
	LEAST_US = 2,
	STEPS = 8, // doublings: to about 0.5 ms
	LOOK_AGAIN_US = 500,
	FORGET_US = 4000,      // after which they begin anew
	TIMES_AS_LONG = 3,     // as a handler that sends more than a turn may
	MOST_US_A_MESSAGE = 2, // but its time may have gone elsewhere
};

// What its last handler has sent beyond the budget of a turn, the receiver must get to first:
// thousands a turn would outrun it, however often their sender is held back.
static uint32_t extra_us(struct worker *worker, uint64_t *now_ns)
{
	int32_t over_budget = turn_budget_end(worker) - worker->credit;
	if (over_budget <= 0)
		return 0;
	*now_ns = runtime_now_ns(worker->runtime); // the last look is long ago
	uint64_t us = (*now_ns - worker->now_ns) * TIMES_AS_LONG / 1000;
	uint64_t most = (uint64_t)over_budget * MOST_US_A_MESSAGE;
	return (uint32_t)(us < most ? us : most);
}

/* Where the receiver runs, if that is another worker, messages are short, and to hold the sender
 * back has not helped. Then it is the way between two processors that makes both slow, and nothing
 * else would bring them together again: where many send to one, and some of them were taken away,
 * none of them is ever idle. */
static struct worker *where_to_follow(const struct worker *worker, const struct slot *slot)
{
	struct noh_runtime *runtime = worker->runtime;
	const struct slot *receiver = worker->throttled_by;
	// A hint: by now it may run elsewhere, or somebody else live there, in another runtime.
	uint8_t mark = ck_pr_load_8(&receiver->overloaded);

	if (slot->home != ANY_WORKER || slot->throttle_step < STEPS)
		return NULL;
	if (!mark || mark == throttle_mark(worker) || mark > runtime->worker_count ||
	    mark == THROTTLE_ANYWHERE || slot_runtime(receiver) != runtime)
		return NULL;
	struct worker *there = runtime->workers[mark - 1];
	return worker->messages_are_short && ck_pr_load_8(&there->messages_are_short) ? there
										      : NULL;
}

void throttle_add(struct worker *worker, struct slot *slot)
{
	// Served when nothing else is, when the receiver has caught up, or when the time is over.
	// The time doubles while the receiver stays overloaded.
	uint64_t now_ns = worker->now_ns;
	uint32_t extra = extra_us(worker, &now_ns), now_us = (uint32_t)(now_ns / 1000);
	if (now_us - slot->resume_us > FORGET_US)
		slot->throttle_step = 0; // that was another time
	struct worker *there = where_to_follow(worker, slot);
	if (there) {
		shared_queue_push(&there->home, slot);
		wake_this(worker->runtime, there->index);
		return;
	}
	uint32_t step = slot->throttle_step < STEPS ? slot->throttle_step++ : STEPS;
	slot->throttled_by = slot_index(worker->throttled_by);
	slot->resume_us = now_us + (LEAST_US << step) + extra;
	shared_queue_push(&worker->throttled, slot);
}

// Of one in a list whose lock is held.
static bool is_due(const struct noh_runtime *runtime, const struct slot *slot, uint64_t now_ns)
{
	return !ck_pr_load_8(&slot_table[slot->throttled_by].overloaded) ||
	       (int32_t)((uint32_t)(now_ns / 1000) - slot->resume_us) >= 0 ||
	       ck_pr_load_32(&runtime->ended);
}

struct slot *throttle_take(struct worker *worker)
{
	struct shared_queue *throttled = &worker->throttled;
	if (!shared_queue_count(throttled))
		return NULL;
	pthread_mutex_lock(&throttled->lock);
	struct slot *slot = throttled->list.first;
	if (slot && is_due(worker->runtime, slot, worker->now_ns))
		slot_list_take(&throttled->list);
	else
		slot = NULL;
	pthread_mutex_unlock(&throttled->lock);
	return slot;
}

struct slot *throttle_steal(struct worker *from, uint64_t now_ns)
{
	struct shared_queue *throttled = &from->throttled;
	struct slot *taken = NULL;
	if (!shared_queue_count(throttled))
		return NULL;
	pthread_mutex_lock(&throttled->lock);
	struct slot *before = NULL, *slot = throttled->list.first;
	// If one is not due, nor are those behind it, most likely.
	while (slot && !taken && is_due(from->runtime, slot, now_ns)) {
		if (slot->home == ANY_WORKER) {
			slot_list_take_out(&throttled->list, before, slot);
			taken = slot;
		}
		before = slot;
		slot = slot_list_after(slot);
	}
	pthread_mutex_unlock(&throttled->lock);
	return taken;
}

uint64_t throttle_until(struct worker *worker)
{
	struct shared_queue *throttled = &worker->throttled;
	if (!shared_queue_count(throttled))
		return UINT64_MAX;
	pthread_mutex_lock(&throttled->lock);
	const struct slot *first = throttled->list.first;
	int32_t us = first ? (int32_t)(first->resume_us - (uint32_t)(worker->now_ns / 1000)) : 0;
	pthread_mutex_unlock(&throttled->lock);
	if (us > LOOK_AGAIN_US) // the receiver may have caught up by then
		us = LOOK_AGAIN_US;
	return us > 0 ? worker->now_ns + (uint64_t)us * 1000 : worker->now_ns;
}
