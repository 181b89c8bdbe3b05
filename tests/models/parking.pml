/*
 * Park and wake: workers, their queues, and how a worker that sleeps learns of work. Knows no
 * mailbox; a piece of work is one more in a counter.
 *
 * Modelled, one step for each access to shared memory:
 *  - stealable work: one queue a worker, and the inject queue. A thief holds what it has stolen in
 *    its hands for a while, where nobody sees it, before it puts the rest into its own queue.
 *  - pinned work: a home queue a worker, which that worker alone takes from. It also stands for the
 *    commands of the worker's reactor: they too are looked at by that worker alone.
 *  - `idle`, the bitmap: set by its worker before it sleeps; whoever clears a bit has claimed that
 *    worker, and rings it.
 *  - `searching`, the credits: at most half of the workers look through each other's queues. While
 *    somebody holds a credit others wake nobody. EVERY CLAIM CARRIES A CREDIT, the one for pinned
 *    work too, so that a worker that finds its bit cleared knows that it has one.
 *  - rings: an event counter that remembers. A ring may come from nobody in particular (an event of
 *    a socket, a timer), and a worker may find out that it was claimed before its ring comes; it
 *    then may or may not use the ring up.
 *  - STUCK workers: a handler that never returns.
 *
 * Always, however it is scheduled: once nothing can move any more, no work lies anywhere unless
 * each worker that could take it is stuck in a handler; and all credits have been given back.
 *
 * Not modelled: Spin lets every process see one order of all steps, so this says nothing of fences.
 * The rule that some work is not worth waking somebody for: here whoever makes work wakes. Ring
 * buffers, overflow, the next slot, the watchdog, time.
 *
 * Faults to plant: NO_RESCAN, NO_SECOND_LOOK, NO_PINNED_SECOND_LOOK, PINNED_WITHOUT_CREDIT,
 * PINNED_LEFT_OUT (of the rescan), CREDIT_LAST (given back only after the rescan),
 * LAST_SEARCHER_SILENT, RESCAN_SILENT, WORKER_FORGETS_CREDIT.
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef PRODUCERS
#define PRODUCERS 1 /* threads that are no workers */
#endif
#ifndef ITEMS
#define ITEMS 3 /* made by producers, and by workers as they work */
#endif
#ifndef STRAY_RINGS
#define STRAY_RINGS 1
#endif
#ifndef STUCK
#define STUCK 0 /* so many handlers never return */
#endif

#define BIT(w) (1 << (w))

byte stealable[WORKERS];
byte inject;
byte home[WORKERS];

byte idle;
byte searching;
bool ring[WORKERS];

byte items_left = ITEMS;
byte stray_left = STRAY_RINGS;
byte stuck_left = STUCK;
byte is_stuck; /* for the check alone */

/* `who` becomes a worker whose bit was set and is now cleared; WORKERS: there was none. */
inline claim_anyone(who)
{
	atomic {
		who = WORKERS;
		if
		:: idle & BIT(0) -> who = 0
		:: idle & BIT(1) -> who = 1
#if WORKERS > 2
		:: idle & BIT(2) -> who = 2
#endif
		:: !idle -> skip
		fi;
		if
		:: who < WORKERS -> idle = idle & ~BIT(who)
		:: else
		fi
	}
}

inline return_credit()
{
	atomic {
		assert(searching > 0);
		searching--
	}
}

/* After work was made that anybody may do. */
inline wake_somebody(who)
{
	do
	:: if
	   :: searching -> break /* whoever searches will find it */
	   :: else
	   fi;
	   if
	   :: !idle -> break
	   :: else
	   fi;
	   if
	   :: atomic { !searching -> searching = 1 }
	   :: searching -> break
	   fi;
	   claim_anyone(who);
	   if
	   :: who < WORKERS ->
		ring[who] = true;
		break
	   :: else ->
		/* Somebody may have made work, seen our credit and gone, and somebody else may
		 * have parked since we looked for one: look again. */
		return_credit();
#ifdef NO_SECOND_LOOK
		break
#endif
	   fi
	od;
	who = 0
}

/* After work was made for worker `w`, which nobody else may do. */
inline wake_worker(w, who)
{
#ifdef PINNED_WITHOUT_CREDIT
	if
	:: atomic { idle & BIT(w) -> idle = idle & ~BIT(w) };
	   ring[w] = true
	:: !(idle & BIT(w))
	fi
#else
	if
	:: idle & BIT(w) ->
		searching++;
		if
		:: atomic { idle & BIT(w) -> idle = idle & ~BIT(w) };
		   ring[w] = true
		:: !(idle & BIT(w)) ->
			return_credit();
#ifndef NO_PINNED_SECOND_LOOK
			/* The credit that was never used may have kept others from waking. */
			wake_somebody(who)
#endif
		fi
	:: !(idle & BIT(w)) /* it looks into its home queue before it sleeps */
	fi
#endif
}

inline make_work(w, who)
{
	if
	:: inject++;
	   wake_somebody(who)
	:: w = 0;
	   do
	   :: w < WORKERS - 1 -> w++
	   :: break
	   od;
	   home[w]++;
	   wake_worker(w, who)
	fi;
	w = 0
}

inline take(queue)
{
	if
	:: !have ->
		if
		:: atomic { queue -> queue--; have = true }
		:: !queue
		fi
	:: else
	fi
}

inline look(queue)
{
	if
	:: !seen ->
		if
		:: queue -> seen = true
		:: !queue
		fi
	:: else
	fi
}

inline steal_from(v)
{
	if
	:: v != me && !have ->
		if
		:: atomic { stealable[v] > 1 -> stealable[v] = stealable[v] - 2; have = true };
		   stealable[me]++
		:: atomic { stealable[v] == 1 -> stealable[v]--; have = true }
		:: !stealable[v]
		fi
	:: else
	fi
}

inline look_everywhere()
{
	seen = false;
	look(inject);
	look(stealable[0]);
	look(stealable[1]);
#if WORKERS > 2
	look(stealable[2]);
#endif
}

/*
 * The last searcher that finds work wakes another, if there is more: those who made it may have seen
 * the credit and gone. So does a worker that comes back from its rescan: it searched, though it had
 * given back its credit already.
 */
inline found_work()
{
	if
	:: credit ->
		atomic {
			assert(searching > 0);
			searching--;
			credit = false;
#ifndef LAST_SEARCHER_SILENT
			look_around = look_around || !searching
#endif
		}
	:: else
	fi;
	if
	:: look_around ->
		look_around = false;
		look_everywhere();
		if
		:: seen -> seen = false; wake_somebody(who)
		:: else
		fi
	:: else
	fi
}

/* The worker is awake and its bit may be set: it, or whoever claims it, clears the bit. */
inline clear_own_bit()
{
	atomic {
		if
		:: idle & BIT(me) -> idle = idle & ~BIT(me)
		:: else ->
#ifndef WORKER_FORGETS_CREDIT
			credit = true
#else
			skip
#endif
		fi
	}
}

inline park()
{
	look_around = false;
	idle = idle | BIT(me);
#ifndef CREDIT_LAST
	if
	:: credit -> return_credit(); credit = false
	:: else
	fi;
#endif
#ifndef NO_RESCAN
	look_everywhere();
#ifndef PINNED_LEFT_OUT
	look(home[me]);
#endif
#endif
#ifdef CREDIT_LAST
	if
	:: credit -> return_credit(); credit = false
	:: else
	fi;
#endif
	if
	:: seen ->
		seen = false;
		clear_own_bit();
		if
		:: credit ->
			if
			:: ring[me] = false
			:: skip
			fi
		:: else ->
#ifndef RESCAN_SILENT
			look_around = true
#else
			skip
#endif
		fi
	:: else ->
		atomic { ring[me] -> ring[me] = false };
		clear_own_bit()
	fi
}

inline work()
{
	have = false;
	if
	:: skip
	:: atomic { items_left -> items_left-- };
	   if
	   :: make_work(other, who)
	   :: stealable[me]++;
	      wake_somebody(who)
	   fi
	:: atomic { stuck_left -> stuck_left--; is_stuck = is_stuck | BIT(me) };
	   false
	fi
}

proctype worker(byte me)
{
	bool credit, have, seen;
	bool look_around; /* when work is found: is there more? */
	byte who, other;

	do
	:: take(home[me]);
	   take(stealable[me]);
	   take(inject);
	   if
	   :: !have && !credit ->
		if
		:: atomic { searching * 2 < WORKERS -> searching++; credit = true }
		:: searching * 2 >= WORKERS
		fi
	   :: else
	   fi;
	   if
	   :: credit ->
		steal_from(0);
		steal_from(1);
#if WORKERS > 2
		steal_from(2);
#endif
		take(inject)
	   :: else
	   fi;
	   if
	   :: have ->
		found_work();
		work()
	   :: else ->
		park()
	   fi
	od
}

proctype producer()
{
	byte who, w;

	do
	:: atomic { items_left -> items_left-- };
	   make_work(w, who)
	:: break
	od
}

proctype stray_ringer()
{
	do
	:: atomic { stray_left -> stray_left--; ring[0] = true }
	:: atomic { stray_left -> stray_left--; ring[1] = true }
	:: break
	od
}

#define IS_STUCK(w) (is_stuck & BIT(w))
#define NO_STEALABLE (!inject && !stealable[0] && !stealable[1] && !(WORKERS > 2 && stealable[WORKERS - 1]))
#define ALL_STUCK (is_stuck == (1 << WORKERS) - 1)

init
{
	byte w;

	atomic {
		do
		:: w < WORKERS -> run worker(w); w++
		:: else -> break
		od;
		w = 0;
		do
		:: w < PRODUCERS -> run producer(); w++
		:: else -> break
		od;
		w = 0;
		if
		:: STRAY_RINGS -> run stray_ringer()
		:: else
		fi
	};

	timeout; /* nothing else can move */
	assert(NO_STEALABLE || ALL_STUCK);
	assert(!home[0] || IS_STUCK(0));
	assert(!home[1] || IS_STUCK(1));
	assert(WORKERS < 3 || !home[WORKERS - 1] || IS_STUCK(WORKERS - 1));
	assert(searching == 0)
}
