/*
 * A worker: one OS thread that runs actors. What is in its struct is its own, but for the parts
 * marked as shared.
 */
#ifndef NOH_RUNTIME_WORKER_H
#define NOH_RUNTIME_WORKER_H

#include <setjmp.h>

#include "runtime/context.h"
#include "runtime/extras.h"
#include "runtime/newborns.h"
#include "runtime/queue.h"
#include "runtime/random.h"
#include "runtime/runtime.h"
#include "runtime/scratch.h"
#include "runtime/stacks.h"

// What is counted always; each worker counts in its own lines, summed on reading.
struct statistics {
	uint64_t messages, turns, spawned, ended, dead_letters, late_answers;
	uint64_t steals, parks, wakes, polls;
};

enum {
	AFTER_MESSAGE = 1, // at once: what one of `handled` to `end_asked` says, or scratch
	AFTER_TURN = 2,    // when the turn ends: `turn_ends`
};

struct worker {
	// Constant while the runtime runs.
	struct noh_runtime *runtime;
	struct noh_runtime *runs_at_once;  // the same, but NULL if it is simulated
	struct noh_runtime *wakes_blindly; // the same, while nobody must be woken to share what it
					   // puts into its ring: messages are short, or it is alone
	uint16_t born_with;                // flags of every actor that begins here
	uint32_t index;
	struct reactor *reactor;
	pthread_t thread;

	// The turn that runs.
	struct slot *running; // set_running(); thieves and the guardian read it, too
	uint64_t self;
	struct envelope *hand; // the message being handled, or that was the last; else NULL
	uint64_t within_ns;    // of the ask whose outcome is being handled; else 0
	int32_t credit;        // messages, received and sent, until the clock is looked at
	int32_t turn_until;    // with less credit the turn must ask before it goes on
	int32_t grant;  // the credit of a turn until then, at first: its budget, or less while
			// messages take long, but one
	int32_t budget; // of a turn; constant
	int32_t budget_until;     // that is used up with this credit: turn_budget_end()
	uint64_t budget_until_of; // the number of the turn for which that was found out
	uint64_t longer_turn;     // the number of the last turn whose budget was raised
	uint64_t ends_turn;       // the number of the last turn that was to end before that
	uint8_t afterwards;       // what the handler leaves to be done: AFTER_ bits
	struct envelope *taken; // out of the mailbox, while the life ends that it came too late for
	enum noh_handled handled; // what its handler made of it, if not the usual
	bool hand_detached;       // the message in hand came from the saved list: freed after it
	bool postponed;           // noh_postpone() was called: the message in hand is kept
	bool replay;              // noh_replay() was called
	bool throttle;            // a message was sent to an overloaded actor
	bool end_asked;           // noh_end() was called
	bool stopping;            // noh_stopping is being handled: `ending` says of what
	bool ends_later;          // noh_end_later() was called in it
	uint32_t failed_in;       // the id of the message in hand when it failed, else 0
	struct ending ending;
	struct slot *throttled_by;
	struct slot *overflowed_by; // in whose turn the ring was full: it goes on behind the others
	int64_t end_code;
	char *end_reason;
	struct turn_end *turn_ends;
	struct scratch scratch;
	jmp_buf failed; // where a failing handler goes
	char failure[512];
	char *first_failure; // of the handler, while what it deferred runs; else NULL

	// Fibers.
	struct fiber *fiber; // the one that runs, or NULL
	struct context loop; // this thread's own side
	struct stack_caches stacks;

	// Time.
	uint64_t turn_began_ns;
	struct clock_glance glance; // for deadlines
	bool keeps_itself_busy;     // since it parked, an actor has ended its turn with mail left
	int32_t quantum;            // messages between two looks
	int32_t credit_before;      // credit at the last look
	uint64_t turns_before;      // statistics.turns at the last look
	uint64_t counted_from_ns;   // the last look; later by the time since then when it was idle
	uint64_t idle_after;        // statistics.turns when it last had nothing to do
	uint64_t recent_ns, recent_turns; // of the last looks, the older the less
	uint64_t cost_ns;                 // of a message, between the last two looks
	uint64_t messages_before;         // statistics.messages at the last look
	bool wakes_vary; // lately, some of those that were sent to were idle, and some were not
	uint32_t quanta_varied; // so often

	// Queues that only this worker touches.
	struct slot *home_next;      // the pinned actor that it woke last
	struct slot_list home_local; // other pinned actors that it woke itself, or had their turn
	struct slot_cache slots;
	struct random random;
	int32_t ring_runs; // how often the ring's first may still run before a look elsewhere
	uint32_t tick;
	bool searching; // holds a search credit
	bool rescanned; // was about to park and saw work: has searched, though without a credit
	struct statistics statistics;

	// Shared: whoever wakes or steals.
	_Alignas(CACHE_LINE) struct ring ring;
	struct newborns newborns;
	struct shared_queue home; // from elsewhere: pinned actors that were woken, and followers
	struct shared_queue throttled; // those held back here; others take them while it is stuck

	// Shared: whoever looks for work, and the watchdog. Apart from what each message writes.
	_Alignas(CACHE_LINE) uint64_t now_ns; // when the clock was last looked at
	uint64_t turn_ns;                     // mean
	uint64_t busy_since_ns;               // the queue has not been empty since; 0: it was
	uint32_t parked;
	uint8_t messages_are_short; // to handle one costs less than to pass it to another processor
};

extern _Thread_local struct worker *this_worker;
// The same, while a send has only to send: NULL under a trace, and where a handler is tested.
extern _Thread_local struct worker *this_sender;

/* The worker of this thread, NULL in plain threads. Never inlined: a fiber that migrates must not
 * see its old thread's. */
struct worker *worker_here(void);

/* worker_here(), for calls that make no sense outside an actor; ends the process there. */
struct worker *worker_of_call(const char *call);

/* The worker's own thread. From when deadlines are counted: now, or some microseconds later. */
static inline uint64_t deadline_now_ns(struct worker *worker)
{
	return clock_glance_ns(worker->runtime->clock, &worker->glance);
}

/* The worker's own thread: the message in hand has not simply been handled. */
static inline void note_handled(struct worker *worker, enum noh_handled handled)
{
	worker->handled = handled;
	worker->afterwards |= AFTER_MESSAGE;
}

/* The worker's own thread. A handler has returned. */
static inline enum noh_handled take_handled(struct worker *worker)
{
	enum noh_handled handled = worker->handled;
	worker->handled = NOH_HANDLED;
	return handled;
}

/* Where what a handler is lent goes: the fiber's if one runs. */
struct scratch *scratch_here(struct worker *worker);

int worker_create(struct noh_runtime *runtime, uint32_t index, struct worker **ret_worker);
void worker_destroy(struct worker *worker);

/* The thread's life: runs actors until the runtime has ended. */
void worker_run(struct worker *worker);

// ---- schedule.c

/* Any thread. The mailbox of the slot said that it was idle: makes somebody run it. */
void schedule(struct slot *slot);
/* The same for one that has just been spawned. */
void schedule_newborn(struct slot *slot);
/* The same for a child of the actor that runs on this worker, when another one runs next. */
void schedule_child(struct worker *worker, struct slot *slot);
/* The worker's own thread: puts a slot that has just had its turn back into the queue. */
void reschedule(struct worker *worker, struct slot *slot);
/* The worker's own thread, after something was left in its queue for later. */
void maybe_wake_one(struct worker *worker);
/* The worker's own thread. Of the ring, and of those who have just been spawned: by turns. */
struct slot *take_waiting(struct worker *worker);

/* The worker's own thread. Whom it runs; NULL: nobody, since a turn is over, so that the next slot
 * may be taken. */
static inline void set_running(struct worker *worker, struct slot *slot)
{
	ck_pr_fence_release(); // pairs with steal_next(): what was next has been cleared before
	set_ptr(&worker->running, slot);
}

/* Another worker. Whoever runs next on one that is stuck in a turn; or NULL. */
struct slot *steal_next(struct worker *from);

/* The worker's own thread. Who is next goes to the end of those who wait. */
void put_next_last(struct worker *worker);

/* Any thread; `worker` is its own, or NULL. schedule(), in line where that is short: the worker
 * will run it, and nobody else must be woken to share it. */
static inline void schedule_here(struct worker *worker, struct slot *slot)
{
	if (!worker || !slot_is_shared_in(slot, worker->wakes_blindly) ||
	    !(ring_put_next(&worker->ring, slot) || ring_push(&worker->ring, slot)))
		schedule(slot);
}

/* The worker's own thread. The next slot, or else the pinned one. NULL: nobody. */
static inline struct slot *take_next(struct worker *worker)
{
	struct slot *slot = ring_take_next(&worker->ring);
	if (!slot && __builtin_expect(worker->home_next != NULL, 0)) {
		slot = worker->home_next;
		worker->home_next = NULL;
	}
	return slot;
}

/* The worker's own thread. Who runs next, as far as is known without a look at the other queues:
 * also the first of the ring. NULL: nobody, or it is time for such a look. */
static inline struct slot *take_soon(struct worker *worker)
{
	struct slot *slot = take_next(worker);
	if (slot || worker->ring_runs <= 0)
		return slot;
	worker->ring_runs--;
	return __builtin_expect(worker->newborns.any, 0) ? take_waiting(worker)
							 : ring_take(&worker->ring);
}

/* The worker's own thread. NULL: nothing to do anywhere that this worker may take now. */
struct slot *find_work(struct worker *worker);
/* The worker's own thread. What others may take, if this worker parks or runs something. */
bool is_work_to_share(struct worker *worker);
/* The worker's own thread, with a search credit: gives it back. True if nobody else has one. */
bool stop_searching(struct worker *worker);
/* Makes everybody look, to leave. */
void wake_everybody(struct noh_runtime *runtime);

// ---- park.c

/* The worker's own thread. Waits until there may be work, polling the reactor. */
void park(struct worker *worker);

// ---- turn.c

/* How much credit is left when the running turn has used up its budget. */
static inline int32_t turn_budget_end(struct worker *worker)
{
	// Most turns end long before, so it is found out when somebody asks, and `turn_until` is
	// still what it was when the turn began.
	if (worker->budget_until_of != worker->statistics.turns) {
		worker->budget_until_of = worker->statistics.turns;
		worker->budget_until = worker->turn_until + worker->grant - worker->budget;
	}
	return worker->budget_until;
}

/* The running turn has used up what it was granted. */
static inline bool is_grant_used_up(const struct worker *worker)
{
	return worker->credit < worker->turn_until;
}

/* The running turn ends when its handler returns, or the fiber waits, though its budget may not be
 * used up. */
static inline void end_turn_soon(struct worker *worker)
{
	turn_budget_end(worker);
	worker->turn_until = worker->credit + 1;
	worker->ends_turn = worker->statistics.turns;
}

/* Runs an actor that is scheduled until its mail or its budget is used up. */
void turn(struct worker *worker, struct slot *slot);
/* Runs what was deferred in a handler or a fiber that has failed. Should that fail, too, it is
 * called again: in the end `failure` is what was the first. `first` keeps it meanwhile. */
void failure_undo(struct scratch *scratch, char **first);

/* After a jump to `failed`: ends the actor whose handler failed, and has the rest of its turn. */
void turn_resume_after_failure(struct worker *worker);

// ---- pace.c; all of it on the worker's own thread

/* The turns that begin from here on have this budget. */
void set_budget(struct worker *worker, int32_t budget);
/* The running turn has used up what it was granted. True: it may go on. Credit that is used up
 * meanwhile stays so, until the turn is over. */
bool grant_more(struct worker *worker, const struct slot *slot);
/* Between turns, when the credit is used up: looks at the clock, and gives new credit. */
void look_at_clock(struct worker *worker);
/* With nothing to do: looks at the clock. What passes until somebody has a turn is not what
 * messages take. */
void look_idly(struct worker *worker);

#endif
