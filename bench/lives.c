/* Workloads of many actors that do little: spawn, skynet, idle. What is measured is what an actor
 * costs, in time to come and go, and in memory to stay. */
#include "bench/lives.h"

#include "bench/machine.h"

// ---- spawn: lives of one message each; the parent is told of each end

NOH_MESSAGE(live, (u64, number), (u64, check));

struct mayfly {
	uint64_t number;
};

static void on_live(struct mayfly *self, const struct live *msg)
{
	noh_check(msg->number == self->number && msg->check == ~self->number);
	noh_end(0, NULL);
}

NOH_ACTOR(mayfly, (live, on_live));

struct breeder {
	uint64_t lives, born, ended;
};

static void on_more_lives(struct breeder *self, const struct more *msg)
{
	(void)msg;
	// A life costs its breeder two messages: the birth is one too.
	for (int i = 0; i < PORTION / 2 && self->born < self->lives; i++, self->born++) {
		noh_actor child = noh_spawn(mayfly, .number = self->born);
		noh_send(child, live, .number = self->born, .check = ~self->born);
	}
	if (self->born < self->lives)
		noh_send(noh_self(), more);
}

static void on_life_ended(struct breeder *self, const struct noh_down *msg)
{
	noh_check(msg->why == NOH_WHY_NORMAL);
	if (++self->ended == self->lives)
		noh_send(noh_parent(), finished, .count = self->ended);
}

NOH_ACTOR(breeder, (noh_down, on_life_ended), (more, on_more_lives));

void run_spawn(struct work *work)
{
	noh_actor breeder = noh_spawn(breeder, .lives = work->n);

	uint64_t began_ns = clock_ns();
	noh_send(breeder, more);
	struct finished sum = wait_until_finished(work, 1);
	work->seconds = seconds_since(began_ns);

	expect_equal("lives", sum.count, work->n);
}

// ---- skynet: a tree whose leaves send their numbers, and whose nodes add them up

enum { FAN_OUT = 10 };

NOH_MESSAGE(subtotal, (u64, leaves), (u64, sum));

struct node {
	uint64_t first, leaves; // that are below it; 1: it is one
	uint64_t children;      // that have not told yet
	struct subtotal total;
};

extern const struct noh_actor_type node_actor; // a node spawns nodes

static void tell_and_end(const struct subtotal *total)
{
	noh_send(noh_parent(), subtotal, .leaves = total->leaves, .sum = total->sum);
	noh_end(0, NULL);
}

static void on_node_start(struct node *self, const struct noh_start *msg)
{
	(void)msg;
	if (self->leaves == 1) {
		tell_and_end(&(struct subtotal){.leaves = 1, .sum = self->first});
		return;
	}

	uint64_t first = self->first;
	self->children = self->leaves < FAN_OUT ? self->leaves : FAN_OUT;
	for (uint64_t i = 0; i < self->children; i++) {
		uint64_t leaves = share_of(self->leaves, self->children, i);
		noh_spawn(node, .first = first, .leaves = leaves);
		first += leaves;
	}
}

static void on_subtotal(struct node *self, const struct subtotal *msg)
{
	self->total.leaves += msg->leaves;
	self->total.sum += msg->sum;
	if (--self->children == 0)
		tell_and_end(&self->total);
}

NOH_ACTOR(node, (noh_start, on_node_start), (subtotal, on_subtotal));

void run_skynet(struct work *work)
{
	uint64_t began_ns = clock_ns();
	noh_spawn(node, .leaves = work->n);
	const struct subtotal *total = noh_as(noh_receive(-1, subtotal), subtotal);
	work->seconds = seconds_since(began_ns);

	expect_equal("leaves", total->leaves, work->n);
	expect_equal("sum", total->sum, sum_below(work->n));
}

// ---- idle: actors that have received one message each and then do nothing

NOH_MESSAGE(wake, (u64, number), (u64, check));
NOH_MESSAGE(woken, (u64, number));

struct sleeper {
	uint64_t number;
};

static void on_wake(struct sleeper *self, const struct wake *msg)
{
	noh_check(msg->check == ~msg->number);
	self->number = msg->number;
	noh_send_back(woken, .number = self->number);
}

NOH_ACTOR(sleeper, (wake, on_wake));

// Waits for each portion before the next, so that all memory taken is the sleepers'.
struct nursery {
	uint64_t sleepers, born, woken, sum;
};

static void on_more_sleepers(struct nursery *self, const struct more *msg)
{
	(void)msg;
	for (int i = 0; i < PORTION && self->born < self->sleepers; i++, self->born++) {
		noh_actor child = noh_spawn(sleeper);
		noh_send(child, wake, .number = self->born, .check = ~self->born);
	}
}

static void on_woken(struct nursery *self, const struct woken *msg)
{
	self->sum += msg->number;
	self->woken++;
	if (self->woken == self->sleepers)
		noh_send(noh_parent(), finished, .count = self->woken, .sum = self->sum);
	else if (self->woken == self->born)
		noh_send(noh_self(), more);
}

NOH_ACTOR(nursery, (woken, on_woken), (more, on_more_sleepers));

void run_idle(struct work *work)
{
	noh_actor nursery = noh_spawn(nursery, .sleepers = work->n);
	uint64_t rss_before = resident_bytes();

	uint64_t began_ns = clock_ns();
	noh_send(nursery, more);
	struct finished sum = wait_until_finished(work, 1);
	work->seconds = seconds_since(began_ns);

	expect_equal("actors", sum.count, work->n);
	expect_equal("sum", sum.sum, sum_below(work->n));
	add_extra(work, "bytes_per_actor",
		  (double)(resident_bytes() - rss_before) / (double)work->n, "%.0f bytes an actor");
}
