/* Kills in simulated runs: who is killed, who is not, and what of it a supervised tree shows. */
#include "tests/support/captured.h"
#include "tests/support/seeds.h"

NOH_MESSAGE(work);

struct plain {
	char unused;
};
struct precious {
	char unused;
};

static void on_plain_work(struct plain *self, const struct work *msg)
{
	(void)self;
	(void)msg;
}

static void on_precious_work(struct precious *self, const struct work *msg)
{
	(void)self;
	(void)msg;
}

NOH_ACTOR(plain, (work, on_plain_work));
NOH_ACTOR(precious, (work, on_precious_work));

enum { HANDS = 10, ROUNDS = 100 };

static struct {
	int plain, named, precious, supervisors;
} alive;

static bool is_alive(noh_actor who)
{
	return noh_name(who)[0] != '@';
}

static int work_a_while(void *unused)
{
	noh_actor plains[HANDS], named[HANDS], precious[HANDS];

	(void)unused;
	for (int i = 0; i < HANDS; i++) {
		plains[i] = noh_spawn(plain);
		named[i] = noh_spawn_with(plain, (.name = "favourite"));
		precious[i] = noh_spawn(precious);
	}
	noh_actor supervisor = noh_supervise((0));
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < HANDS; i++) {
			noh_send(plains[i], work);
			noh_send(named[i], work);
			noh_send(precious[i], work);
		}
		noh_test_settle();
	}
	noh_test_calm();
	noh_test_settle();

	alive.plain = alive.named = alive.precious = 0;
	alive.supervisors = is_alive(supervisor);
	for (int i = 0; i < HANDS; i++) {
		alive.plain += is_alive(plains[i]);
		alive.named += is_alive(named[i]);
		alive.precious += is_alive(precious[i]);
	}
	return 0;
}

Test(kill, comes_to_nobody_unless_asked_for)
{
	cr_assert_eq(noh_simulate(1, work_a_while, NULL), 0);

	cr_expect_eq(alive.plain + alive.named + alive.precious, 3 * HANDS);
	cr_expect_eq(noh_test_last_run().kills, 0);
	cr_expect_eq(noh_test_last_run().delays, 0);
}

Test(kill, comes_to_any_but_the_root_and_the_librarys_own)
{
	for (uint64_t seed = 1; seed <= seeds_wanted(); seed++) {
		cr_assert_eq(noh_simulate(seed, work_a_while, NULL, .kill_one_in = 5), 0);

		int dead = 3 * HANDS - alive.plain - alive.named - alive.precious;
		cr_expect_eq(dead, 3 * HANDS, "%d", dead); // of so many turns
		cr_expect_eq(noh_test_last_run().kills, 3 * HANDS);
		cr_expect(alive.supervisors);
	}
}

Test(kill, spares_types_and_names_that_are_listed)
{
	for (uint64_t seed = 1; seed <= seeds_wanted(); seed++) {
		cr_assert_eq(noh_simulate(seed, work_a_while, NULL, .kill_one_in = 5,
					  .spare = "favourite precious"),
			     0);

		cr_expect_eq(alive.plain, 0);
		cr_expect_eq(alive.named, HANDS);
		cr_expect_eq(alive.precious, HANDS);
	}
}

Test(kill, comes_to_those_alone_that_are_listed)
{
	for (uint64_t seed = 1; seed <= seeds_wanted(); seed++) {
		cr_assert_eq(noh_simulate(seed, work_a_while, NULL, .kill_one_in = 5,
					  .kill = "precious supervisor"),
			     0);

		cr_expect_eq(alive.plain, HANDS);
		cr_expect_eq(alive.named, HANDS);
		cr_expect_eq(alive.precious, 0);
		cr_expect(!alive.supervisors);
	}
}

Test(kill, takes_a_part_of_a_name_for_no_name)
{
	cr_assert_eq(
		noh_simulate(1, work_a_while, NULL, .kill_one_in = 5, .kill = "precio preciouss"),
		0);

	cr_expect_eq(alive.plain + alive.named + alive.precious, 3 * HANDS);
}

Test(kill, comes_no_more_often_than_the_most)
{
	cr_assert_eq(noh_simulate(1, work_a_while, NULL, .kill_one_in = 5, .kills_most = 7), 0);

	cr_expect_eq(alive.plain + alive.named + alive.precious, 3 * HANDS - 7);
	cr_expect_eq(noh_test_last_run().kills, 7);
}

// ---- supervised

static noh_actor hands[HANDS];

static bool all_children_run(noh_actor supervisor, size_t count)
{
	const struct noh_children *list;
	noh_check(noh_supervisor_children(supervisor, &list) == 0);
	noh_check(list->children.count == count);
	for (size_t i = 0; i < count; i++)
		if (list->children.at[i].state != NOH_CHILD_RUNNING)
			return false;
	return true;
}

// A tree of two levels, worked hard. Kills of the inner supervisor are restarts too.
static int supervise_under_kills(void *unused)
{
	(void)unused;
	noh_actor inner;
	noh_actor outer = noh_supervise(
		(.max_restarts = NOH_UNLIMITED_RESTARTS),
		NOH_CHILD(plain, (0), .id = "a", .ret_handle = &hands[0]),
		NOH_CHILD(precious, (0), .id = "b", .ret_handle = &hands[1]),
		NOH_SUPERVISOR(
			(.id = "inner", .ret_handle = &inner),
			(.strategy = NOH_ONE_FOR_ALL, .max_restarts = NOH_UNLIMITED_RESTARTS),
			NOH_CHILD(plain, (0), .id = "c", .ret_handle = &hands[2]),
			NOH_CHILD(plain, (0), .id = "d", .ret_handle = &hands[3])));

	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < 4; i++)
			noh_send(hands[i], work);
		noh_test_advance(10);
	}
	noh_test_calm();
	noh_test_advance(1000);
	noh_check(all_children_run(outer, 3));
	noh_check(all_children_run(inner, 2));
	return 0;
}

Test(kill, of_children_of_supervisors_leaves_all_alive_in_the_end)
{
	for (uint64_t seed = 1; seed <= seeds_wanted(); seed++) {
		struct captured captured = captured_begin(); // each restart is logged
		int status =
			noh_simulate(seed, supervise_under_kills, NULL, .turn_most = 2,
				     .kill_one_in = 10, .delay_one_in = 20, .delay_most_ms = 50);
		char *text = captured_end(captured);

		cr_assert_eq(status, 0, "%s", text);
		free(text);
		cr_expect_gt(noh_test_last_run().kills, 10);
		cr_expect_gt(noh_test_last_run().delays, 10);
	}
}

// Some wait for their restart, or have it still before them, when all is to end.
static int end_amid_kills(void *unused)
{
	(void)unused;
	noh_actor children[HANDS];
	noh_actor supervisor =
		noh_supervise((.strategy = NOH_DYNAMIC, .max_restarts = NOH_UNLIMITED_RESTARTS),
			      NOH_CHILD(plain, (0), .backoff = {.min_ms = 5}));
	for (int i = 0; i < HANDS; i++)
		noh_check(!noh_supervisor_start_child(supervisor, NOH_CHILD(plain, (0)),
						      &children[i]));
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < HANDS; i++)
			noh_send(children[i], work);
		noh_sleep(10);
	}
	return 0;
}

Test(kill, of_a_child_keeps_no_supervisor_from_ending_in_time)
{
	for (uint64_t seed = 1; seed <= 10 * seeds_wanted(); seed++) {
		struct captured captured = captured_begin(); // each restart is logged
		int status = noh_simulate(seed, end_amid_kills, NULL, .turn_most = 2,
					  .kill_one_in = 20, .delay_one_in = 7);
		char *text = captured_end(captured);

		cr_assert_eq(status, 0, "%s", text);
		free(text);
	}
}
