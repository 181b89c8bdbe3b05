/* Children for tests of supervisors under kills: they note in one list when they start and when
 * they are shut down. */
#ifndef TESTS_ACTORS_LAMBS_H
#define TESTS_ACTORS_LAMBS_H

#include "tests/actors/supervised.h"
#include "tests/support/captured.h"

NOH_MESSAGE(work);

enum { FLOCK = 5, HAPPENED_MOST = 1 << 14, ROUNDS = 40, ROUND_MS = 20 };

// What the lambs saw, in the order in which it happened: a simulation has one thread.
static struct {
	struct {
		enum { START, STOP } what;
		int place;
		int64_t at_ms;
		noh_actor who;
	} happened[HAPPENED_MOST];
	int count;
} seen;

struct lamb {
	int place;
};

static void note(const struct lamb *self, int what)
{
	noh_check(seen.count < HAPPENED_MOST);
	seen.happened[seen.count].what = what;
	seen.happened[seen.count].place = self->place;
	seen.happened[seen.count].at_ms = noh_now_ms();
	seen.happened[seen.count++].who = noh_self();
}

static void on_lamb_start(struct lamb *self, const struct noh_start *msg)
{
	(void)msg;
	note(self, START);
}

static void on_lamb_stopping(struct lamb *self, const struct noh_stopping *msg)
{
	if (msg->why == NOH_WHY_SHUTDOWN)
		note(self, STOP);
}

static void on_lamb_work(struct lamb *self, const struct work *msg)
{
	(void)self;
	(void)msg;
}

NOH_ACTOR(lamb, (noh_start, on_lamb_start), (noh_stopping, on_lamb_stopping), (work, on_lamb_work));

#define LAMB(place_, id_, ...) \
	NOH_CHILD(lamb, (.place = place_), .id = id_ __VA_OPT__(, ) __VA_ARGS__)

static inline bool is_alive(noh_actor who)
{
	return noh_name(who)[0] != '@';
}

// Of all that have ever started, each counted once.
static inline int alive(void)
{
	int count = 0;
	for (int i = 0; i < seen.count; i++) {
		bool was_before = false;
		for (int j = 0; j < i && !was_before; j++)
			was_before = noh_same(seen.happened[i].who, seen.happened[j].who);
		count += !was_before && is_alive(seen.happened[i].who);
	}
	return count;
}

static inline void work_a_while(const noh_actor *lambs, int count, int rounds)
{
	for (int round = 0; round < rounds; round++) {
		for (int i = 0; i < count; i++)
			noh_send(lambs[i], work);
		noh_test_advance(ROUND_MS);
	}
}

static inline void let_recover(void)
{
	noh_test_calm();
	noh_test_advance(10000);
}

static inline void run_quietly(uint64_t seed, int (*root)(void *),
			       const struct noh_simulation *options)
{
	struct noh_simulation with_seed = *options;
	with_seed.seed = seed;
	struct captured captured = captured_begin(); // each restart is logged
	seen.count = 0;
	int status = noh_simulate_with(root, NULL, &with_seed);
	char *text = captured_end(captured);
	cr_assert_eq(status, 0, "%s", strlen(text) > 1500 ? text + strlen(text) - 1500 : text);
	free(text);
}

/* A test under kills and delays, for each seed; `kills_` is what kill_one_in is. */
#define Killed(suite, name, kills_, ...)                                                          \
	static void suite##_##name##_root(void);                                                  \
	static int suite##_##name##_run(void *unused)                                             \
	{                                                                                         \
		(void)unused;                                                                     \
		suite##_##name##_root();                                                          \
		return 0;                                                                         \
	}                                                                                         \
	Test(suite, name)                                                                         \
	{                                                                                         \
		uint64_t kills = 0;                                                               \
		for (uint64_t seed = 1; seed <= seeds_wanted(); seed++) {                         \
			run_quietly(                                                              \
				seed, suite##_##name##_run,                                       \
				NOH_VALUE(noh_simulation, .size = sizeof(struct noh_simulation),  \
					  .turn_most = 3, .kill_one_in = kills_,                  \
					  .delay_one_in = 10, .delay_most_ms = 10, __VA_ARGS__)); \
			kills += noh_test_last_run().kills;                                       \
		}                                                                                 \
		cr_expect_gt(kills, seeds_wanted());                                              \
	}                                                                                         \
	static void suite##_##name##_root(void)

/* Five, with these kinds of restarts. */
static inline noh_actor flock_of(enum noh_strategy strategy, enum noh_restart_kind kind,
				 noh_actor *lambs)
{
	noh_actor supervisor;
	int err;
	do {
		seen.count = 0;
		err = noh_supervisor_start(
			&supervisor, (.strategy = strategy, .max_restarts = NOH_UNLIMITED_RESTARTS),
			LAMB(0, "a", .ret_handle = &lambs[0], .restart = kind),
			LAMB(1, "b", .ret_handle = &lambs[1], .restart = kind),
			LAMB(2, "c", .ret_handle = &lambs[2], .restart = kind),
			LAMB(3, "d", .ret_handle = &lambs[3], .restart = kind),
			LAMB(4, "e", .ret_handle = &lambs[4], .restart = kind));
	} while (err);
	return supervisor;
}

#endif
