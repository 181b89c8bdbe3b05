/* Fibers that ask each other in a circle: one is told so at once, and only if it is so. */
#include <errno.h>

#include <noh/test.h>

#include "tests/support/captured.h"
#include "tests/support/seeds.h"

NOH_MESSAGE(walked, (i64, err), (str, text));
NOH_REQUEST(walk, walked, (list, actor, way), (u64, first_of));
NOH_MESSAGE(answer_for, (actor, asker), (u64, ask), (u64, answer_id));
NOH_MESSAGE(begin, (actor, whom));

// Asks the next of the way, and answers what it was answered.
struct node {
	uint64_t unused;
};

static void ask_next(const struct walk *msg, int64_t *ret_err, const char **ret_text)
{
	const struct walked *answer = NULL;
	struct walk_answered all[8];
	int err;

	if (!msg->first_of) {
		err = noh_ask(msg->way.at[0], walk, 1000, &answer,
			      .way = {msg->way.at + 1, msg->way.count - 1});
	} else if (msg->first_of == 1) {
		err = noh_ask_first(msg->way.at, msg->way.count, walk, 1000, &answer);
	} else {
		// The way back is a request for its first one alone.
		err = noh_ask_all(msg->way.at, msg->way.count, walk, 1000, all,
				  .way = {(noh_actor[]){noh_self()}, 1});
		answer = all[0].answer;
	}
	*ret_err = err ? err : answer->err;
	*ret_text = err ? noh_ask_text() : answer->text;
}

static void walk_on(struct node *self)
{
	(void)self;
	for (;;) {
		const struct walk *msg = noh_as(noh_receive(-1, walk), walk);
		int64_t err = 0;
		const char *text = "";
		if (msg->way.count)
			ask_next(msg, &err, &text);
		noh_reply(walked, .err = err, .text = text);
	}
}

NOH_FIBER(node, walk_on);

// The names of a circle, beginning and ending with the one that is told.
static const char *circle(const noh_actor *nodes, int count, int told)
{
	const char *text = noh_name(nodes[told]);
	for (int i = 1; i <= count; i++)
		text = noh_format("%s -> %s", text, noh_name(nodes[(told + i) % count]));
	return text;
}

static void walk_round(int count)
{
	noh_actor nodes[40], way[41];
	const struct walked *answer;
	int64_t before_ms = noh_now_ms();
	for (int i = 0; i < count; i++)
		nodes[i] = noh_spawn(node);
	for (int i = 0; i <= count; i++)
		way[i] = nodes[i % count];

	// The first one asks the second, and so on; the last one asks the first.
	noh_check(noh_ask(way[0], walk, 1000, &answer, .way = {way + 1, (size_t)count}) == 0);

	noh_check(answer->err == -EDEADLK);
	noh_check(!strcmp(answer->text, circle(nodes, count, count - 1)));
	noh_check(noh_now_ms() == before_ms);

	// They all are free again.
	for (int i = 0; i < count; i++)
		noh_check(noh_ask(nodes[i], walk, 1000, &answer) == 0 && answer->err == 0);
}

Simulated(ask_cycle, of_two_is_told_to_the_one_that_closed_it)
{
	walk_round(2);
}

Simulated(ask_cycle, of_any_length_is_told_with_its_chain)
{
	walk_round(3);
	walk_round(7);
	walk_round(30);
}

Simulated(ask_cycle, of_one_who_asks_itself_is_told)
{
	noh_actor self = noh_self();
	const struct walked *answer;

	noh_check(noh_ask(self, walk, 1000, &answer) == -EDEADLK);

	noh_check(!strcmp(noh_ask_text(), circle(&self, 1, 0)));
	noh_check(!noh_receive(0)); // the request is not there any more
	noh_check(noh_now_ms() == 1000);
}

// Asks another, then answers whoever asks it.
struct crossing {
	noh_actor tells;
	bool told;
};

static void cross(struct crossing *self)
{
	const struct begin *msg = noh_as(noh_receive(-1, begin), begin);
	const struct walked *answer;
	int err = noh_ask(msg->whom, walk, 1000, &answer);
	noh_send(self->tells, walked, .err = err);
	for (;;) {
		noh_receive(-1, walk);
		noh_reply(walked);
	}
}

NOH_FIBER(crossing, cross);

Simulated(ask_cycle, of_two_who_ask_at_the_same_time_is_told_to_one_alone)
{
	noh_actor one = noh_spawn(crossing, .tells = noh_self());
	noh_actor other = noh_spawn(crossing, .tells = noh_self());

	noh_send(one, begin, .whom = other);
	noh_send(other, begin, .whom = one);

	int64_t first = noh_as(noh_receive(100, walked), walked)->err;
	int64_t second = noh_as(noh_receive(100, walked), walked)->err;
	noh_check(first == -EDEADLK && second == 0);
	noh_check(noh_now_ms() == 1000);
}

// Answers by itself or through another, then asks who had asked.
struct caller {
	noh_actor helper;
	uint64_t how;
};

enum { REPLIES, FORWARDS, HANDS_OVER };

static void call_back(struct caller *self)
{
	const struct walked *answer;
	noh_receive(-1, walk);
	noh_actor asker = noh_sender();
	if (self->how == REPLIES) {
		noh_reply(walked);
	} else if (self->how == FORWARDS) {
		noh_forward(self->helper);
	} else {
		noh_reply_to to = noh_reply_later();
		noh_send(self->helper, answer_for, .asker = to.asker, .ask = to.ask,
			 .answer_id = to.answer_id);
	}
	noh_check(noh_ask(asker, walk, 1000, &answer) == 0);
}

NOH_FIBER(caller, call_back);

struct helper {
	uint64_t unused;
};

static void help(struct helper *self)
{
	(void)self;
	const struct noh_delivery *in = noh_receive(-1, walk, answer_for);
	noh_sleep(10);
	const struct answer_for *msg = noh_as(in, answer_for);
	if (msg)
		noh_reply_at(((noh_reply_to){msg->asker, msg->ask, (uint32_t)msg->answer_id}),
			     walked);
	else
		noh_reply(walked);
}

NOH_FIBER(helper, help);

Simulated(ask_cycle, is_none_when_the_answer_is_on_its_way_or_anothers_to_give)
{
	for (uint64_t how = REPLIES; how <= HANDS_OVER; how++) {
		noh_actor caller = noh_spawn_with(caller, (.monitored = true),
						  .helper = noh_spawn(helper), .how = how);
		const struct walked *answer;

		noh_check(noh_ask(caller, walk, 1000, &answer) == 0);
		noh_receive(-1, walk);
		noh_reply(walked);

		const struct noh_down *down = noh_as(noh_receive(-1, noh_down), noh_down);
		noh_check(down->why == NOH_WHY_NORMAL);
	}
}

// Waits a little, then answers.
struct slow {
	uint64_t unused;
};

static void answer_slowly(struct slow *self)
{
	(void)self;
	for (;;) {
		noh_receive(-1, walk);
		noh_sleep(10);
		noh_reply(walked);
	}
}

NOH_FIBER(slow, answer_slowly);

// Asks back whoever asks it, and answers how that ended.
struct asks_back {
	uint64_t unused;
};

static void ask_back(struct asks_back *self)
{
	(void)self;
	for (;;) {
		const struct walked *answer = NULL;
		noh_receive(-1, walk);
		int err = noh_ask(noh_sender(), walk, 1000, &answer);
		noh_reply(walked, .err = err);
	}
}

NOH_FIBER(asks_back, ask_back);

Simulated(ask_cycle, is_none_while_another_answer_may_do)
{
	noh_actor node = noh_spawn(node);
	noh_actor way[2] = {noh_spawn(asks_back), noh_spawn(slow)};
	const struct walked *answer;

	noh_check(noh_ask(node, walk, 1000, &answer, .way = {way, 2}, .first_of = 1) == 0);

	noh_check(answer->err == 0 && noh_now_ms() == 1010);
}

Simulated(ask_cycle, is_one_when_all_answers_are_waited_for)
{
	noh_actor node = noh_spawn(node);
	noh_actor way[2] = {noh_spawn(asks_back), noh_spawn(slow)};
	const struct walked *answer;

	noh_check(noh_ask(node, walk, 1000, &answer, .way = {way, 2}, .first_of = 2) == 0);

	noh_check(answer->err == -EDEADLK && noh_now_ms() == 1010);
}

// A server that asks its own back end while many wait for it.
Simulated(ask_cycle, is_none_in_a_queue_of_askers)
{
	noh_actor front = noh_spawn(node), back = noh_spawn(slow), askers[20];
	struct walk_answered all[20];
	for (int i = 0; i < 20; i++)
		askers[i] = noh_spawn(node);

	noh_check(noh_ask_all(askers, 20, walk, 1000, all,
			      .way = {(noh_actor[]){front, back}, 2}) == 0);

	for (int i = 0; i < 20; i++)
		noh_check(all[i].answer->err == 0);
}

// ---- joins

// Asks one, and answers by its end.
struct asking_child {
	noh_actor whom, then; // who is to ask that one
};
NOH_MESSAGE(outcome, (i64, err), (str, text));

static void ask_as_child(struct asking_child *self)
{
	const struct walked *answer;
	int err = noh_ask(self->whom, walk, 1000, &answer,
			  .way = {&self->then, self->then.id ? 1 : 0});
	noh_finish(outcome, .err = err ? err : answer->err,
		   .text = err ? noh_ask_text() : answer->text);
}

NOH_FIBER(asking_child, ask_as_child);

static void is_told(const struct noh_joined *how, const char *text)
{
	const struct outcome *outcome = noh_as(how->result, outcome);
	noh_check(outcome && outcome->err == -EDEADLK);
	noh_check(!strcmp(outcome->text, text));
}

Simulated(ask_cycle, of_a_child_that_asks_who_joins_it_is_told_to_the_child)
{
	noh_actor two[2] = {noh_self(), NOH_NOBODY};
	struct noh_joined how;
	int64_t before_ms = noh_now_ms();
	two[1] = noh_spawn_with(asking_child, (.monitored = true), .whom = noh_self());
	const char *text = circle(two, 2, 1);

	noh_check(noh_join(two[1], -1, &how) == 0);

	is_told(&how, text);
	noh_check(noh_now_ms() == before_ms);
}

Simulated(ask_cycle, of_a_join_begun_with_the_request_in_hand_is_told_to_the_asker)
{
	noh_actor two[2] = {noh_self(), NOH_NOBODY};
	struct noh_joined how;
	int64_t before_ms = noh_now_ms();
	two[1] = noh_spawn_with(asking_child, (.monitored = true), .whom = noh_self());
	noh_receive(-1, walk);
	const char *text = circle(two, 2, 1);

	noh_check(noh_join(two[1], -1, &how) == 0);

	is_told(&how, text);
	noh_check(noh_now_ms() == before_ms);
	noh_check(noh_reply(walked) == -ENOMSG);
}

Simulated(ask_cycle, through_a_join_and_a_third_is_told)
{
	noh_actor three[3] = {noh_self(), NOH_NOBODY, noh_spawn(node)};
	struct noh_joined how;
	int64_t before_ms = noh_now_ms();
	three[1] = noh_spawn_with(asking_child, (.monitored = true), .whom = three[2],
				  .then = noh_self());
	const char *text = circle(three, 3, 2);

	noh_check(noh_join(three[1], -1, &how) == 0);

	is_told(&how, text); // who asked last, and answers so
	noh_check(noh_now_ms() == before_ms);
}

Simulated(ask_cycle, is_none_while_a_join_has_a_limit)
{
	noh_actor child = noh_spawn_with(asking_child, (.monitored = true), .whom = noh_self());
	struct noh_joined how;

	noh_check(noh_join(child, 10, &how) == -ETIMEDOUT);
	noh_receive(-1, walk);
	noh_reply(walked);

	noh_check(noh_join(child, -1, &how) == 0 && noh_as(how.result, outcome)->err == 0);
}

// ---- joins alone

NOH_MESSAGE(joined, (actor, who), (i64, err));
NOH_MESSAGE(join_it, (actor, whom), (i64, within_ms));

// Joins whom it is told to, of whom the first it has started itself.
struct joiner {
	noh_actor tells;
	uint64_t has_child;
};
extern const struct noh_actor_type joiner_actor;

static void join_one(struct joiner *self)
{
	noh_actor child = NOH_NOBODY;

	if (self->has_child) {
		child = noh_spawn_with(joiner, (.monitored = true), .tells = self->tells,
				       .has_child = self->has_child - 1);
		noh_send(self->tells, joined, .who = child);
	}
	const struct join_it *msg = noh_as(noh_receive(-1, join_it), join_it);
	int err = noh_join(msg->whom.id ? msg->whom : child, msg->within_ms, NULL);
	noh_send(self->tells, joined, .who = noh_self(), .err = err);
	if (err == -EDEADLK)
		noh_receive(-1, join_it); // its end would be that of its children
}

NOH_FIBER(joiner, join_one);

// A parent, its child, its grandchild.
static void spawn_family(noh_actor inbox, noh_actor *ret_three)
{
	ret_three[0] = noh_spawn_with(joiner, (.detached = true), .tells = inbox, .has_child = 2);
	noh_test_settle();
	ret_three[1] = noh_test_take(inbox, joined)->who;
	ret_three[2] = noh_test_take(inbox, joined)->who;
}

static void expect_one_told(noh_actor inbox)
{
	noh_test_settle();
	const struct joined *told = noh_test_take(inbox, joined);
	noh_check(told && told->err == -EDEADLK);
	noh_check(!noh_test_take(inbox, joined));
}

Simulated(join_cycle, of_two_is_told_to_one_whoever_closes_it)
{
	for (int parent_first = 0; parent_first < 2; parent_first++) {
		noh_actor inbox = noh_test_inbox(), three[3];
		struct captured captured = captured_begin();
		spawn_family(inbox, three);

		noh_send(three[!parent_first], join_it, .within_ms = -1,
			 .whom = parent_first ? NOH_NOBODY : three[0]);
		if (noh_random() % 2)
			noh_test_settle();
		noh_send(three[parent_first], join_it, .within_ms = -1,
			 .whom = parent_first ? three[0] : NOH_NOBODY);

		expect_one_told(inbox);
		char *text = captured_end(captured);
		noh_check(captured_count(text, "a cycle of joins: joiner@") == 1);
		free(text);
	}
}

Simulated(join_cycle, of_three_is_told_in_whatever_order_they_join)
{
	noh_actor inbox = noh_test_inbox(), three[3];
	int at = (int)(noh_random() % 3), step = 1 + (int)(noh_random() % 2);
	struct captured captured = captured_begin();
	spawn_family(inbox, three);

	for (int i = 0; i < 3; i++, at = (at + step) % 3) {
		noh_send(three[at], join_it, .within_ms = -1,
			 .whom = at == 2 ? three[0] : NOH_NOBODY);
		if (noh_random() % 2)
			noh_test_settle();
	}

	expect_one_told(inbox);
	free(captured_end(captured));
}

Simulated(join_cycle, is_none_while_a_join_has_a_limit)
{
	noh_actor inbox = noh_test_inbox(), three[3];
	spawn_family(inbox, three);

	noh_send(three[0], join_it, .within_ms = -1);
	noh_send(three[1], join_it, .within_ms = 10, .whom = three[0]);
	noh_test_advance(10);

	noh_check(noh_test_take(inbox, joined)->err == -ETIMEDOUT);
	noh_check(noh_test_take(inbox, joined)->err == 0);
}

Simulated(join_cycle, of_one_who_joins_itself_is_an_error)
{
	noh_actor selves[2] = {noh_self(), noh_self()};
	size_t count = 2;

	noh_check(noh_join(noh_self(), -1, NULL) == -EDEADLK);
	noh_check(noh_join(noh_self(), 1000, NULL) == -EDEADLK);
	noh_check(noh_join_any(selves, &count, -1, NULL) == -EDEADLK && count == 2);
}
