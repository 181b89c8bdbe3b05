/*
 * Timers as actors and the runtime set, move and cancel them. See timer.h for what is agreed with
 * the keeper of the wheel. Knows no wheel.
 */
#include "timers/timer.h"

#include <errno.h>
#include <sched.h>

#include <noh/noh.h>

#include "runtime/post.h"
#include "runtime/worker.h"
#include "timers/timer_body.h"

enum {
	NS_A_MS = 1000 * 1000,
	ALARM = 0, // of `policy`: none of noh_missed, since the runtime has set it
};

static const int64_t most_ms = INT64_C(4) * 1000 * 1000 * 1000 * 1000; // 126 years

static uint64_t deadline_after(struct worker *worker, int64_t ms)
{
	if (ms > most_ms)
		ms = most_ms;
	return deadline_now_ns(worker) + (uint64_t)ms * NS_A_MS;
}

// ---- setting and moving

static struct timer *start(struct worker *worker, uint64_t deadline_ns, bool at_once,
			   uint64_t period_ns, enum noh_missed policy,
			   const struct noh_message_type *type, const void *from)
{
	uint32_t type_id = noh_message_id(type);
	const struct message_info *info = message_info(type_id);
	struct timer_more *more = timer_more_of(info, from, period_ns);
	struct timekeeper *keeper = worker->reactor->timekeeper;

	reactor_hold(keeper->reactor);
	struct timer *timer = timer_take(keeper);
	timer->gate.ops = &timer_ticks;
	timer_set_receiver(timer, worker->self, keeper->index);
	ck_pr_store_64(&timer->entry.deadline, deadline_ns);
	timer_set_what(timer, type_id, policy);
	timer->more = more;
	if (at_once) {
		ck_pr_store_64(&timer->word, TIMER_QUEUED + TIMER_IN_FLIGHT);
	} else {
		ck_pr_store_64(&timer->word, TIMER_ARMED);
		timekeeper_add(keeper, timer);
	}
	reactor_release(keeper->reactor);

	timer_own(worker->running, timer);
	if (at_once)
		timekeeper_tick(timer);
	return timer;
}

/* Moves an armed timer; false if it has ticked meanwhile. */
static bool move(struct timer *timer, uint64_t word, uint64_t deadline_ns)
{
	struct timekeeper *here = timekeeper_here(), *keeper = timekeeper_of(timer);
	bool is_earlier = deadline_ns < timer->entry.deadline;

	if (is_earlier && keeper == here) {
		reactor_hold(here->reactor);
		bool is_armed = timer_state(ck_pr_load_64(&timer->word)) == TIMER_ARMED;
		if (is_armed) {
			ck_pr_store_64(&timer->entry.deadline, deadline_ns);
			timekeeper_move(here, timer);
		}
		reactor_release(here->reactor);
		return is_armed;
	}

	// The keeper looks at the deadline between reading the word and swapping it, so it either
	// sees the new one or fails to swap.
	uint64_t moved = word + TIMER_MOVED;
	if (is_earlier)
		moved |= TIMER_RETURNED;
	ck_pr_store_64(&timer->entry.deadline, deadline_ns);
	if (!swap_if_64(&timer->word, word, moved)) // pairs with fire(), take_back()
		return false;
	if (!is_earlier)
		return true;
	if (!(word & TIMER_RETURNED))
		timekeeper_return(timer, true);
	else
		reactor_wake(keeper->reactor);
	return true;
}

// The timer of this id, if it is one of the running actor.
static struct timer *find_own(struct worker *worker, noh_timer timer)
{
	struct timer *found = timer_find(timer.id);
	// Another actor's may change at any time, also to what is asked for: but not to this actor.
	return found && timer_receiver(found) == worker->self ? found : NULL;
}

// ---- for the runtime

/* An alarm is a timer's id in a pointer's clothes: one that has rung may be cancelled too. */
static struct alarm *set_alarm(uint64_t deadline_ns, const struct noh_message_type *type)
{
	struct timer *timer =
		start(worker_here(), deadline_ns, false, 0, (enum noh_missed)ALARM, type, NULL);
	return (struct alarm *)(uintptr_t)timer_id(timer);
}

static void cancel_alarm(struct alarm *alarm)
{
	struct timer *timer = timer_find((uintptr_t)alarm);
	if (!timer)
		return;
	timer_cancel(timer, timekeeper_here());
}

static void drop_timers(struct slot *slot)
{
	struct timekeeper *here = timekeeper_here();

	while (slot->timers)
		timer_cancel(&timer_table[slot->timers], here);
}

const struct time_ops timer_ops = {.set = set_alarm, .cancel = cancel_alarm, .drop = drop_timers};

// ---- public

// Those of the running actor that it has set itself. Walked only where there is a quota.
static size_t count_timers(const struct slot *slot)
{
	size_t count = 0;
	for (uint32_t index = slot->timers; index; index = timer_table[index].older)
		count += timer_policy(&timer_table[index]) != ALARM;
	return count;
}

static void check_quota(const struct slot *slot, const struct noh_message_type *type,
			const void *body)
{
	size_t most = limits_of(slot)->timers;
	if (!most || count_timers(slot) < most)
		return;
	message_drop_owned(message_info(noh_message_id(type)), body);
	noh_fail("over its quota of timers: %zu", most);
}

noh_timer noh_timer_start(int64_t ms, int64_t every_ms, enum noh_missed missed,
			  const struct noh_message_type *type, const void *body)
{
	bool is_interval = every_ms != NOH_ONCE;
	struct worker *worker = worker_of_call(is_interval ? "noh_every" : "noh_after");

	if (is_interval && every_ms < 1) {
		message_drop_owned(message_info(noh_message_id(type)), body);
		noh_fail("noh_every: a period of %lld ms", (long long)every_ms);
	}
	if (__builtin_expect(!worker->reactor, 0)) { // a handler that is tested by itself
		message_drop_owned(message_info(noh_message_id(type)), body);
		return (noh_timer){0};
	}
	if (__builtin_expect(worker->running->flags & SLOT_QUOTAS, 0))
		check_quota(worker->running, type, body);
	bool at_once = ms <= 0;
	uint64_t deadline_ns = deadline_after(worker, at_once ? 0 : ms);
	uint64_t period_ns = 0;
	if (is_interval)
		period_ns = (uint64_t)(every_ms < most_ms ? every_ms : most_ms) * NS_A_MS;
	return (noh_timer){
		timer_id(start(worker, deadline_ns, at_once, period_ns, missed, type, body))};
}

uint64_t noh_ticks_missed(void)
{
	struct worker *worker = worker_of_call("noh_ticks_missed");
	const struct envelope *hand = worker->hand;
	if (!hand || post_kind(hand) != POST_GATED)
		return 0;
	struct gate *gate = (struct gate *)(uintptr_t)hand->ask;
	if (!gate || gate->ops != &timer_ticks)
		return 0;
	const struct timer_more *more = timer_of_gate(gate)->more;
	return more ? more->missed : 0;
}

void noh_cancel(noh_timer timer)
{
	struct worker *worker = worker_of_call("noh_cancel");
	struct timer *found = find_own(worker, timer);
	if (!found)
		return;
	timer_cancel(found, worker->reactor->timekeeper);
}

int noh_reset(noh_timer timer, int64_t ms)
{
	struct worker *worker = worker_of_call("noh_reset");
	struct timer *found = find_own(worker, timer);
	if (!found)
		return -ESRCH;

	uint64_t deadline_ns = deadline_after(worker, ms > 0 ? ms : 0);
	if (found->more)
		found->more->missed = 0;
	for (;;) {
		uint64_t word = load_acquire_64(&found->word); // pairs with fire()
		if (timer_state(word) == TIMER_ARMED) {
			if (move(found, word, deadline_ns))
				return 0;
		} else if (!(word & TIMER_COPYING)) {
			ck_pr_store_64(&found->entry.deadline, deadline_ns);
			timer_arm(found, 0);
			return 0;
		} else {
			sched_yield(); // deliver_holding() is at it
		}
	}
}

int64_t noh_now_ms(void)
{
	struct worker *worker = worker_of_call("noh_now_ms");
	return (int64_t)(runtime_now_ns(worker->runtime) / NS_A_MS);
}
