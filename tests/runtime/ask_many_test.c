/* Asking many at a time: all, the first, and a quorum. */
#include <errno.h>

#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(told, (u64, number), (str, text));
NOH_REQUEST(tell, told, (str, word));
NOH_REQUEST(hand_over, told, (owned, thing));
NOH_MESSAGE(poke);

// Answers after a while; never if that is below 0; with an error if it has no number.
struct teller {
	uint64_t number;
	int64_t after_ms;
};

static void tell_them(struct teller *self)
{
	for (;;) {
		const struct tell *msg = noh_as(noh_receive(-1, tell), tell);
		const char *word = noh_format("%s", msg->word);
		if (self->after_ms < 0)
			noh_sleep(1000 * 1000);
		if (self->after_ms > 0)
			noh_sleep(self->after_ms);
		if (self->number)
			noh_reply(told, .number = self->number, .text = word);
		else
			noh_reply_error(-ENOENT, "no number");
	}
}

NOH_FIBER(teller, tell_them);

static noh_actor spawn_teller(uint64_t number, int64_t after_ms)
{
	return noh_spawn(teller, .number = number, .after_ms = after_ms);
}

Simulated(ask_all, gives_answers_in_the_order_of_the_actors)
{
	noh_actor tellers[4];
	struct tell_answered all[4];
	int64_t before_ms = noh_now_ms();
	for (uint64_t i = 0; i < 4; i++)
		tellers[i] = spawn_teller(10 + i, 40 - (int64_t)i * 10);

	noh_check(noh_ask_all(tellers, 4, tell, 1000, all, .word = "all") == 0);

	for (uint64_t i = 0; i < 4; i++) {
		noh_check(all[i].err == 0 && all[i].answer->number == 10 + i);
		noh_check(!strcmp(all[i].answer->text, "all") && !strcmp(all[i].text, ""));
	}
	noh_check(noh_now_ms() == before_ms + 40);
}

Simulated(ask_all, gives_each_its_own_outcome_and_the_error_of_the_first)
{
	noh_actor tellers[5] = {spawn_teller(1, 10), spawn_teller(2, -1), spawn_teller(0, 20),
				spawn_teller(4, 0), NOH_NOBODY};
	struct tell_answered all[5];
	int64_t before_ms = noh_now_ms();
	static const int errs[] = {0, -ETIMEDOUT, -ENOENT, 0, -ESRCH};

	noh_check(noh_ask_all(tellers, 5, tell, 100, all) == -ETIMEDOUT);

	for (int i = 0; i < 5; i++)
		noh_check(all[i].err == errs[i] && !all[i].answer == !!errs[i]);
	noh_check(!strcmp(all[2].text, "no number"));
	noh_check(!strcmp(noh_ask_text(), "no answer in time"));
	noh_check(noh_now_ms() == before_ms + 100);
	noh_check(all[0].answer->number == 1 && all[3].answer->number == 4);
}

Simulated(ask_all, of_none_is_answered_at_once)
{
	noh_check(noh_ask_all(NULL, 0, tell, 100, NULL) == 0);
}

Simulated(ask_first, gives_the_first_good_answer_and_cancels_the_rest)
{
	noh_actor tellers[4] = {spawn_teller(1, 30), spawn_teller(0, 5), spawn_teller(3, 10),
				spawn_teller(4, 20)};
	const struct told *first;
	int64_t before_ms = noh_now_ms();

	noh_check(noh_ask_first(tellers, 4, tell, 100, &first) == 0);

	noh_check(first->number == 3);
	noh_check(noh_now_ms() == before_ms + 10);
	noh_check(noh_late_answers() == 0);
	noh_test_advance(100);
	noh_check(noh_late_answers() == 2); // they answer all the same
	noh_check(!noh_receive(0));
}

Simulated(ask_first, ends_with_an_error_when_all_have_failed)
{
	noh_actor tellers[3] = {spawn_teller(0, 30), NOH_NOBODY, spawn_teller(0, 20)};
	const struct told *first = NULL;
	int64_t before_ms = noh_now_ms();

	noh_check(noh_ask_first(tellers, 3, tell, 100, &first) == -ENOENT);

	noh_check(!first && noh_now_ms() == before_ms + 30);
	noh_check(!strcmp(noh_ask_text(), "no number"));
}

Simulated(ask_quorum, waits_for_as_many_good_answers_as_are_needed)
{
	noh_actor tellers[5] = {spawn_teller(1, 50), spawn_teller(2, 10), spawn_teller(0, 20),
				spawn_teller(4, 30), spawn_teller(5, 40)};
	struct tell_answered all[5];
	int64_t before_ms = noh_now_ms();
	static const int errs[] = {-ECANCELED, 0, -ENOENT, 0, 0};

	noh_check(noh_ask_quorum(tellers, 5, 3, tell, 100, all) == 0);

	for (int i = 0; i < 5; i++)
		noh_check(all[i].err == errs[i] && !all[i].answer == !!errs[i]);
	noh_check(noh_now_ms() == before_ms + 40);
}

Simulated(ask_quorum, ends_as_soon_as_it_cannot_be_reached_any_more)
{
	noh_actor tellers[3] = {spawn_teller(1, 50), NOH_NOBODY, spawn_teller(0, 20)};
	struct tell_answered all[3];
	int64_t before_ms = noh_now_ms();

	noh_check(noh_ask_quorum(tellers, 3, 2, tell, 100, all) == -ESRCH);

	noh_check(all[0].err == -ECANCELED && all[1].err == -ESRCH && all[2].err == -ENOENT);
	noh_check(noh_now_ms() == before_ms + 20);
	noh_check(noh_ask_quorum(tellers, 3, 4, tell, 100, all) == -EINVAL);
	noh_check(noh_ask_quorum(tellers, 3, 0, tell, 100, all) == -EINVAL);
}

Simulated(ask_many, may_be_done_again_while_old_answers_are_on_their_way)
{
	noh_actor tellers[3] = {spawn_teller(1, 3), spawn_teller(2, 1), spawn_teller(3, 2)};
	const struct told *first;

	for (int i = 0; i < 50; i++) {
		noh_check(noh_ask_first(tellers, 3, tell, 100, &first, .word = "again") == 0);
		noh_check(!strcmp(first->text, "again"));
		noh_receive(0);
	}
}

Simulated(ask_many, leaves_other_mail_where_it_is)
{
	noh_actor tellers[2] = {spawn_teller(1, 30), spawn_teller(2, 10)};
	struct tell_answered all[2];
	noh_send(noh_self(), poke);
	noh_after(20, poke);

	noh_check(noh_ask_all(tellers, 2, tell, 100, all) == 0);

	noh_check(noh_receive(0, poke) && noh_receive(0, poke) && !noh_receive(0));
}

static int dropped;

static void drop(void *thing)
{
	(void)thing;
	dropped++;
}

// What it owns would have to be in two places.
struct careless {
	noh_actor one, other;
};

static void share_what_it_owns(struct careless *self)
{
	noh_actor both[2] = {self->one, self->other};
	struct hand_over_answered all[2];
	noh_ask_all(both, 2, hand_over, 100, all, .thing = {&dropped, drop});
}

NOH_FIBER(careless, share_what_it_owns);

Simulated(ask_many, of_a_request_that_owns_something_fails_the_asker)
{
	dropped = 0;
	noh_actor careless = noh_spawn_with(careless, (.monitored = true), NOH_NOBODY, NOH_NOBODY);

	const struct noh_down *down = noh_as(noh_receive(100, noh_down), noh_down);

	noh_check(noh_same(down->who, careless) && down->why == NOH_WHY_FAILED && dropped == 1);
}
