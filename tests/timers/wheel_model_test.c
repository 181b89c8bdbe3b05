/*
 * The timing wheel: random work against a plain array that is searched from end to end. Each entry
 * has a number that says when it was added, which is the order within a tick.
 */
#include <criterion/criterion.h>

#include "timers/wheel.h"

static struct wheel wheel;

enum { ENTRIES = 60, STEPS = 4000 };

struct model {
	struct wheel_entry entries[ENTRIES];
	bool held[ENTRIES];
	uint64_t order_by[ENTRIES]; // the deadline, or 0 if it was due when it was added
	uint64_t added[ENTRIES];
	uint64_t adds;
	uint64_t now;
};

static struct model model;
static uint64_t random_state;

static uint64_t random_below(uint64_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % limit;
}

// Mostly short, sometimes of any number of bits.
static uint64_t random_distance(void)
{
	return random_below(4) ? random_below(200) : random_below(UINT64_C(2) << random_below(40));
}

// Those that were due when they were added count only if that was before add number `before`.
static int earliest(uint64_t before)
{
	int best = -1;

	for (int i = 0; i < ENTRIES; i++) {
		if (!model.held[i] || (!model.order_by[i] && model.added[i] >= before))
			continue;
		if (best < 0 || model.order_by[i] < model.order_by[best] ||
		    (model.order_by[i] == model.order_by[best] &&
		     model.added[i] < model.added[best]))
			best = i;
	}
	return best;
}

static void add(int i, uint64_t tick)
{
	model.held[i] = true;
	model.order_by[i] = tick > model.now ? tick : 0;
	model.added[i] = model.adds++;
	model.entries[i].deadline = tick;
	wheel_add(&wheel, &model.entries[i]);
}

static void remove_one(int i)
{
	model.held[i] = false;
	wheel_remove(&model.entries[i]);
}

static void expire_round(uint64_t now)
{
	uint64_t begin = model.adds;
	struct wheel_entry *entry;

	while ((entry = wheel_expire(&wheel, now))) {
		int expected = earliest(begin);
		cr_assert_geq(expected, 0);
		cr_assert_leq(model.order_by[expected], now);
		cr_assert_eq(entry, &model.entries[expected]);
		model.held[expected] = false;
		if (model.order_by[expected])
			model.now = model.order_by[expected];
		if (!random_below(4))
			add(expected, model.now + random_distance());
		else if (!random_below(8))
			add(expected, model.now - random_below(model.now + 1));
	}
	model.now = now;

	int left = earliest(begin);
	cr_assert(left < 0 || model.order_by[left] > now);
}

Test(wheel_model, agrees_with_a_plain_list)
{
	for (uint64_t seed = 1; seed <= 50; seed++) {
		random_state = seed * UINT64_C(0x9e3779b97f4a7c15);
		model = (struct model){.now = random_below(UINT64_C(1) << random_below(62))};
		wheel_init(&wheel, 0, model.now);

		for (int step = 0; step < STEPS; step++) {
			int i = random_below(ENTRIES);
			if (model.held[i] && random_below(2))
				remove_one(i);
			else if (!model.held[i] && random_below(5))
				add(i, model.now + random_distance());
			else if (!model.held[i])
				add(i, model.now - random_below(model.now + 1));
			else if (random_below(3))
				expire_round(model.now + random_below(100));
			else
				expire_round(model.now + random_distance());

			int first = earliest(model.adds);
			uint64_t next = wheel_next(&wheel);
			cr_assert_eq(wheel_contains(&model.entries[i]), model.held[i]);
			if (first < 0)
				cr_assert_eq(next, WHEEL_NEVER, "seed %d", (int)seed);
			else if (model.order_by[first] <= model.now)
				cr_assert_eq(next, model.now, "seed %d", (int)seed);
			else
				cr_assert(next > model.now && next <= model.order_by[first],
					  "seed %d", (int)seed);
		}
		wheel_finish(&wheel);
	}
}
