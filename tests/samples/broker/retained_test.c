/* Which retained messages a filter finds, against a matcher that tries every topic. Knows no
 * packets. */
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "broker/retained.h"
#include "tests/samples/broker/naive_match.h"

static const struct hash_key KEY = {{3, 4}};

/* Messages are numbered texts here; finding one marks it. */
struct message {
	char topic[64];
	int found;
	bool kept;
};

static void mark(void *context, void *message)
{
	(void)context;
	((struct message *)message)->found++;
}

static size_t found(const struct retained *retained, const char *filter)
{
	return retained_match(retained, span_of(filter), mark, NULL);
}

static void *keep(struct retained *retained, struct message *message)
{
	return retained_set(retained, span_of(message->topic), message);
}

Test(retained, keeps_the_last_message_of_a_topic)
{
	struct retained *retained = retained_create(&KEY);
	struct message first = {.topic = "a/b"}, second = {.topic = "a/b"};

	cr_expect_null(keep(retained, &first));
	cr_expect_eq(keep(retained, &second), &first);

	cr_expect_eq(retained_count(retained), 1);
	cr_expect_eq(retained_get(retained, span_of("a/b")), &second);
	cr_expect_null(retained_get(retained, span_of("a")));
	cr_expect_eq(found(retained, "a/b"), 1);
	cr_expect(!first.found && second.found);
	retained_destroy(retained, NULL);
}

Test(retained, forgets_a_topic)
{
	struct retained *retained = retained_create(&KEY);
	struct message shallow = {.topic = "a"}, deep = {.topic = "a/b/c"};

	keep(retained, &shallow);
	keep(retained, &deep);

	cr_expect_null(retained_set(retained, span_of("a/b"), NULL));
	cr_expect_eq(retained_set(retained, span_of("a"), NULL), &shallow);
	cr_expect_null(retained_set(retained, span_of("a"), NULL));
	cr_expect_eq(found(retained, "#"), 1);
	cr_expect_eq(retained_set(retained, span_of("a/b/c"), NULL), &deep);
	cr_expect_eq(retained_count(retained), 0);
	cr_expect_eq(found(retained, "#"), 0);
	retained_destroy(retained, NULL);
}

Test(retained, is_found_as_the_standard_says)
{
	static struct message messages[] = {
		{.topic = "sport"},     {.topic = "sport/tennis"}, {.topic = "sport/tennis/final"},
		{.topic = "/finance"},  {.topic = "sport/"},       {.topic = "$SYS/load"},
		{.topic = "$SYS/a/$b"}, {.topic = "a/$b"},
	};
	static const struct {
		const char *filter;
		size_t count;
	} cases[] = {
		{"sport/#", 4},    {"sport/+", 2},  {"sport/+/final", 1},
		{"+", 1},          {"+/+", 4},      {"/+", 1},
		{"#", 6},          {"$SYS/#", 2},   {"+/load", 0},
		{"$SYS/+", 1},     {"$SYS/+/+", 1}, {"a/+", 1},
		{"+/#", 6},        {"sport//#", 1}, {"sport/", 1},
		{"+/tennis/#", 2}, {"x/#", 0},      {"+/+/+/#", 1},
	};
	struct retained *retained = retained_create(&KEY);

	for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++)
		keep(retained, &messages[i]);

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		cr_expect_eq(found(retained, cases[i].filter), cases[i].count, "%s finds %zu",
			     cases[i].filter, found(retained, cases[i].filter));
	retained_destroy(retained, NULL);
}

static void random_path(char *to, unsigned *seed, bool is_filter)
{
	static const char *const words[] = {"a", "b", "", "$x", "ab"};
	int levels = 1 + rand_r(seed) % 5;
	char *start = to;

	for (int i = 0; i < levels; i++) {
		int pick = rand_r(seed) % 10;
		const char *word = words[pick % 5];
		if (is_filter && pick >= 5 && pick <= 7)
			word = "+";
		if (is_filter && pick == 8 && i == levels - 1)
			word = "#";
		to += sprintf(to, "%s%s", i ? "/" : "", word);
	}
	if (!*start)
		strcpy(start, "a");
}

enum { MESSAGES = 100 };

static void expect_as_naive(struct retained *retained, struct message *messages, const char *filter,
			    unsigned seed)
{
	size_t count = 0;

	for (int i = 0; i < MESSAGES; i++)
		messages[i].found = 0;
	size_t got = found(retained, filter);

	for (int i = 0; i < MESSAGES; i++) {
		bool wanted = messages[i].kept &&
			      naive_match(span_of(filter), span_of(messages[i].topic));
		count += wanted;
		cr_assert_eq(messages[i].found, wanted, "seed %u: '%s' finds '%s' %d times", seed,
			     filter, messages[i].topic, messages[i].found);
	}
	cr_assert_eq(got, count);
}

Test(retained, is_found_as_a_naive_matcher_does)
{
	const char *from_outside = getenv("NOH_SEED");
	unsigned first = from_outside ? (unsigned)atoi(from_outside) : 1;

	for (unsigned seed = first; seed < first + 30; seed++) {
		unsigned state = seed;
		struct retained *retained = retained_create(&KEY);
		struct message *messages = calloc(MESSAGES, sizeof(*messages));
		size_t kept = 0;

		for (int i = 0; i < MESSAGES; i++)
			random_path(messages[i].topic, &state, false);
		for (int round = 0; round < 500; round++) {
			struct message *message = &messages[rand_r(&state) % MESSAGES];
			bool sets = rand_r(&state) % 3;
			struct message *old = retained_set(retained, span_of(message->topic),
							   sets ? message : NULL);
			char filter[64];
			if (old)
				old->kept = false;
			message->kept = sets;
			kept += (size_t)sets - !!old;
			cr_assert_eq(retained_count(retained), kept);
			random_path(filter, &state, true);
			expect_as_naive(retained, messages, filter, seed);
		}
		retained_destroy(retained, NULL);
		free(messages);
	}
}

Test(retained, goes_as_deep_as_a_packet_allows)
{
	enum { SIZE = 65535 };
	static uint8_t topic[SIZE], filter[SIZE];
	struct retained *retained = retained_create(&KEY);
	struct message message = {.found = 0};

	memset(topic, '/', SIZE);
	for (size_t i = 0; i < SIZE; i++)
		filter[i] = i % 2 ? '/' : '+';
	filter[SIZE - 1] = '#';
	retained_set(retained, (struct span){topic, SIZE}, &message);

	cr_expect_eq(retained_match(retained, (struct span){filter, SIZE}, mark, NULL), 1);
	cr_expect_eq(retained_match(retained, span_of("#"), mark, NULL), 1);
	retained_set(retained, (struct span){topic, SIZE}, NULL);
	retained_destroy(retained, NULL);
}

static int dropped;

static void drop(void *message)
{
	(void)message;
	dropped++;
}

Test(retained, gives_back_what_is_left_at_its_end)
{
	struct retained *retained = retained_create(&KEY);
	struct message messages[] = {{.topic = "a"}, {.topic = "a/b"}, {.topic = "c/d/e"}};

	for (int i = 0; i < 3; i++)
		keep(retained, &messages[i]);
	retained_destroy(retained, drop);

	cr_expect_eq(dropped, 3);
}
