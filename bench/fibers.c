/* Workloads of fibers: two that throw a ball to and fro, and many that wait. What is measured is a
 * message and the switch that it causes, and what a waiting fiber takes of memory. */
#include "bench/fibers.h"

#include "bench/machine.h"

// ---- fibers: the way of a single message, as in pingpong, from stack to stack

NOH_MESSAGE(volley, (u64, left), (u64, bounced));
NOH_MESSAGE(opponent, (actor, who), (u64, hits));

struct racket {
	uint64_t hits;
};

static void play_on(struct racket *self)
{
	const struct opponent *first = noh_as(noh_receive(-1, opponent), opponent);
	noh_actor other = first->who;
	if (first->hits)
		noh_send(other, volley, .left = first->hits);

	for (;;) {
		const struct volley *ball = noh_as(noh_receive(-1, volley), volley);
		self->hits++;
		if (ball->left > 1)
			noh_send(other, volley, .left = ball->left - 1,
				 .bounced = ball->bounced + 1);
		else
			noh_send(noh_parent(), finished, .count = ball->bounced + 1);
	}
}

NOH_FIBER(racket, play_on);

void run_fibers(struct work *work)
{
	noh_actor one = noh_spawn(racket), other = noh_spawn(racket);

	uint64_t began_ns = clock_ns();
	noh_send(other, opponent, .who = one);
	noh_send(one, opponent, .who = other, .hits = work->n);
	struct finished sum = wait_until_finished(work, 1);
	work->seconds = seconds_since(began_ns);

	expect_equal("bounces", sum.count, work->n);
}

// ---- waiting: fibers that have received one message each and wait for the next

NOH_MESSAGE(wake_up, (u64, number));
NOH_MESSAGE(awake, (u64, number));

struct waiter {
	uint64_t unused;
};

static void answer_and_wait(struct waiter *self)
{
	(void)self;
	for (;;) {
		const struct wake_up *call = noh_as(noh_receive(-1, wake_up), wake_up);
		noh_send_back(awake, .number = call->number);
	}
}

NOH_FIBER(waiter, answer_and_wait);

void run_waiting(struct work *work)
{
	uint64_t rss_before = resident_bytes(), born = 0, sum = 0;

	uint64_t began_ns = clock_ns();
	for (uint64_t answered = 0; answered < work->n; answered++) {
		for (; born < work->n && born < answered + PORTION; born++)
			noh_send(noh_spawn(waiter), wake_up, .number = born);
		const struct awake *one = noh_as(noh_receive(-1, awake, noh_down), awake);
		if (!one)
			noh_fail("a fiber ended instead of waiting");
		sum += one->number;
	}
	work->seconds = seconds_since(began_ns);

	expect_equal("sum", sum, sum_below(work->n));
	add_extra(work, "bytes_per_actor",
		  (double)(resident_bytes() - rss_before) / (double)work->n, "%.0f bytes a fiber");
}
