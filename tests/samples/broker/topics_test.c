/* Who gets which topic, against a matcher that tries every filter. Knows no packets. */
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "broker/topics.h"
#include "tests/samples/broker/naive_match.h"

static const struct hash_key KEY = {{1, 2}};

struct delivery {
	uint64_t subscriber;
	uint8_t qos;
};

struct deliveries {
	struct delivery at[1024];
	size_t count;
};

static void deliver(void *context, uint64_t subscriber, uint8_t qos)
{
	struct deliveries *got = context;

	cr_assert_lt(got->count, 1024);
	got->at[got->count++] = (struct delivery){subscriber, qos};
}

static struct deliveries matched(struct topics *topics, const char *topic)
{
	struct deliveries got = {0};

	cr_expect_eq(topics_match(topics, span_of(topic), deliver, &got), got.count);
	return got;
}

static void expect_matched(struct topics *topics, const char *topic, const char *wanted)
{
	struct deliveries got = matched(topics, topic);
	char text[256] = "";
	int size = 0;

	for (size_t i = 0; i < got.count; i++)
		size += snprintf(text + size, sizeof(text) - (size_t)size, "%s%d@%d", i ? " " : "",
				 (int)got.at[i].subscriber, got.at[i].qos);
	cr_expect_str_eq(text, wanted, "%s: got '%s', wanted '%s'", topic, text, wanted);
}

static void subscribe(struct topics *topics, const char *filter, uint64_t subscriber, uint8_t qos)
{
	topics_subscribe(topics, span_of(filter), subscriber, qos);
}

Test(topics, match_as_the_standard_says)
{
	static const struct {
		const char *filter, *topic;
		bool matches;
	} cases[] = {
		{"sport/tennis/player1/#", "sport/tennis/player1", true},
		{"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
		{"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
		{"sport/#", "sport", true},
		{"#", "sport/tennis", true},
		{"#", "/", true},
		{"sport/tennis/+", "sport/tennis/player1", true},
		{"sport/tennis/+", "sport/tennis/player1/ranking", false},
		{"sport/+", "sport", false},
		{"sport/+", "sport/", true},
		{"+/+", "/finance", true},
		{"/+", "/finance", true},
		{"+", "/finance", false},
		{"+/tennis/#", "sport/tennis", true},
		{"#", "$SYS/load", false},
		{"+/load", "$SYS/load", false},
		{"$SYS/#", "$SYS/load", true},
		{"$SYS/+", "$SYS/load", true},
		{"$SYS/#", "$SYS", true},
		{"a/$x/#", "a/$x/b", true},
		{"a/+", "a/$x", true},
		{"Accounts", "ACCOUNTS", false},
		{"a", "a/", false},
		{"a/", "a", false},
		{"a//b", "a//b", true},
		{"a/+/b", "a//b", true},
		{"+/+/#", "a", false},
		{"+/+/#", "a/b", true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct topics *topics = topics_create(&KEY);
		subscribe(topics, cases[i].filter, 1, 0);
		size_t count = matched(topics, cases[i].topic).count;
		cr_expect_eq(count, cases[i].matches, "%s against %s", cases[i].filter,
			     cases[i].topic);
		cr_expect_eq(naive_match(span_of(cases[i].filter), span_of(cases[i].topic)),
			     cases[i].matches, "naive: %s against %s", cases[i].filter,
			     cases[i].topic);
		topics_destroy(topics);
	}
}

Test(topics, overlapping_filters_give_one_delivery_at_the_highest_qos)
{
	struct topics *topics = topics_create(&KEY);

	subscribe(topics, "a/#", 7, 0);
	subscribe(topics, "a/b", 7, 1);
	subscribe(topics, "a/+", 7, 2);
	subscribe(topics, "+/b", 3, 1);
	subscribe(topics, "a/b", 9, 0);
	subscribe(topics, "#", 9, 1);

	expect_matched(topics, "a/b", "3@1 7@2 9@1");
	expect_matched(topics, "a/c", "7@2 9@1");
	expect_matched(topics, "a", "7@0 9@1");
	topics_destroy(topics);
}

Test(topics, a_second_subscription_replaces_the_qos)
{
	struct topics *topics = topics_create(&KEY);

	cr_expect(topics_subscribe(topics, span_of("a/+"), 1, 2));
	cr_expect_not(topics_subscribe(topics, span_of("a/+"), 1, 0));

	expect_matched(topics, "a/b", "1@0");
	cr_expect_eq(topics_count(topics), 1);
	topics_destroy(topics);
}

Test(topics, unsubscribing_ends_that_filter_alone)
{
	struct topics *topics = topics_create(&KEY);

	subscribe(topics, "a/b", 1, 0);
	subscribe(topics, "a/b", 2, 0);
	subscribe(topics, "a/#", 1, 1);
	subscribe(topics, "a/b/c/d/#", 1, 2);

	cr_expect(topics_unsubscribe(topics, span_of("a/b"), 1));
	cr_expect_not(topics_unsubscribe(topics, span_of("a/b"), 1));
	cr_expect_not(topics_unsubscribe(topics, span_of("a/b/c"), 1));
	cr_expect_not(topics_unsubscribe(topics, span_of("a/b"), 3));
	expect_matched(topics, "a/b", "1@1 2@0");
	cr_expect(topics_unsubscribe(topics, span_of("a/#"), 1));
	expect_matched(topics, "a/b", "2@0");
	expect_matched(topics, "a/b/c/d", "1@2");
	topics_destroy(topics);
}

Test(topics, removing_a_subscriber_ends_all_its_filters)
{
	struct topics *topics = topics_create(&KEY);

	subscribe(topics, "a/b", 1, 0);
	subscribe(topics, "a/#", 1, 0);
	subscribe(topics, "+/+", 1, 0);
	subscribe(topics, "a/#", 2, 0);

	cr_expect_eq(topics_remove(topics, 1), 3);
	cr_expect_eq(topics_remove(topics, 1), 0);
	expect_matched(topics, "a/b", "2@0");
	cr_expect_eq(topics_remove(topics, 2), 1);
	cr_expect_eq(topics_count(topics), 0);
	topics_destroy(topics);
}

/* A random filter or topic of few words, so that many match. */
static void random_path(char *to, unsigned *seed, bool is_filter)
{
	static const char *const words[] = {"a", "b", "", "$x", "ab"};
	int levels = 1 + rand_r(seed) % 5;
	char *start = to;

	for (int i = 0; i < levels; i++) {
		int pick = rand_r(seed) % 8;
		const char *word = words[pick % 5];
		if (is_filter && pick == 5)
			word = "+";
		if (is_filter && pick == 6 && i == levels - 1)
			word = "#";
		to += sprintf(to, "%s%s", i ? "/" : "", word);
	}
	if (!*start)
		strcpy(start, "a");
}

enum { SUBSCRIBERS = 12, FILTERS = 60 };

/* What must hold, kept in the plainest way: for each filter and subscriber, QoS + 1 or 0. */
struct plain {
	char filters[FILTERS][64];
	uint8_t qos[FILTERS][SUBSCRIBERS];
};

static void change_at_random(struct topics *topics, struct plain *plain, unsigned *seed)
{
	int filter = rand_r(seed) % FILTERS, who = rand_r(seed) % SUBSCRIBERS;
	struct span text = span_of(plain->filters[filter]);
	int action = rand_r(seed) % 20;

	if (action < 11) {
		uint8_t qos = rand_r(seed) % 3;
		cr_expect_eq(topics_subscribe(topics, text, (uint64_t)who, qos),
			     !plain->qos[filter][who]);
		plain->qos[filter][who] = qos + 1;
	} else if (action < 19) {
		cr_expect_eq(topics_unsubscribe(topics, text, (uint64_t)who),
			     !!plain->qos[filter][who]);
		plain->qos[filter][who] = 0;
	} else {
		size_t removed = 0;
		for (int i = 0; i < FILTERS; i++) {
			removed += !!plain->qos[i][who];
			plain->qos[i][who] = 0;
		}
		cr_expect_eq(topics_remove(topics, (uint64_t)who), removed);
	}
}

static void expect_as_plain(struct topics *topics, const struct plain *plain, const char *topic,
			    unsigned seed)
{
	struct deliveries got = matched(topics, topic);
	size_t next = 0;

	for (int who = 0; who < SUBSCRIBERS; who++) {
		int best = 0;
		for (int i = 0; i < FILTERS; i++) {
			if (plain->qos[i][who] > best &&
			    naive_match(span_of(plain->filters[i]), span_of(topic)))
				best = plain->qos[i][who];
		}
		if (!best)
			continue;
		cr_assert(next < got.count && got.at[next].subscriber == (uint64_t)who &&
				  got.at[next].qos == best - 1,
			  "seed %u: topic '%s', subscriber %d", seed, topic, who);
		next++;
	}
	cr_assert_eq(next, got.count, "seed %u: topic '%s' reaches too many", seed, topic);
}

Test(topics, agree_with_a_naive_matcher)
{
	const char *from_outside = getenv("NOH_SEED");
	unsigned first = from_outside ? (unsigned)atoi(from_outside) : 1;

	for (unsigned seed = first; seed < first + 30; seed++) {
		unsigned state = seed;
		struct topics *topics = topics_create(&KEY);
		struct plain *plain = calloc(1, sizeof(*plain));
		for (int i = 0; i < FILTERS; i++) {
			bool known;
			do {
				random_path(plain->filters[i], &state, true);
				known = false;
				for (int j = 0; j < i; j++)
					known |= !strcmp(plain->filters[i], plain->filters[j]);
			} while (known);
		}

		for (int round = 0; round < 400; round++) {
			char topic[64];
			change_at_random(topics, plain, &state);
			random_path(topic, &state, false);
			expect_as_plain(topics, plain, topic, seed);
		}
		free(plain);
		topics_destroy(topics);
	}
}

static void count_one(void *context, uint64_t subscriber, uint8_t qos)
{
	(void)subscriber;
	(void)qos;
	++*(size_t *)context;
}

/* Every mixture of + and a to a depth of 12: 4,096 filters match, as many again all but match. */
Test(topics, merge_thousands_of_overlapping_filters)
{
	struct topics *topics = topics_create(&KEY);

	for (unsigned mixture = 0; mixture < 1u << 12; mixture++) {
		char filter[64], *to = filter;
		for (int level = 0; level < 12; level++)
			to += sprintf(to, "%s/", mixture >> level & 1 ? "+" : "a");
		strcpy(to, "x");
		subscribe(topics, filter, mixture, 0);
		strcpy(to, "#");
		subscribe(topics, filter, 5000, 1);
	}

	expect_matched(topics, "a/a/a/a/a/a/a/a/a/a/a/a/y", "5000@1");
	topics_destroy(topics);
}

Test(topics, go_as_deep_as_a_packet_allows)
{
	enum { SIZE = 65535 };
	static uint8_t slashes[SIZE], pluses[SIZE];
	struct topics *topics = topics_create(&KEY);
	size_t calls = 0;

	memset(slashes, '/', SIZE);
	for (size_t i = 0; i < SIZE; i++)
		pluses[i] = i % 2 ? '/' : '+';

	// Topics of half as many slashes have as many levels as the filter of pluses.
	topics_subscribe(topics, (struct span){slashes, SIZE}, 1, 0);
	topics_subscribe(topics, (struct span){pluses, SIZE}, 2, 0);
	topics_match(topics, (struct span){slashes, SIZE}, count_one, &calls);
	topics_match(topics, (struct span){slashes, SIZE / 2}, count_one, &calls);
	cr_expect_eq(calls, 2);
	topics_remove(topics, 2);
	topics_destroy(topics);
}

Test(topics, serve_many_subscribers)
{
	struct topics *topics = topics_create(&KEY);
	size_t calls = 0;
	char filter[64];

	for (uint64_t i = 0; i < 10000; i++) {
		snprintf(filter, sizeof(filter), "device/%d/state", (int)i);
		subscribe(topics, filter, i, 1);
		snprintf(filter, sizeof(filter), "device/%d/#", (int)i);
		subscribe(topics, filter, i, 0);
		if (i < 500)
			subscribe(topics, "all", 500 - i, 0);
	}

	cr_expect_eq(topics_count(topics), 20500);
	expect_matched(topics, "device/9999/state", "9999@1");
	expect_matched(topics, "device/10/other", "10@0");
	expect_matched(topics, "device/10000/state", "");
	cr_expect_eq(topics_match(topics, span_of("all"), count_one, &calls), 500);
	for (uint64_t i = 0; i < 10000; i++)
		topics_remove(topics, i);
	cr_expect_eq(topics_count(topics), 0);
	topics_destroy(topics);
}
