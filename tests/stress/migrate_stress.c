/* Fibers on several threads: those that may migrate do, at any wait; the others stay on the thread
 * where they started; and those that have not started yet are shared. */
#include <sys/syscall.h>
#include <unistd.h>

#include <noh/noh.h>

#include "tests/support/stress.h"

enum { PLAYERS = 32, LATE = 64 };

NOH_MESSAGE(ball, (u64, left), (u64, seed));
NOH_MESSAGE(played);
NOH_MESSAGE(began, (u64, thread));

static noh_actor players[PLAYERS], root;
static uint64_t begun, undone, moves, started_elsewhere;

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

// Asks the kernel, since a compiler may believe that a thread never changes.
static uint64_t thread_here(void)
{
	return (uint64_t)syscall(SYS_gettid);
}

static void undo(void *thread)
{
	(void)thread;
	__atomic_fetch_add(&undone, 1, __ATOMIC_RELAXED);
}

// Throws the ball on, after a wait of some kind.
static void play(uint64_t seed, bool may_move)
{
	uint64_t thread = thread_here(), before = thread;
	volatile uint64_t kept[32]; // on the stack, which moves along

	usleep(2000); // holds the thread up, so that others take those behind it
	__atomic_fetch_add(&begun, 1, __ATOMIC_RELAXED);
	noh_defer(undo, NULL);
	for (int i = 0; i < 32; i++)
		kept[i] = seed + (uint64_t)i;
	for (;;) {
		const struct ball *ball = noh_as(noh_receive(-1, ball), ball);
		uint64_t left = ball->left, random = next_random(&seed) ^ ball->seed;
		if (random % 8 == 0)
			noh_yield();
		if (random % 64 == 1)
			noh_sleep(1);
		if (random % 8 == 2)
			noh_receive(0, began);

		thread = thread_here();
		if (thread != before)
			__atomic_fetch_add(&moves, 1, __ATOMIC_RELAXED);
		stress_check(may_move || thread == before);
		before = thread;
		for (int i = 1; i < 32; i++)
			stress_check(kept[i] == kept[0] + (uint64_t)i);
		if (!left) {
			noh_send(root, played);
			continue;
		}
		noh_send(players[random / 64 % PLAYERS], ball, .left = left - 1, .seed = random);
	}
}

struct mover {
	uint64_t seed;
};

static void move_and_play(struct mover *self)
{
	play(self->seed, true);
}

NOH_FIBER_WITH(mover, (.migrates = true), move_and_play);

struct stayer {
	uint64_t seed;
};

static void stay_and_play(struct stayer *self)
{
	play(self->seed, false);
}

NOH_FIBER(stayer, stay_and_play);

// ---- those that have not started

struct late {
	uint64_t thread; // of who made it
};

static void begin_somewhere(struct late *self)
{
	if (thread_here() != self->thread)
		__atomic_fetch_add(&started_elsewhere, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&begun, 1, __ATOMIC_RELAXED);
	noh_send(noh_parent(), began);
}

NOH_FIBER(late, begin_somewhere);

// This worker does nothing else meanwhile, so others must take what it has made.
static void wait_until_begun(uint64_t count)
{
	while (__atomic_load_n(&begun, __ATOMIC_RELAXED) < count)
		usleep(100);
}

static void spawn_while_busy(void)
{
	for (int i = 0; i < LATE; i++)
		noh_spawn(late, .thread = thread_here());
	wait_until_begun(1);
	for (int i = 0; i < LATE; i++)
		noh_receive(-1, began);
	begun = 0;
}

static int run(void *unused)
{
	uint64_t hops = stress_rounds(20000);

	(void)unused;
	root = noh_self();
	spawn_while_busy();
	for (uint64_t i = 0; i < PLAYERS; i++)
		players[i] = i % 2 ? noh_spawn(mover, .seed = i) : noh_spawn(stayer, .seed = i);
	wait_until_begun(PLAYERS);
	for (uint64_t i = 0; i < PLAYERS / 2; i++)
		noh_send(players[i], ball, .left = hops, .seed = i);
	for (int i = 0; i < PLAYERS / 2; i++)
		noh_receive(-1, played);
	stress_check(moves > 0);
	printf("%llu of %d began on another thread, %llu moves seen\n",
	       (unsigned long long)started_elsewhere, LATE, (unsigned long long)moves);
	return 0;
}

int main(void)
{
	stress_begin();
	int status = noh_run(run, NULL, .workers = 4);
	stress_check(undone == PLAYERS);
	return status;
}
