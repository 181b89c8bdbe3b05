/*
 * How an actor learns that it is to end: a word beside the mailbox, and an envelope that wakes.
 * Knows nothing of how a mailbox is linked (see mailbox.pml): a push, a take and going idle are one
 * step each here.
 *
 * Modelled: askers set the word, then push an envelope; others push messages. A worker runs the
 * actor in turns: it looks at the word before each envelope, takes one, handles it, and may end the
 * turn after any envelope, though no more have come; then the actor is idle, or is queued again.
 *
 * Always, however it is scheduled: once nothing can move any more, what was asked has been done.
 *
 * Not modelled: generations, other tenants (see slot.pml), that kills and shutdowns are several
 * wishes in one word.
 *
 * Faults to plant: WAKE_IGNORED (the envelope that wakes is not a reason to look at the word),
 * PUSHED_FIRST (before the word is set).
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

byte asked; /* the word: wishes that nobody has seen to */
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

proctype asker()
{
#ifdef PUSHED_FIRST
	push(wake);
	asked++
#else
	asked++;
	push(wake)
#endif
}

proctype sender()
{
	push(message)
}

inline look()
{
	atomic {
		done = done + asked;
		asked = 0
	}
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
