/* Workloads of actors that send without waiting for an answer: counting, fanin, forkjoin. What
 * receives can fall behind, so they show what holds senders back, and what that takes. */
#include "bench/streams.h"

enum { PRODUCERS = 100, JOINERS = 60 };

NOH_MESSAGE(parcel, (u64, number), (u64, value));

// ---- who receives: it knows how many parcels to expect

struct counter {
	uint64_t expected;
	uint64_t count, sum;
};

static void on_parcel(struct counter *self, const struct parcel *msg)
{
	self->sum += msg->value;
	if (++self->count == self->expected)
		noh_send(noh_parent(), finished, .count = self->count, .sum = self->sum);
}

static void on_counter_tally(struct counter *self, const struct get_tally *msg)
{
	(void)msg;
	noh_reply(tally, .count = self->count);
}

NOH_ACTOR(counter, (parcel, on_parcel), (get_tally, on_counter_tally));

// ---- who sends: to one counter, or to several in turn

struct producer {
	const noh_actor *to;          // of the root's memory, which outlives it
	uint64_t receivers, receiver; // how many, and whose turn it is
	uint64_t next, end;           // values that are still to be sent
};

static void on_more_parcels(struct producer *self, const struct more *msg)
{
	(void)msg;
	for (int i = 0; i < PORTION && self->next < self->end; i++, self->next++) {
		noh_send(self->to[self->receiver], parcel, .number = self->next,
			 .value = self->next);
		if (++self->receiver == self->receivers)
			self->receiver = 0;
	}
	if (self->next < self->end)
		noh_send(noh_self(), more);
}

NOH_ACTOR(producer, (more, on_more_parcels));

// ---- the runs

static void stream(struct work *work, uint64_t producers, uint64_t receivers)
{
	noh_actor *senders = noh_alloc(producers * sizeof(*senders));
	noh_actor *counters = noh_alloc(receivers * sizeof(*counters));
	uint64_t first = 0;

	// More receivers than one are served in turn, so each gets its share to the message.
	for (uint64_t i = 0; i < receivers; i++)
		counters[i] = noh_spawn(counter, .expected = share_of(work->n, receivers, i));
	for (uint64_t i = 0; i < producers; i++) {
		uint64_t share = share_of(work->n, producers, i);
		senders[i] = noh_spawn(producer, .to = counters, .receivers = receivers,
				       .next = first, .end = first + share);
		first += share;
	}

	uint64_t began_ns = clock_ns();
	for (uint64_t i = 0; i < producers; i++)
		noh_send(senders[i], more);
	struct finished sum = wait_until_finished(work, receivers < work->n ? receivers : work->n);
	work->seconds = seconds_since(began_ns);

	expect_equal("messages", sum.count, work->n);
	expect_equal("sum", sum.sum, sum_below(work->n));
	expect_equal("messages seen", tallies(counters, receivers), work->n);
}

void run_counting(struct work *work)
{
	stream(work, 1, 1);
}

void run_fanin(struct work *work)
{
	stream(work, PRODUCERS, 1);
}

void run_forkjoin(struct work *work)
{
	stream(work, 1, JOINERS);
}
