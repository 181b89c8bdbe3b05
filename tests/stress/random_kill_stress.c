/* Random kills over a tree of ten thousand actors, for so many seconds (first argument; 2): no
 * hang, no leak, each monitor fires exactly once. */
#include <noh/noh.h>

#include "tests/support/stress.h"

enum { SUPERVISORS = 100, LEAVES = 99, ACTORS = SUPERVISORS * (LEAVES + 1), WATCHERS = 4 };

NOH_MESSAGE(poke, (u64, number));
NOH_MESSAGE(kill_some);
NOH_MESSAGE(stop_watching);
NOH_MESSAGE(watch_round);
NOH_MESSAGE(looked_up);

static uint64_t kills, pokes, monitors, downs; // atomics
static uint32_t killing = 1;

// ---- the tree

static uint64_t places[ACTORS]; // handles; atomics: a supervisor that was killed has new children

static noh_actor place(uint64_t number)
{
	return (noh_actor){__atomic_load_n(&places[number % ACTORS], __ATOMIC_RELAXED)};
}

struct leaf {
	uint64_t pokes;
};

static void on_poke(struct leaf *self, const struct poke *msg)
{
	self->pokes++;
	if (msg->number % 64 == 0)
		noh_fail("poked");
	if (msg->number % 64 == 1)
		noh_end(0, NULL);
	__atomic_add_fetch(&pokes, 1, __ATOMIC_RELAXED);
}

NOH_ACTOR(leaf, (poke, on_poke));

// ---- who kills

struct killer {
	uint64_t unused;
};

static void on_kill_some(struct killer *self, const struct kill_some *msg)
{
	(void)self;
	(void)msg;
	for (int i = 0; i < 20; i++) {
		uint64_t number = noh_random();
		noh_actor who = place(number);
		// Of supervisors fewer: each takes a hundred with it.
		if (number % ACTORS % (LEAVES + 1) == 0 && number >> 32 & 15)
			continue;
		if (number >> 40 & 1)
			noh_kill(who);
		else
			noh_send(who, poke, .number = number >> 41);
		__atomic_add_fetch(&kills, 1, __ATOMIC_RELAXED);
	}
	if (__atomic_load_n(&killing, __ATOMIC_RELAXED))
		noh_after(1, kill_some);
	else
		noh_end(0, NULL);
}

NOH_ACTOR(killer, (kill_some, on_kill_some));

// ---- who watches: each monitor is set again when it has fired

enum { WATCHED = 500 };

struct watch_list {
	uint64_t monitors[WATCHED]; // of the places `first`, first + 1, ...; 0: fired
	uint64_t first, open;
	bool is_last;
};

static void watch(struct watch_list *self, uint64_t i)
{
	self->monitors[i] = noh_monitor(place(self->first + i), i % 2);
	self->open++;
	__atomic_add_fetch(&monitors, 1, __ATOMIC_RELAXED);
}

static void on_watch_round(struct watch_list *self, const struct watch_round *msg)
{
	(void)msg;
	for (uint64_t i = 0; i < WATCHED; i++)
		if (!self->monitors[i])
			watch(self, i);
	if (!self->is_last)
		noh_after(5, watch_round);
}

static void on_watched_down(struct watch_list *self, const struct noh_down *msg)
{
	for (uint64_t i = 0; i < WATCHED; i++) {
		if (self->monitors[i] != msg->monitor)
			continue;
		self->monitors[i] = 0;
		self->open--;
		__atomic_add_fetch(&downs, 1, __ATOMIC_RELAXED);
		if (self->is_last && !self->open)
			noh_end(0, NULL);
		return;
	}
	noh_fail("a monitor fired twice");
}

// The tree ends next: all that are open must fire.
static void on_stop_watching(struct watch_list *self, const struct stop_watching *msg)
{
	(void)msg;
	self->is_last = true;
	if (!self->open)
		noh_end(0, NULL);
}

NOH_ACTOR(watch_list, (watch_round, on_watch_round), (noh_down, on_watched_down),
	  (stop_watching, on_stop_watching));

// ---- the root

static noh_actor start_tree(void)
{
	static struct noh_child leaves[SUPERVISORS][LEAVES + 1], branches[SUPERVISORS + 1];
	static const struct noh_supervisor options[] = {
		{.size = sizeof(options[0]), .max_restarts = NOH_UNLIMITED_RESTARTS},
		{.size = sizeof(options[0]),
		 .strategy = NOH_ONE_FOR_ALL,
		 .max_restarts = NOH_UNLIMITED_RESTARTS},
		{.size = sizeof(options[0]),
		 .strategy = NOH_REST_FOR_ONE,
		 .max_restarts = NOH_UNLIMITED_RESTARTS},
	};
	static const struct leaf fresh;

	for (int i = 0; i < SUPERVISORS; i++) {
		for (int j = 0; j < LEAVES; j++)
			leaves[i][j] = (struct noh_child){.size = sizeof(struct noh_child),
							  .type = &leaf_actor,
							  .state = &fresh,
							  .id = noh_format("leaf %d", j)};
		branches[i] =
			(struct noh_child){.size = sizeof(struct noh_child),
					   .id = noh_format("branch %d", i),
					   .supervisor = &options[i % 10 ? 0 : 1 + i / 10 % 2],
					   .children = leaves[i]};
	}
	return noh_supervise_list(&options[0], branches);
}

static void look_up(noh_actor tree)
{
	const struct noh_children *branches, *leaves;
	stress_check(noh_supervisor_children(tree, &branches) == 0);
	for (size_t i = 0; i < branches->children.count; i++) {
		noh_actor branch = branches->children.at[i].child;
		uint64_t *at = &places[i * (LEAVES + 1)];
		__atomic_store_n(at, branch.id, __ATOMIC_RELAXED);
		if (noh_supervisor_children(branch, &leaves))
			continue; // killed while it was asked
		for (size_t j = 0; j < leaves->children.count && j < LEAVES; j++)
			__atomic_store_n(at + 1 + j, leaves->children.at[j].child.id,
					 __ATOMIC_RELAXED);
	}
	noh_receive(0, looked_up); // gives back all these answers
}

static int root(void *argument)
{
	int64_t until_ms = noh_now_ms() + *(int *)argument * 1000;
	noh_actor killer[2], watchers[WATCHERS], tree = start_tree();

	look_up(tree);
	for (uint64_t i = 0; i < WATCHERS; i++) {
		watchers[i] = noh_spawn_with(watch_list, (.monitored = true),
					     .first = i * (ACTORS / WATCHERS));
		noh_send(watchers[i], watch_round);
	}
	for (int i = 0; i < 2; i++) {
		killer[i] = noh_spawn_with(killer, (.monitored = true));
		noh_send(killer[i], kill_some);
	}
	while (noh_now_ms() < until_ms) {
		noh_sleep(100);
		look_up(tree);
	}
	__atomic_store_n(&killing, 0, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		noh_receive(-1, noh_down);

	// The supervisors still answer, and have all their children.
	struct noh_child_counts counts;
	stress_check(noh_supervisor_count(tree, &counts) == 0 && counts.specs == SUPERVISORS);

	for (int i = 0; i < WATCHERS; i++)
		noh_send(watchers[i], stop_watching);
	noh_stop(tree);
	for (int i = 0; i < WATCHERS; i++) {
		const struct noh_down *down = noh_as(noh_receive(-1, noh_down), noh_down);
		stress_check(down && down->why == NOH_WHY_NORMAL);
	}
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
	int seconds = argc > 1 ? atoi(argv[1]) : (int)stress_rounds(2);
	stress_check(noh_run(root, &seconds, .workers = 2, .log = log_nothing) == 0);
	printf("%llu kills and pokes, %llu monitors, %llu downs\n", (unsigned long long)kills,
	       (unsigned long long)monitors, (unsigned long long)downs);
	stress_check(monitors == downs && monitors > 0);
	return 0;
}
