/*
 * How an actor learns that it is to end: a word beside the mailbox, and an envelope that wakes.
 * Knows nothing of how a mailbox is linked (see mailbox.pml): a push, a take and going idle are one
 * step each here.
 *
 * Modelled: askers set the word, then push an envelope; others push messages. A worker runs the
 * actor in turns: it looks at the word before each envelope, takes one, handles it, and may end the
 * turn after any envelope, though no more have come; then the actor is idle, or is queued again. Who
 * asked a former tenant, and was late, may set the word at any time if it has no later wish; what
 * he wished is forgotten by whoever finds it.
 *
 * Always, however it is scheduled: once nothing can move any more, what was asked has been done.
 *
 * Not modelled: how tenants change (see slot.pml), that kills and shutdowns are several wishes in
 * one word.
 *
 * Faults to plant: WAKE_IGNORED (the envelope that wakes is not a reason to look at the word),
 * PUSHED_FIRST (before the word is set), FORGOTTEN_BY_STORE (whatever the word is by then),
 * LATE_BY_STORE (he does not look whether there is a later wish by then).
 */
#ifndef ASKERS
#define ASKERS 2
#endif
#ifndef SENDERS
#define SENDERS 1
#endif

mtype = { message, wake };

chan mail = [ASKERS + SENDERS] of { mtype };
bool idle = true;
byte run_queue;

/* The word. */
byte asked;     /* wishes that nobody has seen to */
bool is_former; /* none, but one about a former tenant */

byte done;

inline push(what)
{
	atomic {
		mail!what;
		if
		:: idle -> idle = false; run_queue++
		:: else
		fi
	}
}

inline ask()
{
	atomic {
		asked++;
		is_former = false
	}
}

proctype asker()
{
#ifdef PUSHED_FIRST
	push(wake);
	ask()
#else
	ask();
	push(wake)
#endif
}

proctype late_asker()
{
#ifdef LATE_BY_STORE
	if
	:: !asked ->
		atomic {
			asked = 0;
			is_former = true
		}
	:: else
	fi
#else
	atomic {
		if
		:: !asked -> is_former = true
		:: else
		fi
	}
#endif
}

proctype sender()
{
	push(message)
}

inline look()
{
	if
	:: is_former ->
#ifdef FORGOTTEN_BY_STORE
		atomic {
			asked = 0;
			is_former = false
		}
#else
		is_former = false /* if it still is: else a wish has come in between */
#endif
	:: else ->
		atomic {
			done = done + asked;
			asked = 0
		}
	fi
}

proctype worker()
{
	mtype what;
	bool turn_ends;

	do
	:: atomic { run_queue -> run_queue-- };
	   do
	   :: look();
	      if
	      :: atomic { nempty(mail) -> mail?what };
		 if
#ifndef WAKE_IGNORED
		 :: what == wake -> look()
#endif
		 :: else
		 fi;
		 if /* the budget is used up, or not */
		 :: skip
		 :: turn_ends = true
		 fi
	      :: empty(mail) -> turn_ends = true
	      fi;
	      if
	      :: turn_ends ->
		 turn_ends = false;
		 atomic {
			if
			:: empty(mail) -> idle = true
			:: nempty(mail) -> run_queue++
			fi
		 };
		 break
	      :: else
	      fi
	   od
	od
}

init
{
	byte i;

	atomic {
		run worker();
		run worker();
		run late_asker();
		do
		:: i < ASKERS -> run asker(); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < SENDERS -> run sender(); i++
		:: else -> break
		od
	};

	timeout; /* nothing else can move */
	assert(idle && !run_queue);
	assert(done == ASKERS)
}
