/* publish: one actor publishes messages with a text of 1 KB to a group, --tokens members strong.
 * What each member costs; and what it would cost if each got a copy of its own. */
#include "bench/publish.h"

#include <string.h>

enum { TEXT_BYTES = 1024 };

NOH_MESSAGE(news, (u64, number), (str, text));
NOH_MESSAGE(begin, (u64, rounds), (flag, copies));

// ---- who reads

struct reader {
	uint64_t count, sum, expected;
};

static void on_begin_to_read(struct reader *self, const struct begin *msg)
{
	*self = (struct reader){.expected = msg->rounds};
}

static void on_news(struct reader *self, const struct news *msg)
{
	noh_check(msg->text[TEXT_BYTES - 1] == 'x');
	self->sum += msg->number;
	if (++self->count == self->expected)
		noh_send(noh_parent(), finished, .count = self->count, .sum = self->sum);
}

NOH_ACTOR(reader, (begin, on_begin_to_read), (news, on_news));

// ---- who publishes

struct publisher {
	const noh_actor *readers; // of the root's memory, which outlives it
	uint64_t reader_count;
	char text[TEXT_BYTES + 1];
	uint64_t next, rounds;
	bool copies;
};

static void publish(struct publisher *self)
{
	if (!self->copies) {
		noh_group_publish("readers", news, .number = self->next, .text = self->text);
		return;
	}
	for (uint64_t i = 0; i < self->reader_count; i++)
		noh_send(self->readers[i], news, .number = self->next, .text = self->text);
}

static void on_more_news(struct publisher *self, const struct more *msg)
{
	uint64_t portion = PORTION / self->reader_count + 1;
	(void)msg;
	for (uint64_t i = 0; i < portion && self->next < self->rounds; i++, self->next++)
		publish(self);
	if (self->next < self->rounds)
		noh_send(noh_self(), more);
}

static void on_begin(struct publisher *self, const struct begin *msg)
{
	memset(self->text, 'x', TEXT_BYTES);
	self->next = 0;
	self->rounds = msg->rounds;
	self->copies = msg->copies;
	noh_send(noh_self(), more);
}

NOH_ACTOR(publisher, (begin, on_begin), (more, on_more_news));

// ---- the run

static double run_once(struct work *work, noh_actor publisher, const noh_actor *readers,
		       uint64_t rounds, bool copies)
{
	noh_publish(readers, work->tokens, begin, .rounds = rounds);
	uint64_t began_ns = clock_ns();
	noh_send(publisher, begin, .rounds = rounds, .copies = copies);
	struct finished sum = wait_until_finished(work, work->tokens);
	double seconds = seconds_since(began_ns);

	expect_equal("messages", sum.count, rounds * work->tokens);
	expect_equal("sum", sum.sum, work->tokens * sum_below(rounds));
	return seconds;
}

void run_publish(struct work *work)
{
	uint64_t rounds = (work->n + work->tokens - 1) / work->tokens;
	work->n = rounds * work->tokens;

	noh_actor *readers = noh_alloc(work->tokens * sizeof(*readers));
	for (uint64_t i = 0; i < work->tokens; i++) {
		readers[i] = noh_spawn(reader);
		noh_group_join("readers", readers[i]);
	}
	noh_actor publisher =
		noh_spawn(publisher, .readers = readers, .reader_count = work->tokens);
	work->seconds = run_once(work, publisher, readers, rounds, false);
	double seconds = run_once(work, publisher, readers, rounds, true);
	add_extra(work, "copy_ns", seconds * 1e9 / (double)work->n,
		  "%.1f ns if each got a copy of its own");
}
