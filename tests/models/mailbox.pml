/*
 * The mailbox: senders push, workers take, go idle and detach. Knows no messages' meaning; the code
 * is mailbox/mailbox.h.
 *
 * Modelled, one step for each access to shared memory:
 *  - a push's two stores, so that a sender may stop for any time between them (half-linked).
 *  - envelopes that are freed and used again, so that a compare-and-swap could mistake a new one
 *    for the old.
 *  - several workers: once the mailbox is idle or back in the run queue another worker may own it,
 *    while the one before is still on its way out.
 *  - a turn that ends early (its budget) and puts the mailbox back into the run queue.
 *  - detaching: the actor decides of any envelope to keep it. Kept ones stay kept.
 *  - the worker's choice, each time it sees no next, whether it looks again or goes on.
 *
 * Always, however it is scheduled:
 *  - each message is taken once, those of one sender in the order sent; at the end none is missing.
 *  - the mailbox is in the run queue at most once, and not while somebody runs it.
 *  - an envelope is freed by whoever may, once, when no sender can still write into it.
 *  - at the end the mailbox is idle and holds no envelope beside those that were kept.
 *
 * Not modelled: Spin lets every process see one order of all steps, so this says nothing of
 * acquire and release. Bounds, the slot's tenants (see slot.pml).
 *
 * Faults to plant: STUB_ALWAYS_CLEARED, DETACH_BY_STORE, IDLE_BY_STORE, TAIL_SET_LATE,
 * FREED_WHEN_TAKEN, HALF_LINKED_IS_EMPTY.
 */
#ifndef SENDERS
#define SENDERS 2
#endif
#ifndef MESSAGES
#define MESSAGES 2 /* of each sender */
#endif
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef ENVELOPES
#define ENVELOPES 3 /* a sender waits when all are in use */
#endif
#ifndef KEPT
#define KEPT 1 /* at most so many are detached */
#endif

#define NIL 0
#define STUB (ENVELOPES + 1) /* envelopes are 1.. */
#define PLAIN(n) ((n) * 2)   /* a head: the newest node, and the bit that says idle */
#define IDLE(n) ((n) * 2 + 1)
#define NODE(head) ((head) / 2)
#define IS_IDLE(head) ((head) % 2)

/* Shared. */
byte next[ENVELOPES + 2];
byte head = IDLE(STUB);
byte run_queue; /* how often the mailbox is in it */

/* The owner's. */
byte tail = STUB;
bool undecided; /* it wants to keep the envelope in hand and could not yet detach it */
byte kept_left = KEPT;

/* The envelopes' content. */
byte sender_of[ENVELOPES + 2];
byte number_of[ENVELOPES + 2];

/* For the checks alone. */
bool in_use[ENVELOPES + 2];
bool kept[ENVELOPES + 2];
bool being_linked[ENVELOPES + 2]; /* some sender will write its next */
byte running;
byte taken[SENDERS]; /* the number of its last message that was taken */

inline free_envelope(n)
{
	assert(n != NIL && n != STUB && in_use[n] && !kept[n] && !being_linked[n]);
	in_use[n] = false;
	next[n] = NIL;
	sender_of[n] = 0;
	number_of[n] = 0
}

proctype sender(byte me)
{
	byte node, former, sent;

	do
	:: sent < MESSAGES ->
		/* Any free envelope is as good as another, so it is always the first. */
		atomic {
			if
			:: !in_use[1] -> node = 1
			:: in_use[1] && !in_use[2] -> node = 2
#if ENVELOPES > 2
			:: in_use[1] && in_use[2] && !in_use[3] -> node = 3
#endif
#if ENVELOPES > 3
			:: in_use[1] && in_use[2] && in_use[3] && !in_use[4] -> node = 4
#endif
			fi;
			in_use[node] = true;
			sent++;
			sender_of[node] = me;
			number_of[node] = sent;
			next[node] = NIL /* nobody else can see it yet */
		};
		atomic {
			former = head;
			head = PLAIN(node);
			being_linked[NODE(former)] = true
		};
		atomic {
			next[NODE(former)] = node;
			being_linked[NODE(former)] = false
		};
		atomic {
			if
			:: IS_IDLE(former) ->
				run_queue++;
				assert(run_queue == 1 && !running)
			:: else
			fi;
			node = 0;
			former = 0
		}
	:: else -> break
	od
}

/* The swap of the head failed. Then somebody has linked an envelope behind the tail or is about to:
 * without this the worker would look for it for ever. */
inline expect_a_next(n)
{
	assert(next[n] != NIL || being_linked[n])
}

inline give_up_turn()
{
	atomic {
		running--;
		run_queue++;
		assert(run_queue == 1)
	}
}

/* Takes the envelope in hand out of the queue, or leaves the actor undecided. */
inline detach()
{
	after = next[tail];
	if
	:: after != NIL ->
		d_step {
			next[STUB] = after;
			kept[tail] = true;
			undecided = false;
			tail = STUB
		}
	:: else ->
		next[STUB] = NIL;
#ifdef DETACH_BY_STORE
		d_step {
			head = PLAIN(STUB);
			kept[tail] = true;
			undecided = false;
			tail = STUB
		}
#else
		d_step {
			if
			:: head == PLAIN(tail) ->
				head = PLAIN(STUB);
				kept[tail] = true;
				undecided = false;
				tail = STUB
			:: else -> undecided = true; expect_a_next(tail)
			fi
		}
#endif
	fi;
	after = NIL
}

/* The next envelope, which stays the queue's node; its predecessor is done with. */
inline take()
{
	d_step {
		before = tail;
		tail = after;
		after = NIL;
		assert(in_use[tail] && !kept[tail]);
		assert(number_of[tail] == taken[sender_of[tail]] + 1);
		taken[sender_of[tail]] = number_of[tail];
		if
		:: before != STUB -> free_envelope(before)
		:: else
		fi;
		before = NIL
	}
}

proctype worker()
{
	byte before, after;

	do
	:: atomic {
		run_queue ->
		run_queue--;
		running++;
		assert(running == 1)
	   };
	   do
	   :: undecided ->
		detach();
		if
		:: undecided -> give_up_turn(); break
		:: else
		fi
	   :: !undecided ->
		after = next[tail];
		if
		:: after != NIL ->
			take();
#ifdef FREED_WHEN_TAKEN
			d_step { free_envelope(tail); in_use[tail] = false };
#endif
			if
			:: skip /* handled */
			:: kept_left -> kept_left--; detach()
			:: give_up_turn(); break
			fi
		:: else ->
			/* Empty, or half-linked: the swap will tell. */
#ifdef STUB_ALWAYS_CLEARED
			next[STUB] = NIL;
#endif
			if
			:: tail == STUB ->
				atomic {
					if
					:: head == PLAIN(STUB) -> head = IDLE(STUB); running--; before = STUB
					:: else -> expect_a_next(STUB)
					fi
				}
			:: else ->
				next[STUB] = NIL;
				before = tail;
#ifndef TAIL_SET_LATE
				tail = STUB;
#endif
				atomic {
					if
#ifdef IDLE_BY_STORE
					:: true -> head = IDLE(STUB); running--
#else
					:: head == PLAIN(before) -> head = IDLE(STUB); running--
					:: else -> tail = before; before = NIL; expect_a_next(tail)
#endif
					fi
				};
				if
				:: before != NIL ->
#ifdef TAIL_SET_LATE
					tail = STUB;
#endif
					d_step { free_envelope(before); before = STUB }
				:: else
				fi
			fi;
			if
			:: before == STUB -> before = NIL; break /* idle, and not ours any more */
			:: else ->
#ifdef HALF_LINKED_IS_EMPTY
				/* "There was nothing, so there is nothing." */
				running--;
				break
#else
				if
				:: skip /* look again at once */
				:: give_up_turn(); break
				fi
#endif
			fi
		fi
	   od
	od
}

init
{
	byte i;

	atomic {
		do
		:: i < SENDERS -> run sender(i); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < WORKERS -> run worker(); i++
		:: else -> break
		od;
		i = 0
	};

	timeout; /* nothing else can move */
	assert(head == IDLE(STUB) && tail == STUB && !run_queue && !running);
	do
	:: i < SENDERS -> assert(taken[i] == MESSAGES); i++
	:: else -> break
	od;
	i = 1;
	do
	:: i <= ENVELOPES -> assert(in_use[i] == kept[i]); i++
	:: else -> break
	od
}
