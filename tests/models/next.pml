/*
 * The next slot: its owner takes it without an atomic operation, thieves take it from an owner that
 * is in a long turn, after a barrier on all processors. Knows nothing of the ring, nor of when a
 * thief comes.
 *
 * Modelled: the owner runs turns; in each, and after it, it may put an actor into the next slot,
 * if that is empty.
 * Between turns it says that it runs nobody, looks whether a thief wants the next slot, and takes it:
 * by an exchange if so, else by a load and a store. Then it says whom it runs. Its stores wait in a
 * buffer and reach memory in their order, at any time later; its loads see them at once. Thieves say
 * that they want the slot, pass the barrier, and swap the slot if the owner is in a turn then.
 *
 * Always, however it is scheduled: an actor is run once, by whoever took it.
 *
 * Not modelled: processors that reorder more than stores behind loads.
 *
 * Faults to plant: NO_BARRIER, NO_WISH, RUNS_ON (the owner does not say that a turn is over), NO_LOOK
 * (thieves do not look whether the owner is in a turn), TAKEN_BEFORE_THE_LOOK (the owner loads the next
 * slot before it looks whether it is wanted), UNWANTED_EARLY (thieves take the wish back before they swap).
 */
#ifndef THIEVES
#define THIEVES 2
#endif
#ifndef TURNS
#define TURNS 4
#endif

#define RUNNING 0
#define NEXT 1

byte memory[2];
byte wanted;

/* The owner's buffer: what, value. */
chan stores = [5] of { byte, byte };
byte waiting;  /* stores to the next slot in it */
byte own_next; /* the last of them */

byte put;              /* actors so far, each a number */
byte taken[2 * TURNS + 1]; /* for the check: how often */

inline store(what, value)
{
	atomic {
		if
		:: what == NEXT -> waiting++; own_next = value
		:: else
		fi;
		stores!what, value
	}
}

/* The owner's. */
inline load_next(value)
{
	value = (waiting -> own_next : memory[NEXT])
}

inline may_put()
{
	if
	:: true ->
		load_next(seen);
		if
		:: !seen -> put++; store(NEXT, put)
		:: else
		fi
	:: true
	fi
}

inline runs(actor)
{
	atomic {
		taken[actor]++;
		assert(taken[actor] == 1)
	}
}

active proctype buffer()
{
	byte what, value;
end:	do
	:: atomic {
		stores?what, value ->
		memory[what] = value;
		if
		:: what == NEXT -> waiting--
		:: else
		fi
	   }
	od
}

active proctype owner()
{
	byte turn, seen, found;

	store(RUNNING, 1);
	do
	:: turn == TURNS -> break
	:: else ->
		turn++;
		/* The turn. */
		may_put();
		/* Between turns. */
#ifndef RUNS_ON
		store(RUNNING, 0);
#endif
		may_put(); /* a poll does */
#ifdef TAKEN_BEFORE_THE_LOOK
		load_next(found);
#endif
		if
		:: wanted ->
			atomic {
				!len(stores) -> /* an atomic operation waits for them */
				found = memory[NEXT];
				memory[NEXT] = 0
			}
		:: else ->
#ifndef TAKEN_BEFORE_THE_LOOK
			load_next(found);
#endif
			if
			:: found -> store(NEXT, 0)
			:: else
			fi
		fi;
		store(RUNNING, 1);
		if
		:: found -> runs(found)
		:: else
		fi
	od
}

active [THIEVES] proctype thief()
{
	byte found, is_running;

#ifndef NO_WISH
	wanted++;
#endif
#ifndef NO_BARRIER
	!len(stores);
#endif
#ifdef NO_LOOK
	is_running = 1;
#else
	is_running = memory[RUNNING];
#endif
#ifdef UNWANTED_EARLY
	wanted--;
#endif
	if
	:: is_running ->
		found = memory[NEXT];
		atomic {
			if
			:: found && memory[NEXT] == found -> memory[NEXT] = 0
			:: else -> found = 0
			fi
		};
		if
		:: found -> runs(found)
		:: else
		fi
	:: else
	fi;
#if !defined(NO_WISH) && !defined(UNWANTED_EARLY)
	wanted--
#endif
}
