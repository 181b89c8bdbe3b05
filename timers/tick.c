/*
 * The actor's side of a timer that runs: how it is revoked, armed, and what follows when its tick
 * has been handled. See timer.h for what both sides may do. Knows no public calls.
 */
#include "runtime/worker.h"
#include "timers/timer.h"
#include "timers/timer_body.h"

enum { LATE_NS = 5 * 1000 * 1000 }; // from here on a tick is late for NOH_MISSED_DELAY

struct timekeeper *timekeeper_here(void)
{
	struct worker *worker = worker_here();
	return worker && worker->reactor ? worker->reactor->timekeeper : NULL;
}

// ---- the list of an actor's timers

void timer_own(struct slot *slot, struct timer *timer)
{
	timer->younger = 0;
	timer->older = slot->timers;
	slot->timers = timer_index(timer);
	if (timer->older)
		timer_table[timer->older].younger = slot->timers;
}

void timer_disown(struct timer *timer)
{
	if (timer->younger)
		timer_table[timer->younger].older = timer->older;
	else
		slot_table[handle_index(timer_receiver(timer))].timers = timer->older;
	if (timer->older)
		timer_table[timer->older].younger = timer->younger;
}

// ---- cancelling

// OFF, not returned, no tick in flight: nobody else knows it any more.
static void give(struct timer *timer)
{
	struct timekeeper *keeper = timekeeper_is_delivering() ? NULL : timekeeper_here();

	if (!keeper) {
		timer_give_back(timer);
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

void timer_cancel(struct timer *timer, struct timekeeper *here)
{
	struct timer_more *more = timer->more;
	uint32_t type = timer_type(timer);
	bool is_last; // no tick is in flight that would free the body

	timer_disown(timer);
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
		if (!here || timer_keeper(timer) != here->index) {
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
		timer_more_free(more, type);
}

// ---- arming

void timer_arm(struct timer *timer, uint64_t retired)
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
	struct timekeeper *here = timekeeper_here();
	reactor_hold(here->reactor);
	timer_set_receiver(timer, timer_receiver(timer), here->index);
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
	struct timer_more *more = timer->more;
	uint32_t type = timer_type(timer);
	uint64_t word = load_acquire_64(&timer->word); // pairs with take_back()

	timer_disown(timer);
	invalidate_id(timer);
	while (word & TIMER_RETURNED) {
		uint64_t off = timer_with(word - TIMER_IN_FLIGHT, TIMER_OFF);
		if (swap_if_64(&timer->word, word, off))
			break;
		word = load_acquire_64(&timer->word); // pairs with take_back()
	}
	if (!(word & TIMER_RETURNED)) {
		// In no wheel and in no stack, it is nobody else's.
		ck_pr_store_64(&timer->word, TIMER_OFF);
		give(timer);
	}
	timer_more_free(more, type);
}

// Finds the next deadline of an interval whose tick has been handled. True: it is due already.
static bool advance(struct timer *timer, uint64_t now_ns)
{
	uint64_t period = timer->more->period_ns, deadline_ns = timer->entry.deadline;
	uint64_t late = now_ns > deadline_ns ? now_ns - deadline_ns : 0;
	uint64_t next = deadline_ns + period;
	enum noh_missed policy = (enum noh_missed)timer_policy(timer);

	timer->more->missed = 0;
	if (policy != NOH_MISSED_BURST) {
		uint64_t missed = late / period;
		timer->more->missed = missed < UINT32_MAX ? (uint32_t)missed : UINT32_MAX;
		if (policy == NOH_MISSED_SKIP)
			next += missed * period;
		else if (late >= LATE_NS || missed)
			next = now_ns + period;
	}
	ck_pr_store_64(&timer->entry.deadline, next);
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
		if (timer_state(word) == TIMER_QUEUED && is_last && timekeeper_here() &&
		    !timekeeper_is_delivering()) {
			if (!timer->more || !timer->more->period_ns)
				end_one_shot(timer);
			else if (advance(timer, runtime_now_ns(worker_here()->runtime)))
				timekeeper_tick(timer);
			else
				timer_arm(timer, TIMER_IN_FLIGHT);
			return;
		}

		// A revoked one.
		struct timer_more *more = timer->more;
		uint32_t type = timer_type(timer);
		if (!swap_if_64(&timer->word, word, after)) // pairs with fire(), take_back()
			continue;
		if (timer_state(word) == TIMER_OFF && is_last) {
			if (!(word & TIMER_RETURNED))
				give(timer);
			timer_more_free(more, type);
		}
		return;
	}
}

const struct gate_ops timer_ticks = {.admit = admit, .retired = retired};
