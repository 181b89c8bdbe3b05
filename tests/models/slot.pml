/*
 * A slot and its tenants, one after the other, while senders still hold handles of former ones.
 * Knows nothing of how a mailbox is linked (see mailbox.pml): a push and going idle are one step
 * each here.
 *
 * Modelled: a spawner takes the slot from the free list; if it is idle it makes it its own, puts
 * the tenant there and has it run, else it pushes a spawn as the first message; senders compare the slot's generation with the handle's, and push at any time later, maybe to
 * the next tenant or to nobody; workers run the slot, compare again, and end tenants, which the parent
 * is told; it gives the slot back whenever it hears of it, maybe while the slot is still run for its
 * late mail. A generation that is used up retires the slot.
 *
 * Always, however it is scheduled:
 *  - a message reaches the tenant it was sent to, after its spawn, or is a dead letter;
 *  - a spawn is never a dead letter and always finds the slot free;
 *  - the slot is in the free list at most once, and not while a tenant lives;
 *  - it is run by one worker at a time; at the end nothing is left in its mailbox.
 *
 * Not modelled: the slot's home and runtime, lives, kills.
 *
 * Faults to plant: NO_CHECK_WHEN_TAKEN, TOLD_BEFORE_ADVANCE, GIVEN_WHEN_IDLE (by whoever has run a
 * free slot, and not by the parent), NEVER_RETIRED, CLAIMED_AFTER_A_LOOK.
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
#ifndef SPAWNERS
#define SPAWNERS 2
#endif
#ifndef GENERATIONS
#define GENERATIONS 3 /* 1 to this */
#endif
#define ROOM (SENDERS * MESSAGES + GENERATIONS + 2)

/* What everybody sees. */
byte generation = 1;
chan mail = [ROOM] of { bool, byte, byte }; /* is a spawn; generation, tenant it is meant for */
bool idle = true;
byte run_queue;
byte free_list = 1;

/* Handles that anybody may have got hold of: of the latest tenant. */
byte handle;        /* its generation; 0: none yet */
byte handle_tenant; /* for the checks: tenants are counted, and never alike */

/* The owner's. */
bool alive;
byte tenant;      /* for the checks */
byte not_begun;   /* a tenant whose life begins before any mail is looked at; 0: nobody */

byte told; /* the parent has mail: a tenant is gone */

/* For the checks alone. */
byte tenants;
byte running;

inline push(is_spawn, of_generation, of_tenant, was_idle)
{
	atomic {
		mail!is_spawn, of_generation, of_tenant;
		was_idle = idle;
		idle = false
	};
	atomic {
		if
		:: was_idle ->
			run_queue++;
			assert(run_queue == 1 && !running)
		:: else
		fi;
		was_idle = false
	}
}

inline give()
{
	atomic {
		assert(!free_list && !alive);
		free_list++
	}
}

proctype spawner()
{
	byte mine, number;
	bool was_idle;

	do
	:: atomic { free_list && tenants < GENERATIONS + 1 -> free_list--; tenants++; number = tenants };
	   mine = generation;
	   if
#ifdef CLAIMED_AFTER_A_LOOK
	   :: idle ->
		idle = false;
#else
	   :: atomic { idle -> idle = false };
#endif
		assert(!not_begun);
		not_begun = number;
		atomic { run_queue++; assert(run_queue == 1 && !running) }
	   :: !idle -> push(true, mine, number, was_idle)
	   fi;
	   atomic { handle = mine; handle_tenant = number; mine = 0; number = 0 }
	od
}

proctype sender()
{
	byte to, to_tenant, sent;
	bool was_idle;

	do
	:: sent < MESSAGES ->
		sent++;
		atomic { handle -> to = handle; to_tenant = handle_tenant };
		if
		:: generation == to -> push(false, to, to_tenant, was_idle)
		:: generation != to /* a dead letter */
		fi;
		to = 0;
		to_tenant = 0
	:: break
	od
}

proctype parent()
{
	do
	:: atomic { told -> told-- };
	   if
	   :: generation -> give()
	   :: !generation /* retired */
	   fi
	od
}

inline end_tenant()
{
	d_step {
		alive = false;
		tenant = 0
	};
#ifdef TOLD_BEFORE_ADVANCE
	told++;
#endif
	if
	:: generation < GENERATIONS -> generation++
#ifdef NEVER_RETIRED
	:: else -> generation = 1
#else
	:: else -> generation = 0
#endif
	fi;
#if !defined(TOLD_BEFORE_ADVANCE) && !defined(GIVEN_WHEN_IDLE)
	told++
#else
	skip
#endif
}

proctype worker()
{
	bool is_spawn, must_give, gone;
	byte of_generation, of_tenant;

	do
	:: atomic {
		run_queue ->
		run_queue--;
		running++;
		assert(running == 1)
	   };
	   if
	   :: not_begun ->
		d_step {
			assert(!alive);
			alive = true;
			tenant = not_begun;
			not_begun = 0
		};
		if
		:: end_tenant()
		:: skip
		fi
	   :: else
	   fi;
	   do
	   :: atomic {
		mail?is_spawn, of_generation, of_tenant ->
		if
#ifndef NO_CHECK_WHEN_TAKEN
		:: of_generation != generation -> assert(!is_spawn) /* a dead letter */
		:: of_generation == generation ->
#else
		:: true ->
#endif
			if
			:: is_spawn ->
				assert(!alive);
				alive = true;
				tenant = of_tenant
			:: else -> assert(alive && tenant == of_tenant)
			fi
		fi;
		is_spawn = false;
		of_generation = 0;
		of_tenant = 0
	      };
	      if
	      :: alive -> end_tenant()
	      :: skip
	      :: atomic { running--; run_queue++; assert(run_queue == 1) }; break
	      fi
	   :: empty(mail) ->
		atomic {
			if
			:: empty(mail) ->
#ifdef GIVEN_WHEN_IDLE
				must_give = !alive && generation;
#endif
				idle = true;
				running--;
				gone = true
			:: nempty(mail)
			fi
		};
		if
		:: gone ->
			gone = false;
			if
			:: must_give -> must_give = false; give()
			:: else
			fi;
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
		do
		:: i < SENDERS -> run sender(); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < WORKERS -> run worker(); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < SPAWNERS -> run spawner(); i++
		:: else -> break
		od;
		run parent()
	};

	timeout; /* nothing else can move */
	assert(idle && empty(mail) && !run_queue && !running && !not_begun);
	assert(!told);
	assert(alive || free_list || !generation)
}
