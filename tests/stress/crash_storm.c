/* A crash storm: a supervisor's children fail ten thousand times a second, or as often as the
 * machine can, for so many seconds (first argument; 3). Each comes back, its mail survives, and the
 * process does not grow. */
#include <noh/noh.h>

#include "tests/support/stress.h"

// The thread sanitizer remembers each jump out of a failing handler, and grows.
#if defined(__SANITIZE_THREAD__)
enum { A_SECOND = 1000 };
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
enum { A_SECOND = 1000 };
#else
enum { A_SECOND = 10000 };
#endif
#else
enum { A_SECOND = 10000 };
#endif

enum {
	SPARE_KB = 512, // what a process of few pages may gain by chance
	CHILDREN = 1000,
	TICK_MS = 10,
	A_TICK = A_SECOND * TICK_MS / 1000,
	AT_ONCE = 2 * A_TICK // fail: who falls behind would have more and more waiting
};

NOH_MESSAGE(crash, (u64, number));
NOH_MESSAGE(count);
NOH_MESSAGE(storm_tick);

static int seconds;
static uint64_t lives, counted, crashes; // atomics
static long rss_after_warm_up, rss_at_end;

static long resident_kilobytes(void)
{
	long pages = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "r");
	stress_check(file && fscanf(file, "%ld %ld", &pages, &resident) == 2);
	fclose(file);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

struct fragile {
	char *memory; // to be freed at each end
};

static void fragile_starts(struct fragile *self, const struct noh_start *msg)
{
	(void)msg;
	self->memory = (char *)noh_alloc(1000);
	__atomic_add_fetch(&lives, 1, __ATOMIC_RELAXED);
}

static void on_crash(struct fragile *self, const struct crash *msg)
{
	memset(noh_alloc(100), 1, 100);
	noh_after(1000, count); // of the old life: never comes
	noh_fail("storm %llu, %c", (unsigned long long)msg->number, '0' + !self->memory[0]);
}

static void on_count(struct fragile *self, const struct count *msg)
{
	(void)self;
	(void)msg;
	__atomic_add_fetch(&counted, 1, __ATOMIC_RELAXED);
}

NOH_ACTOR(fragile, (noh_start, fragile_starts), (crash, on_crash), (count, on_count));

// Makes them fail, and sends a message behind each failure.
struct weather {
	noh_actor *children;
	uint64_t sent, wanted, counted_before;
};

static void weather_starts(struct weather *self, const struct noh_start *msg)
{
	(void)self;
	(void)msg;
	noh_every(TICK_MS, NOH_MISSED_BURST, storm_tick);
}

static void on_storm_tick(struct weather *self, const struct storm_tick *msg)
{
	(void)msg;
	uint64_t came_back = __atomic_load_n(&counted, __ATOMIC_RELAXED) - self->counted_before;
	uint64_t most = came_back + AT_ONCE;
	if (most > self->wanted)
		most = self->wanted;
	for (int i = 0; i < A_TICK && self->sent < most; i++, self->sent++) {
		noh_actor child = self->children[self->sent % CHILDREN];
		noh_send(child, crash, .number = self->sent);
		noh_send(child, count);
		__atomic_add_fetch(&crashes, 1, __ATOMIC_RELAXED);
	}
	if (self->sent == self->wanted)
		noh_end(0, NULL);
}

NOH_ACTOR(weather, (noh_start, weather_starts), (storm_tick, on_storm_tick));

static void storm(noh_actor *children, uint64_t wanted)
{
	uint64_t before = __atomic_load_n(&counted, __ATOMIC_RELAXED);
	noh_spawn_with(weather, (.monitored = true), .children = children, .wanted = wanted,
		       .counted_before = before);
	noh_receive(-1, noh_down);
	while (__atomic_load_n(&counted, __ATOMIC_RELAXED) - before < wanted)
		noh_sleep(1);
}

static int root(void *unused)
{
	static noh_actor children[CHILDREN];
	(void)unused;
	noh_actor supervisor =
		noh_supervise((.strategy = NOH_DYNAMIC, .max_restarts = NOH_UNLIMITED_RESTARTS),
			      NOH_CHILD(fragile, ()));
	for (int i = 0; i < CHILDREN; i++)
		stress_check(noh_supervisor_start_child(supervisor, NOH_CHILD(fragile, ()),
							&children[i]) == 0);

	storm(children, A_SECOND); // every pool and table has its size now
	rss_after_warm_up = resident_kilobytes();
	storm(children, (uint64_t)A_SECOND * (uint64_t)seconds);
	rss_at_end = resident_kilobytes();

	struct noh_child_counts counts;
	stress_check(noh_supervisor_count(supervisor, &counts) == 0);
	stress_check(counts.workers == CHILDREN && counts.active == CHILDREN);
	stress_check(noh_dead_letters() == 0);
	return 0;
}

static void log_nothing(void *argument, enum noh_level level, noh_actor who, const char *line)
{
	(void)argument;
	(void)level;
	(void)who;
	(void)line;
}

int main(int argc, char **argv)
{
	stress_begin();
	seconds = argc > 1 ? atoi(argv[1]) : (int)stress_rounds(2);
	stress_check(noh_run(root, NULL, .workers = 2, .log = log_nothing) == 0);
	stress_check(lives == crashes + CHILDREN && counted == crashes);
	printf("%llu crashes, %ld kB after the first %d, %ld kB at the end\n",
	       (unsigned long long)crashes, rss_after_warm_up, A_SECOND, rss_at_end);
	// A sanitizer keeps what was freed for a while.
	if (STRESS_SLOWER == 1)
		stress_check(rss_at_end <= rss_after_warm_up + rss_after_warm_up / 20 + SPARE_KB);
	return 0;
}
