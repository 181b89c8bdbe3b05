/* Receiving in fibers: by predicate, beside much mail that is left for later, and what was lent. */
#include <errno.h>

#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(red, (u64, value));
NOH_MESSAGE(green, (u64, value));
NOH_MESSAGE(word, (str, text));
NOH_MESSAGE(price, (i64, cents));
NOH_REQUEST(get_price, price, (u64, serial));

enum { PATIENCE_MS = 20000 };

static bool has_value(const struct noh_delivery *in, const void *value)
{
	return noh_as(in, red) && noh_as(in, red)->value == *(const uint64_t *)value;
}

static bool is_word(const struct noh_delivery *in, const void *text)
{
	return noh_as(in, word) && !strcmp(noh_as(in, word)->text, text);
}

static bool is_anything(const struct noh_delivery *in, const void *unused)
{
	(void)in;
	(void)unused;
	return true;
}

Simulated(receive_if, takes_what_the_predicate_wants_and_keeps_the_rest_in_order)
{
	for (uint64_t i = 0; i < 10; i++) {
		noh_send(noh_self(), red, .value = i);
		noh_send(noh_self(), green, .value = i);
	}

	for (uint64_t i = 10; i-- > 0;)
		noh_check(noh_as(noh_receive_if(-1, has_value, &i), red)->value == i);
	for (uint64_t i = 0; i < 10; i++)
		noh_check(noh_as(noh_receive(-1), green)->value == i);
	noh_check(!noh_receive_if(0, is_anything, NULL));
}

struct teller {
	noh_actor to;
	int64_t ms;
};

static void tell_late(struct teller *self)
{
	for (uint64_t i = 0; i < 5; i++) {
		noh_send(self->to, red, .value = i);
		noh_send(self->to, word, .text = "noise");
	}
	noh_sleep(self->ms);
	noh_send(self->to, red, .value = 100);
}

NOH_FIBER(teller, tell_late);

Simulated(receive_if, waits_for_what_comes_later)
{
	uint64_t value = 100;
	noh_spawn(teller, .to = noh_self(), .ms = 30);
	int64_t before = noh_now_ms();

	noh_check(noh_receive_if(1000, has_value, &value));

	noh_check(noh_now_ms() == before + 30);
	for (uint64_t i = 0; i < 5; i++) {
		noh_check(noh_as(noh_receive(-1), red)->value == i);
		noh_check(!strcmp(noh_as(noh_receive(-1), word)->text, "noise"));
	}
}

Simulated(receive_if, gives_up_when_its_time_is_over_whatever_came)
{
	uint64_t value = 101;
	noh_spawn(teller, .to = noh_self(), .ms = 30);
	int64_t before = noh_now_ms();

	noh_check(!noh_receive_if(20, has_value, &value));
	noh_check(noh_now_ms() == before + 20);
	noh_check(!noh_receive_if(20, has_value, &value));
	noh_check(noh_now_ms() == before + 40);
}

Simulated(receive_if, lends_a_string_until_the_next_receive)
{
	noh_send(noh_self(), word, .text = "first");
	noh_send(noh_self(), word, .text = "second");

	const struct word *second = noh_as(noh_receive_if(-1, is_word, "second"), word);
	noh_sleep(5);

	noh_check(!strcmp(second->text, "second"));
	noh_check(noh_receive_if(-1, is_word, "first"));
}

// ---- predicates that misbehave

static bool fails(const struct noh_delivery *in, const void *unused)
{
	(void)unused;
	if (noh_as(in, green))
		noh_fail("cannot say");
	return false;
}

static bool waits(const struct noh_delivery *in, const void *unused)
{
	(void)in;
	(void)unused;
	noh_sleep(1);
	return true;
}

static bool receives(const struct noh_delivery *in, const void *unused)
{
	(void)in;
	(void)unused;
	return noh_receive(0);
}

struct asker {
	bool (*predicate)(const struct noh_delivery *in, const void *argument);
};

static void ask_predicate(struct asker *self)
{
	noh_receive_if(-1, self->predicate, NULL);
}

NOH_FIBER(asker, ask_predicate);

static void expect_failure(const char *reason)
{
	const struct noh_down *down = noh_as(noh_receive(1000, noh_down), noh_down);
	noh_check(down && down->why == NOH_WHY_FAILED);
	noh_check(!strcmp(down->reason, reason));
}

Simulated(receive_if, fails_the_fiber_with_its_predicate)
{
	noh_actor asker = noh_spawn_with(asker, (.monitored = true), .predicate = fails);
	noh_send(asker, red);
	noh_send(asker, green);
	noh_send(asker, word, .text = "still queued, and released");
	expect_failure("cannot say");
}

Simulated(receive_if, fails_the_fiber_whose_predicate_waits)
{
	noh_send(noh_spawn_with(asker, (.monitored = true), .predicate = waits), red);
	expect_failure("the predicate of a noh_receive_if() must not wait");
	noh_send(noh_spawn_with(asker, (.monitored = true), .predicate = receives), red);
	expect_failure("the predicate of a noh_receive_if() must not receive");
}

struct poisoned {
	uint64_t unused;
};

static bool dislikes_requests(const struct noh_delivery *in, const void *unused)
{
	(void)unused;
	noh_check(!noh_as(in, get_price));
	return false;
}

static void receive_with_dislike(struct poisoned *self)
{
	(void)self;
	noh_receive_if(-1, dislikes_requests, NULL);
}

NOH_FIBER(poisoned, receive_with_dislike);

Simulated(receive_if, that_fails_tells_the_asker_whose_request_it_was_asked_about)
{
	const struct price *answer;
	noh_actor poisoned = noh_spawn_with(poisoned, (.monitored = true));

	noh_check(noh_ask(poisoned, get_price, PATIENCE_MS, &answer) == -ECONNRESET);
}

// A message whose predicate fails is lost: it does not fail the next life too.
Simulated(receive_if, costs_one_restart_a_message_that_fails_it)
{
	struct poisoned state = {0};
	noh_actor poisoned = noh_spawn_with(poisoned, (.keeps_place = true, .monitored = true));
	noh_send(poisoned, get_price);
	const struct noh_down *down = noh_as(noh_receive(1000, noh_down), noh_down);
	noh_check(down && down->restarting);

	noh_check(!noh_restart(poisoned, &state));
	noh_check(!noh_receive(1000, noh_down));
}

// ---- much that is saved

#if defined(__SANITIZE_THREAD__)
enum { SAVED = 10000, ROUNDS = 5000 };
#else
enum { SAVED = 100000, ROUNDS = 50000 };
#endif

Simulated(receive, costs_the_same_however_much_is_saved, .timeout = 100)
{
	for (uint64_t i = 0; i < SAVED; i++) {
		noh_send(noh_self(), red, .value = i);
		if (i % 1000 == 0)
			noh_receive(0, green);
	}

	// 10^10 looks (10^8 under the thread sanitizer), if each began at the oldest.
	for (uint64_t i = 0; i < ROUNDS; i++) {
		noh_check(!noh_receive(0, green));
		noh_check(!noh_receive(0, word, price));
		noh_send(noh_self(), green, .value = i);
		noh_check(noh_as(noh_receive(0, green), green)->value == i);
	}
	for (uint64_t i = 0; i < SAVED; i++)
		noh_check(noh_as(noh_receive(0), red)->value == i);
}

// What was looked at in vain by one receive is still found by others, in whatever order they take.
Simulated(receive, forgets_nothing_of_what_it_passed_over)
{
	uint64_t seed = noh_now_ms() | 1, next[3] = {0}, sent[3] = {0};
	for (int i = 0; i < 2000; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		const struct noh_delivery *in = NULL;
		switch (seed >> 33 & 7) {
		case 0:
			noh_send(noh_self(), red, .value = sent[0]++);
			break;
		case 1:
			noh_send(noh_self(), green, .value = sent[1]++);
			break;
		case 2:
			noh_send(noh_self(), price, .cents = (int64_t)sent[2]++);
			break;
		case 3:
			in = noh_receive(0, red);
			noh_check((in != NULL) == (next[0] < sent[0]));
			break;
		case 4:
			in = noh_receive(0, green, red);
			noh_check((in != NULL) == (next[0] < sent[0] || next[1] < sent[1]));
			break;
		case 5:
			in = noh_receive(0, price);
			noh_check((in != NULL) == (next[2] < sent[2]));
			break;
		case 6:
			in = noh_receive(0, green);
			noh_check((in != NULL) == (next[1] < sent[1]));
			break;
		case 7:
			noh_check(!noh_receive(0, word));
			break;
		}
		if (noh_as(in, red))
			noh_check(noh_as(in, red)->value == next[0]++);
		if (noh_as(in, green))
			noh_check(noh_as(in, green)->value == next[1]++);
		if (noh_as(in, price))
			noh_check((uint64_t)noh_as(in, price)->cents == next[2]++);
	}
}

// ---- much that is lent

struct shop {
	int unused;
};

static void on_get_price(struct shop *self, const struct get_price *msg)
{
	(void)self;
	noh_reply(price, .cents = (int64_t)msg->serial * 100);
}

NOH_ACTOR(shop, (get_price, on_get_price));

static int warnings;

static void count_warnings(void *unused, enum noh_level level, noh_actor who, const char *line)
{
	(void)unused;
	(void)who;
	if (level == NOH_WARN && strstr(line, "has been lent more than 1000 messages"))
		warnings++;
}

static int ask_on_and_on(void *unused)
{
	(void)unused;
	const struct price *first, *answer;
	noh_actor shop = noh_spawn(shop);
	noh_check(!noh_ask(shop, get_price, PATIENCE_MS, &first, .serial = 7));
	for (uint64_t i = 1; i < 1000; i++)
		noh_check(!noh_ask(shop, get_price, PATIENCE_MS, &answer, .serial = i));
	noh_check(!warnings);
	for (uint64_t i = 0; i < 1000; i++)
		noh_check(!noh_ask(shop, get_price, PATIENCE_MS, &answer, .serial = i));
	noh_check(warnings == 1);
	noh_check(first->cents == 700);
	return 0;
}

Test(lent, says_so_once_when_a_fiber_pins_more_than_a_thousand_messages)
{
	cr_expect_eq(noh_run(ask_on_and_on, NULL, .workers = 1, .log = count_warnings), 0);
}

static int ask_and_look(void *unused)
{
	(void)unused;
	const struct price *answer;
	noh_actor shop = noh_spawn(shop);
	for (uint64_t i = 1; i < 5000; i++) {
		noh_check(!noh_ask(shop, get_price, PATIENCE_MS, &answer, .serial = i));
		if (i % 900 == 0)
			noh_receive(0, price); // looks for what never comes
	}
	noh_check(!warnings);
	return 0;
}

Test(lent, is_given_back_by_a_look_for_mail)
{
	warnings = 0;
	cr_expect_eq(noh_run(ask_and_look, NULL, .workers = 1, .log = count_warnings), 0);
}
