/*
 * Five philosophers at a round table, with one fork between each two. Who is hungry needs the forks
 * on both sides; with a lock a fork, all would soon hold one and wait for the other for ever. Here
 * the table owns the forks and lends them by answering: when both are free, and no neighbour has
 * waited for longer.
 *
 *	$ dining --meals 3
 *	aristotle ate 3 times
 *	...
 *	nobody waited for more than two meals of their neighbours
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

enum { SEATS = 5 };

static const char *const names[SEATS] = {"aristotle", "hypatia", "kant", "plato", "socrates"};

// ---- what is said

NOH_MESSAGE(forks, (u64, meals_waited));
NOH_REQUEST(get_forks, forks, (u64, seat));
NOH_MESSAGE(put_back, (u64, seat));

NOH_MESSAGE(full, (u64, seat), (u64, meals), (u64, longest_wait));

// ---- the table

struct place {
	enum { THINKS, WAITS, EATS } now;
	noh_reply_to answer;
	uint64_t turn;         // who waits with a lower one was here before
	uint64_t meals_waited; // that neighbours began since
};

struct table {
	struct place places[SEATS];
	uint64_t turns;
};

static struct place *left_of(struct table *self, uint64_t seat)
{
	return &self->places[(seat + SEATS - 1) % SEATS];
}

static struct place *right_of(struct table *self, uint64_t seat)
{
	return &self->places[(seat + 1) % SEATS];
}

static bool lets_eat(struct place *neighbour, const struct place *place)
{
	return neighbour->now == THINKS ||
	       (neighbour->now == WAITS && neighbour->turn > place->turn);
}

static void serve_if_possible(struct table *self, struct place *place)
{
	uint64_t seat = (uint64_t)(place - self->places);
	struct place *left = left_of(self, seat), *right = right_of(self, seat);

	if (place->now != WAITS || !lets_eat(left, place) || !lets_eat(right, place))
		return;
	place->now = EATS;
	left->meals_waited++;
	right->meals_waited++;
	noh_reply_at(place->answer, forks, .meals_waited = place->meals_waited);
}

static void on_get_forks(struct table *self, const struct get_forks *msg)
{
	struct place *place = &self->places[msg->seat];

	*place = (struct place){.now = WAITS, .answer = noh_reply_later(), .turn = self->turns++};
	serve_if_possible(self, place);
}

static void on_put_back(struct table *self, const struct put_back *msg)
{
	self->places[msg->seat].now = THINKS;
	serve_if_possible(self, left_of(self, msg->seat));
	serve_if_possible(self, right_of(self, msg->seat));
}

NOH_ACTOR(table, (get_forks, on_get_forks), (put_back, on_put_back));

// ---- a philosopher: a fiber, whose life is a straight line

struct philosopher {
	noh_actor table;
	uint64_t seat, meals;
};

static void live(struct philosopher *self)
{
	uint64_t longest_wait = 0;

	for (uint64_t i = 0; i < self->meals; i++) {
		noh_sleep((int64_t)(noh_random() % 3)); // thinks

		const struct forks *forks;
		if (noh_ask(self->table, get_forks, NOH_FOREVER, &forks, .seat = self->seat))
			noh_fail("%s starves: %s", names[self->seat], noh_ask_text());
		if (forks->meals_waited > longest_wait)
			longest_wait = forks->meals_waited;

		noh_sleep((int64_t)(noh_random() % 3)); // eats
		noh_send(self->table, put_back, .seat = self->seat);
	}
	noh_finish(full, .seat = self->seat, .meals = self->meals, .longest_wait = longest_wait);
}

NOH_FIBER(philosopher, live);

// ---- the evening

static int dine(void *meals)
{
	noh_actor guests[SEATS], table = noh_spawn(table);

	for (uint64_t seat = 0; seat < SEATS; seat++) {
		guests[seat] = noh_spawn_with(philosopher, (.monitored = true), .table = table,
					      .seat = seat, .meals = *(uint64_t *)meals);
	}

	uint64_t longest_wait = 0;
	for (uint64_t seat = 0; seat < SEATS; seat++) {
		struct noh_joined how;
		if (noh_join(guests[seat], -1, &how))
			noh_fail("%s left: %s", names[seat], how.reason);

		const struct full *full = noh_as(how.result, full);
		printf("%s ate %d times\n", names[seat], (int)full->meals);
		if (full->longest_wait > longest_wait)
			longest_wait = full->longest_wait;
	}
	if (longest_wait > 2) {
		printf("somebody waited for %d meals\n", (int)longest_wait);
		return 1;
	}
	printf("nobody waited for more than two meals of their neighbours\n");
	return 0;
}

int main(int count, char **words)
{
	uint64_t meals = 20;

	if (count == 3 && !strcmp(words[1], "--meals"))
		meals = strtoul(words[2], NULL, 10);
	return noh_run(dine, &meals);
}
