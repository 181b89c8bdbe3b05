/*
 * The actor's side of timers: setting, moving and cancelling them, and what happens when a tick has
 * been handled. See timer.h for what both sides may do. Knows no wheel.
 */
#include "timers/timer.h"

#include <errno.h>
#include <sched.h>

#include <noh/noh.h>

#include "mailbox/pool.h"
#include "runtime/post.h"
#include "runtime/worker.h"

enum {
	NS_A_MS = 1000 * 1000,
	LATE_NS = 5 * NS_A_MS, // from here on a tick is late for NOH_MISSED_DELAY
};

static const int64_t most_ms = INT64_C(4) * 1000 * 1000 * 1000 * 1000; // 126 years

// The keeper at home with this thread; NULL outside of workers.
static struct timekeeper *keeper_here(void)
{
	struct worker *worker = worker_here();
	return worker && worker->reactor ? worker->reactor->timekeeper : NULL;
}

static uint64_t deadline_after(struct worker *worker, int64_t ms)
{
	if (ms > most_ms)
		ms = most_ms;
	return runtime_now_ns(worker->runtime) + (uint64_t)ms * NS_A_MS;
}

// ---- bodies

struct body {
	const struct message_info *info;
	void *at; // NULL: within the timer
	size_t size;
};

// What must be freed of a timer's body; taken before others can reuse the timer.
static struct body body_of(const struct timer *timer)
{
	const struct message_info *info = message_info(timer->type);
	if (timer_has_body_inside(info))
		return (struct body){.info = info};
	return (struct body){info, timer->body.apart.at, timer->body.apart.size};
}

static void body_free(struct body body)
{
	if (!body.at)
		return;
	message_release(body.info, body.at);
	pool_give(pool_class_of(body.size), body.at);
}

// Copied at the start, so that a tick cannot lack it later.
static struct body body_copy(const struct message_info *info, const void *from)
{
	struct body body = {.info = info};
	if (timer_has_body_inside(info))
		return body;

	body.size = message_size(info, from);
	body.at = pool_take(pool_class_of(body.size), body.size);
	message_copy(info, body.at, from);
	return body;
}

// ---- cancelling

// OFF, not returned, no tick in flight: nobody else knows it any more.
static void give(struct timer *timer)
{
	struct timekeeper *keeper = timekeeper_is_delivering() ? NULL : keeper_here();

	if (!keeper) {
		timer_give(NULL, timer);
		return;
	}
	reactor_hold(keeper->reactor);
	timer_give(keeper, timer);
	reactor_release(keeper->reactor);
}

static void invalidate_id(struct timer *timer)
{
	ck_pr_store_64(&timer->id, timer->id + TIMER_LIMIT);
}

/* From here on no tick of it is admitted. Whoever runs its owner, which does not list it any more.
 */
static void cancel(struct timer *timer)
{
	struct timekeeper *here = keeper_here();
	struct body body = body_of(timer);
	bool is_last; // no tick is in flight that would free the body

	invalidate_id(timer);
	for (;;) {
		uint64_t word = load_acquire_64(&timer->word); // pairs with fire()
		uint64_t off = timer_with(word, TIMER_OFF);
		is_last = !timer_in_flight(word);

		if (timer_state(word) == TIMER_QUEUED) {
			if (!swap_if_64(&timer->word, word, off)) // pairs with take_back()
				continue;
			if (is_last && !(word & TIMER_RETURNED))
				give(timer);
			break;
		}
		if (!here || timer->keeper != here->index) {
			// Pairs with fire() and take_back().
			if (!swap_if_64(&timer->word, word, off | TIMER_RETURNED))
				continue;
			if (!(word & TIMER_RETURNED))
				timekeeper_return(timer, false);
			break;
		}

		// At home: while the reactor is held nobody else changes the word.
		reactor_hold(here->reactor);
		word = ck_pr_load_64(&timer->word);
		bool was_armed = timer_state(word) == TIMER_ARMED;
		if (was_armed) {
			is_last = !timer_in_flight(word);
			wheel_remove(&timer->entry);
			ck_pr_store_64(&timer->word, timer_with(word, TIMER_OFF));
			if (is_last && !(word & TIMER_RETURNED))
				timer_give(here, timer);
		}
		reactor_release(here->reactor);
		if (was_armed)
			break;
	}
	if (is_last)
		body_free(body);
}

static void release(struct owned *owned)
{
	cancel(timer_of_owned(owned));
}

// ---- arming

/* Puts a timer that is in no wheel into the one of this worker, to tick at its deadline, and counts
 * `retired` ticks less in flight. */
static void arm(struct timer *timer, uint64_t retired)
{
	uint64_t word = load_acquire_64(&timer->word); // pairs with take_back()

	while (word & TIMER_RETURNED) {
		// Still in the stack of another keeper, which then must put it into its own wheel.
		struct reactor *reactor = timekeeper_of(timer)->reactor;
		if (swap_if_64(&timer->word, word, timer_with(word - retired, TIMER_ARMED))) {
			reactor_wake(reactor);
			return;
		}
		word = load_acquire_64(&timer->word); // pairs with take_back()
	}

	// In no wheel and in no stack, it is nobody else's.
	struct timekeeper *here = keeper_here();
	reactor_hold(here->reactor);
	ck_pr_store_64(&timer->word, timer_with(word - retired, TIMER_ARMED));
	timekeeper_add(here, timer);
	reactor_release(here->reactor);
}

// ---- ticks

static bool admit(struct gate *gate, const void *body)
{
	uint64_t word = load_acquire_64(&timer_of_gate(gate)->word); // pairs with fire()
	(void)body;
	// The last of several in flight is the only one that has not been revoked.
	return timer_state(word) == TIMER_QUEUED && timer_in_flight(word) == 1;
}

static void end_one_shot(struct timer *timer)
{
	struct body body = body_of(timer);
	uint64_t word;

	disown(&timer->owned);
	invalidate_id(timer);
	do
		word = load_acquire_64(&timer->word); // pairs with take_back()
	while (!swap_if_64(&timer->word, word, timer_with(word - TIMER_IN_FLIGHT, TIMER_OFF)));
	if (!(word & TIMER_RETURNED))
		give(timer);
	body_free(body);
}

// Finds the next deadline of an interval whose tick has been handled. True: it is due already.
static bool advance(struct timer *timer, uint64_t now_ns)
{
	uint64_t period = timer->period_ns;
	uint64_t late = now_ns > timer->deadline_ns ? now_ns - timer->deadline_ns : 0;
	uint64_t next = timer->deadline_ns + period;

	timer->missed = 0;
	if (timer->policy != NOH_MISSED_BURST) {
		uint64_t missed = late / period;
		timer->missed = missed < UINT32_MAX ? (uint32_t)missed : UINT32_MAX;
		if (timer->policy == NOH_MISSED_SKIP)
			next += missed * period;
		else if (late >= LATE_NS || missed)
			next = now_ns + period;
	}
	ck_pr_store_64(&timer->deadline_ns, next);
	return next <= now_ns;
}

static void retired(struct gate *gate, const void *unused)
{
	struct timer *timer = timer_of_gate(gate);
	(void)unused;

	for (;;) {
		uint64_t word = load_acquire_64(&timer->word); // pairs with fire()
		uint64_t after = word - TIMER_IN_FLIGHT;
		bool is_last = !timer_in_flight(after);

		// A tick that was meant to be handled, and was: unless there was nobody, and then
		// the end of its owner cancels it.
		if (timer_state(word) == TIMER_QUEUED && is_last && keeper_here() &&
		    !timekeeper_is_delivering()) {
			if (!timer->period_ns)
				end_one_shot(timer);
			else if (advance(timer, runtime_now_ns(worker_here()->runtime)))
				timekeeper_tick(timer);
			else
				arm(timer, TIMER_IN_FLIGHT);
			return;
		}

		// A revoked one.
		struct body body = body_of(timer);
		if (!swap_if_64(&timer->word, word, after)) // pairs with fire(), take_back()
			continue;
		if (timer_state(word) == TIMER_OFF && is_last) {
			if (!(word & TIMER_RETURNED))
				give(timer);
			body_free(body);
		}
		return;
	}
}

static const struct gate_ops tick_ops = {.admit = admit, .retired = retired};

// ---- setting and moving

static struct timer *start(struct worker *worker, uint64_t deadline_ns, bool at_once,
			   uint64_t period_ns, enum noh_missed policy,
			   const struct noh_message_type *type, const void *from)
{
	uint32_t type_id = noh_message_id(type);
	const struct message_info *info = message_info(type_id);
	struct body body = body_copy(info, from);
	struct timekeeper *keeper = worker->reactor->timekeeper;

	reactor_hold(keeper->reactor);
	struct timer *timer = timer_take(keeper);
	timer->gate.ops = &tick_ops;
	timer->owned.release = release;
	ck_pr_store_64(&timer->receiver, worker->self);
	ck_pr_store_64(&timer->deadline_ns, deadline_ns);
	timer->period_ns = period_ns;
	timer->missed = 0;
	timer->type = (uint16_t)type_id;
	timer->policy = (uint16_t)policy;
	if (body.at) {
		timer->body.apart.at = body.at;
		timer->body.apart.size = body.size;
	} else {
		message_copy(info, timer->body.inside, from);
	}
	if (at_once) {
		timer->keeper = (uint16_t)keeper->index;
		ck_pr_store_64(&timer->word, TIMER_QUEUED + TIMER_IN_FLIGHT);
	} else {
		ck_pr_store_64(&timer->word, TIMER_ARMED);
		timekeeper_add(keeper, timer);
	}
	reactor_release(keeper->reactor);

	own(&timer->owned);
	if (at_once)
		timekeeper_tick(timer);
	return timer;
}

/* Moves an armed timer; false if it has ticked meanwhile. */
static bool move(struct timer *timer, uint64_t word, uint64_t deadline_ns)
{
	struct timekeeper *here = keeper_here(), *keeper = timekeeper_of(timer);
	bool is_earlier = deadline_ns < timer->deadline_ns;

	if (is_earlier && keeper == here) {
		reactor_hold(here->reactor);
		bool is_armed = timer_state(ck_pr_load_64(&timer->word)) == TIMER_ARMED;
		if (is_armed) {
			ck_pr_store_64(&timer->deadline_ns, deadline_ns);
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
	ck_pr_store_64(&timer->deadline_ns, deadline_ns);
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
	return found && ck_pr_load_64(&found->receiver) == worker->self ? found : NULL;
}

// ---- for the runtime

/* An alarm is a timer's id in a pointer's clothes: one that has rung may be cancelled too. */
static struct alarm *set_alarm(uint64_t deadline_ns, const struct noh_message_type *type)
{
	struct timer *timer =
		start(worker_here(), deadline_ns, false, 0, NOH_MISSED_SKIP, type, NULL);
	return (struct alarm *)(uintptr_t)timer->id;
}

static void cancel_alarm(struct alarm *alarm)
{
	struct timer *timer = timer_find((uintptr_t)alarm);
	if (!timer)
		return;
	disown(&timer->owned);
	cancel(timer);
}

const struct time_ops timer_ops = {.set = set_alarm, .cancel = cancel_alarm};

// ---- public

noh_timer noh_timer_start(int64_t ms, int64_t every_ms, enum noh_missed missed,
			  const struct noh_message_type *type, const void *body)
{
	bool is_interval = every_ms != NOH_ONCE;
	struct worker *worker = worker_of_call(is_interval ? "noh_every" : "noh_after");

	if (is_interval && every_ms < 1) {
		message_drop_owned(message_info(noh_message_id(type)), body);
		noh_fail("noh_every: a period of %lld ms", (long long)every_ms);
	}
	bool at_once = ms <= 0;
	uint64_t deadline_ns = deadline_after(worker, at_once ? 0 : ms);
	uint64_t period_ns = 0;
	if (is_interval)
		period_ns = (uint64_t)(every_ms < most_ms ? every_ms : most_ms) * NS_A_MS;
	return (noh_timer){start(worker, deadline_ns, at_once, period_ns, missed, type, body)->id};
}

uint64_t noh_ticks_missed(void)
{
	const struct envelope *hand = worker_of_call("noh_ticks_missed")->hand;
	if (!hand || post_kind(hand) != POST_GATED)
		return 0;
	struct gate *gate = (struct gate *)(uintptr_t)hand->ask;
	return gate && gate->ops == &tick_ops ? timer_of_gate(gate)->missed : 0;
}

void noh_cancel(noh_timer timer)
{
	struct timer *found = find_own(worker_of_call("noh_cancel"), timer);
	if (!found)
		return;
	disown(&found->owned);
	cancel(found);
}

int noh_reset(noh_timer timer, int64_t ms)
{
	struct worker *worker = worker_of_call("noh_reset");
	struct timer *found = find_own(worker, timer);
	if (!found)
		return -ESRCH;

	uint64_t deadline_ns = deadline_after(worker, ms > 0 ? ms : 0);
	found->missed = 0;
	for (;;) {
		uint64_t word = load_acquire_64(&found->word); // pairs with fire()
		if (timer_state(word) == TIMER_ARMED) {
			if (move(found, word, deadline_ns))
				return 0;
		} else if (!(word & TIMER_COPYING)) {
			ck_pr_store_64(&found->deadline_ns, deadline_ns);
			arm(found, 0);
			return 0;
		} else {
			sched_yield(); // deliver_holding() is at it
		}
	}
}

int64_t noh_now_ms(void)
{
	return (int64_t)(runtime_now_ns(worker_of_call("noh_now_ms")->runtime) / NS_A_MS);
}
