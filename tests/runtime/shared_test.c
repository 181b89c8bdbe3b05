/* Messages that many have at once: each gets it whole and in order, what it points to exists once,
 * and it goes when the last is done with it. */
#include <string.h>

#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(story, (u64, number), (str, title), (bytes, text));
NOH_MESSAGE(number, (u64, value));
NOH_MESSAGE(treasure, (owned, chest));
NOH_MESSAGE(seen, (u64, number), (str, title), (u64, title_at), (actor, from));
NOH_MESSAGE(kept, (str, title));
NOH_MESSAGE(show_kept);
NOH_MESSAGE(pass_on, (actor, to));
NOH_MESSAGE(fail);

enum { READERS = 5 };

// ---- who reads

struct reader {
	noh_actor to;
	noh_actor pass_to;
	const struct story *kept;
};

static void on_story(struct reader *self, const struct story *msg)
{
	if (noh_runtime_of(self->pass_to)) {
		noh_forward(self->pass_to);
		return;
	}
	self->kept = noh_keep(story, msg);
	noh_send(self->to, seen, .number = msg->number, .title = msg->title,
		 .title_at = (uintptr_t)msg->title, .from = noh_sender());
}

static void on_number(struct reader *self, const struct number *msg)
{
	noh_send(self->to, number, .value = msg->value);
}

static void on_show_kept(struct reader *self, const struct show_kept *msg)
{
	(void)msg;
	noh_send(self->to, kept, .title = self->kept->title);
}

static void on_pass_on(struct reader *self, const struct pass_on *msg)
{
	self->pass_to = msg->to;
}

static void on_fail(struct reader *self, const struct fail *msg)
{
	(void)self;
	(void)msg;
	noh_fail("told so");
}

NOH_ACTOR(reader, (story, on_story), (number, on_number), (show_kept, on_show_kept),
	  (pass_on, on_pass_on), (fail, on_fail));

static void spawn_readers(noh_actor inbox, noh_actor *ret_readers)
{
	for (int i = 0; i < READERS; i++)
		ret_readers[i] = noh_spawn(reader, .to = inbox);
}

// How often the text of a story was let go.
static int drops;

static void count_drop(void *unused)
{
	(void)unused;
	drops++;
}

static noh_bytes counted_text(void)
{
	drops = 0;
	return noh_bytes_wrap("text", 4, count_drop, NULL);
}

// ---- publishing

Simulated(publish, gives_each_the_message_and_all_the_same_strings)
{
	noh_actor inbox = noh_test_inbox(), readers[READERS];
	spawn_readers(inbox, readers);

	noh_check(noh_publish(readers, READERS, story, .number = 7, .title = "one for all") ==
		  READERS);
	noh_test_settle();

	uint64_t title_at = 0;
	for (int i = 0; i < READERS; i++) {
		const struct seen *seen = noh_test_take(inbox, seen);
		noh_check(seen && seen->number == 7 && !strcmp(seen->title, "one for all"));
		noh_check(noh_same(seen->from, noh_self()));
		noh_check(!title_at || seen->title_at == title_at);
		title_at = seen->title_at;
	}
}

Simulated(publish, keeps_the_order_of_one_publisher_with_what_it_sends)
{
	noh_actor inbox = noh_test_inbox(), reader = noh_spawn(reader, .to = inbox);

	for (uint64_t i = 0; i < 10; i++) {
		noh_publish(&reader, 1, story, .number = i);
		noh_send(reader, number, .value = i);
		noh_publish(&reader, 1, number, .value = i + 100);
	}
	noh_test_settle();

	for (uint64_t i = 0; i < 10; i++) {
		const struct seen *seen = noh_test_take(inbox, seen);
		noh_check(seen && seen->number == i);
	}
	for (uint64_t i = 0; i < 10; i++) {
		noh_check(noh_test_take(inbox, number)->value == i);
		noh_check(noh_test_take(inbox, number)->value == i + 100);
	}
}

Simulated(publish, lets_go_of_what_was_shared_when_the_last_is_done)
{
	noh_actor inbox = noh_test_inbox(), readers[READERS];
	spawn_readers(inbox, readers);

	noh_publish(readers, READERS, story, .text = counted_text());
	noh_test_settle();
	noh_check(drops == 0); // kept by each
	for (int i = 0; i < READERS; i++)
		noh_stop(readers[i]);
	noh_test_settle();
	noh_receive(0); // what this fiber was lent
	noh_check(drops == 1);
}

Simulated(publish, leaves_out_who_is_gone)
{
	noh_actor inbox = noh_test_inbox(), readers[READERS];
	spawn_readers(inbox, readers);
	noh_stop(readers[1]);
	noh_test_settle();
	uint64_t dead = noh_dead_letters();

	noh_check(noh_publish(readers, READERS, story, .title = "news") == READERS - 1);
	noh_check(noh_publish(readers, READERS, number, .value = 1) == READERS - 1);
	noh_test_settle();
	noh_check(noh_dead_letters() == dead);
}

static void drop_chest(void *chest)
{
	++*(int *)chest;
}

Simulated(publish, refuses_what_only_one_can_have)
{
	noh_actor inbox = noh_test_inbox(), readers[READERS];
	spawn_readers(inbox, readers);
	int dropped = 0;

	noh_check(noh_publish(readers, READERS, treasure, .chest = {&dropped, drop_chest}) ==
		  -22); // -EINVAL
	noh_check(dropped == 1);
}

Simulated(publish, to_an_actor_that_ends_first_is_a_dead_letter)
{
	noh_actor inbox = noh_test_inbox(), readers[READERS];
	spawn_readers(inbox, readers);
	uint64_t dead = noh_dead_letters();

	for (int i = 0; i < READERS; i++)
		noh_kill(readers[i]);
	noh_check(noh_publish(readers, READERS, story, .text = counted_text()) == READERS);
	noh_test_settle();
	noh_receive(0);
	noh_check(noh_dead_letters() == dead + READERS);
	noh_check(drops == 1);
}

// ---- what one may do with a shared message

Simulated(shared, can_be_kept_and_outlives_the_others)
{
	noh_actor inbox = noh_test_inbox(), reader = noh_spawn(reader, .to = inbox);

	noh_publish(&reader, 1, story, .title = "to be kept");
	noh_send(reader, show_kept);
	noh_test_settle();

	const struct kept *kept = noh_test_take(inbox, kept);
	noh_check(kept && !strcmp(kept->title, "to be kept"));
}

Simulated(shared, can_be_passed_on_with_its_sender)
{
	noh_actor inbox = noh_test_inbox(), last = noh_spawn(reader, .to = inbox);
	noh_actor first = noh_spawn(reader, .to = inbox);

	noh_send(first, pass_on, .to = last);
	noh_publish(&first, 1, story, .number = 3, .title = "passed on");
	noh_test_settle();

	const struct seen *seen = noh_test_take(inbox, seen);
	noh_check(seen && seen->number == 3 && noh_same(seen->from, noh_self()));
	noh_check(!strcmp(seen->title, "passed on"));
	noh_check(!noh_test_take(inbox, seen));
}

Simulated(shared, survives_a_restart_of_who_has_not_read_it_yet)
{
	noh_actor inbox = noh_test_inbox(), reader;
	noh_supervise((.max_restarts = 3), NOH_CHILD(reader, (.to = inbox), .ret_handle = &reader));

	noh_send(reader, fail);
	noh_publish(&reader, 1, story, .title = "for the next life");
	noh_test_settle();

	const struct seen *seen = noh_test_take(inbox, seen);
	noh_check(seen && !strcmp(seen->title, "for the next life"));
}

struct choosy {
	noh_actor to;
};

static void choose(struct choosy *self)
{
	const struct number *number = noh_as(noh_receive(-1, number), number);
	noh_send(self->to, number, .value = number->value);
	const struct story *story = noh_as(noh_receive(-1, story), story);
	noh_send(self->to, seen, .number = story->number, .title = story->title);
}

NOH_FIBER(choosy, choose);

Simulated(shared, waits_for_a_fiber_that_wants_others_first)
{
	noh_actor inbox = noh_test_inbox(), fiber = noh_spawn(choosy, .to = inbox);

	noh_publish(&fiber, 1, story, .number = 1, .title = "later", .text = counted_text());
	noh_test_settle();
	noh_send(fiber, number, .value = 2);
	noh_test_settle();
	noh_receive(0);

	noh_check(noh_test_sent(inbox, number, .value = 2));
	noh_check(noh_test_sent(inbox, seen, .number = 1, .title = "later"));
	noh_check(drops == 1);
}

Simulated(shared, message_is_sent_often_and_lives_until_it_is_dropped)
{
	noh_actor inbox = noh_test_inbox(), reader = noh_spawn(reader, .to = inbox);
	const struct noh_shared *news = noh_share(story, .title = "news", .text = counted_text());

	for (int i = 0; i < 3; i++)
		noh_send_shared(reader, news);
	noh_test_settle();
	for (int i = 0; i < 3; i++)
		noh_check(!strcmp(noh_test_take(inbox, seen)->title, "news"));

	noh_stop(reader);
	noh_test_settle();
	noh_receive(0);
	noh_check(drops == 0);
	noh_shared_drop(noh_shared_hold(news));
	noh_check(!strcmp(((const struct story *)noh_shared_lend(news))->title, "news"));
	noh_check(drops == 0);
	noh_receive(0);
	noh_check(drops == 1);
}

// ---- following

struct followed {
	struct noh_follow follow;
	bool unwanted;
	int asked, done;
};

static bool is_wanted(struct noh_follow *follow)
{
	struct followed *self = (struct followed *)(void *)follow;
	self->asked++;
	return !self->unwanted;
}

static void count_done(struct noh_follow *follow)
{
	struct followed *self = (struct followed *)(void *)follow;
	self->done++;
}

Simulated(follow, tells_of_each_message_once_that_it_is_done_with)
{
	struct followed followed = {.follow = {is_wanted, count_done}};
	noh_actor inbox = noh_test_inbox(), reader = noh_spawn(reader, .to = inbox);
	const struct noh_shared *news = noh_share(number, .value = 5);

	for (int i = 0; i < 3; i++)
		noh_check(!noh_send_followed(reader, NOH_NOBODY, news, &followed.follow));
	noh_check(!followed.asked && !followed.done);
	noh_test_settle();
	noh_check(followed.asked == 3 && followed.done == 3);

	followed.unwanted = true;
	noh_send_followed(reader, NOH_NOBODY, news, &followed.follow);
	noh_test_settle();
	noh_check(followed.asked == 4 && followed.done == 4);
	for (int i = 0; i < 3; i++)
		noh_check(noh_test_sent(inbox, number, .value = 5));
	noh_check(!noh_test_take(inbox, number));
	noh_shared_drop(news);
}

Simulated(follow, tells_also_when_the_receiver_ends_first)
{
	struct followed followed = {.follow = {is_wanted, count_done}};
	noh_actor inbox = noh_test_inbox(), reader = noh_spawn(reader, .to = inbox);
	const struct noh_shared *news = noh_share(story, .title = "late");

	noh_kill(reader);
	noh_check(!noh_send_followed(reader, NOH_NOBODY, news, &followed.follow));
	noh_test_settle();
	noh_check(!followed.asked && followed.done == 1);
	noh_check(noh_send_followed(reader, NOH_NOBODY, news, &followed.follow) == -3); // -ESRCH
	noh_check(followed.done == 1);
	noh_shared_drop(news);
}
