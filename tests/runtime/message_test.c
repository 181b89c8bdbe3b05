/* Messages of every kind and shape of field: copied, released, compared and shown. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "mailbox/bytes.h"
#include "runtime/message.h"

NOH_MESSAGE(quit);
NOH_MESSAGE(point, (f64, x), (f64, y));
NOH_MESSAGE(line, (one, point, from), (one, point, to), (u64, width));
NOH_MESSAGE(word, (str, text));
NOH_MESSAGE(parcel, (owned, what), (bytes, label), (str, to));
NOH_MESSAGE(all, (u64, count), (i64, sum), (f64, mean), (flag, ok), (str, text), (bytes, raw),
	    (actor, by), (conn, conn), (owned, thing), (one, word, word), (one, point, at));
NOH_MESSAGE(lists, (list, u64, counts), (list, i64, sums), (list, f64, means), (list, flag, oks),
	    (list, str, texts), (list, bytes, raws), (list, actor, who), (list, conn, conns),
	    (list, owned, things));
NOH_MESSAGE(basket, (many, word, words), (many, parcel, parcels), (many, point, points));
NOH_MESSAGE(cellar, (u64, rooms), (many, basket, baskets));

#define INFO(message) message_info(noh_message_id(&message##_message))
#define BYTES(text)                                                     \
	{                                                               \
		.at = (const uint8_t *)(text), .size = sizeof(text) - 1 \
	}
#define LIST(type, ...)                                                                    \
	{                                                                                  \
		NOH_ARRAY(type, __VA_ARGS__), sizeof((type[]){__VA_ARGS__}) / sizeof(type) \
	}

// A copy in a block of exactly the size asked for, so that a sanitizer sees each byte beyond it.
static void *copy_of(const struct message_info *info, const void *body)
{
	void *block = malloc(message_size(info, body));
	message_copy(info, block, body);
	return block;
}

static void release(const struct message_info *info, void *block)
{
	message_release(info, block);
	free(block);
}

static const char *shown(const struct message_info *info, const void *body)
{
	static char text[2000];
	size_t length = message_print(info, body, NULL, text, sizeof(text));
	cr_expect_eq(length, strlen(text));
	return text;
}

static int drops;

static void count_drop(void *argument)
{
	(void)argument;
	drops++;
}

static struct all example(void)
{
	return (struct all){
		.count = UINT64_MAX,
		.sum = INT64_MIN,
		.mean = 0.1,
		.ok = true,
		.text = "a \"text\"",
		.raw = BYTES("abc\0"),
		.by = {77},
		.conn = {5},
		.thing = {&drops, count_drop},
		.word = {.text = "inner"},
		.at = {.x = -1.5, .y = 2},
	};
}

// ---- copying

Test(message, needs_no_more_than_its_struct_when_flat)
{
	struct line line = {.from = {1, 2}, .to = {3, 4}, .width = 5};

	cr_expect(INFO(line)->flat);
	cr_expect_not(INFO(line)->holds);
	cr_expect_eq(message_size(INFO(line), &line), sizeof(line));
	cr_expect_not(INFO(word)->flat);
	cr_expect_not(INFO(word)->holds);
	cr_expect(INFO(parcel)->holds);
	cr_expect(INFO(cellar)->holds);

	struct line *copy = copy_of(INFO(line), &line);
	cr_expect(message_equal(INFO(line), &line, copy));
	release(INFO(line), copy);
}

NOH_MESSAGE(size_1, (flag, a));
NOH_MESSAGE(size_3, (flag, a), (flag, b), (flag, c));
NOH_MESSAGE(size_8, (u64, a));
NOH_MESSAGE(size_9, (one, size_8, a), (flag, b));
NOH_MESSAGE(size_24, (u64, a), (u64, b), (u64, c));
NOH_MESSAGE(size_32, (one, size_24, a), (u64, b));
NOH_MESSAGE(size_40, (one, size_32, a), (u64, b));

Test(message, copies_flat_ones_of_any_size)
{
	const struct message_info *infos[] = {INFO(size_1),  INFO(size_3), INFO(size_8),
					      INFO(size_9),  INFO(point),  INFO(size_24),
					      INFO(size_32), INFO(size_40)};
	char body[40];

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)(i + 1);
	for (size_t i = 0; i < 8; i++) {
		char *copy = copy_of(infos[i], body);
		cr_expect_eq(memcmp(copy, body, infos[i]->type.size), 0, "%s", infos[i]->type.name);
		free(copy);
	}
}

Test(message, may_have_no_fields)
{
	struct quit quit;

	cr_expect(INFO(quit)->flat);
	cr_expect_eq(message_size(INFO(quit), &quit), 0);
	cr_expect(message_equal(INFO(quit), &quit, NULL));
	cr_expect_str_eq(shown(INFO(quit), &quit), "quit{}");
}

Test(message, copies_each_kind)
{
	char text[] = "a \"text\"", inner[] = "inner";
	struct all all = example();
	all.text = text;
	all.word.text = inner;

	struct all *copy = copy_of(INFO(all), &all);
	memset(text, 'X', 3);
	memset(inner, 'X', 3);
	memset(&all, 0xff, sizeof(all));

	struct all same = example();
	cr_expect(message_equal(INFO(all), copy, &same));
	cr_expect_neq(copy->raw.at, same.raw.at);
	cr_expect_eq(copy->thing.drop, count_drop);

	release(INFO(all), copy);
	cr_expect_eq(drops, 1);
}

Test(message, copies_lists_of_each_kind)
{
	struct lists lists = {
		.counts = LIST(uint64_t, 1, 2, UINT64_MAX),
		.sums = LIST(int64_t, -1),
		.means = LIST(double, 0.5, (double)NAN),
		.oks = LIST(bool, true, false, true),
		.texts = LIST(const char *, "one", NULL, "three"),
		.raws = LIST(noh_bytes, BYTES("raw"), {0}),
		.who = LIST(noh_actor, {1}, {2}),
		.conns = LIST(noh_conn, {3}),
		.things = LIST(noh_owned, {&drops, count_drop}, {0}, {&drops, count_drop}),
	};

	struct lists *copy = copy_of(INFO(lists), &lists);

	cr_expect(message_equal(INFO(lists), copy, &lists));
	cr_expect_neq(copy->counts.at, lists.counts.at);
	cr_expect_neq(copy->texts.at[0], lists.texts.at[0]);
	cr_expect_str_eq(copy->texts.at[1], "");
	cr_expect_str_eq(shown(INFO(lists), copy),
			 "lists{counts: [1, 2, 18446744073709551615], sums: [-1], "
			 "means: [0.5, nan], oks: [true, false, true], "
			 "texts: [\"one\", \"\", \"three\"], raws: [<3 bytes \"raw\">, "
			 "<0 bytes \"\">], who: [@1, @2], conns: [#3], "
			 "things: [<owned>, <nothing>, <owned>]}");

	release(INFO(lists), copy);
	cr_expect_eq(drops, 2);
}

Test(message, copies_empty_lists)
{
	struct lists lists = {0};

	struct lists *copy = copy_of(INFO(lists), &lists);

	cr_expect_eq(message_size(INFO(lists), &lists), sizeof(lists));
	cr_expect_eq(copy->texts.count, 0);
	cr_expect(message_equal(INFO(lists), copy, &lists));

	release(INFO(lists), copy);
}

static const struct word some_words[] = {{.text = "first"}, {.text = NULL}, {.text = "third"}};
static const struct parcel some_parcels[] = {
	{.what = {&drops, count_drop}, .label = BYTES("one"), .to = "Ann"},
	{.what = {&drops, count_drop}, .label = BYTES("two"), .to = "Bob"},
};
static const struct point some_points[] = {{.x = 1, .y = 2}};
static const struct basket filled = {
	.words = {some_words, 3}, .parcels = {some_parcels, 2}, .points = {some_points, 1}};

Test(message, copies_messages_within_messages_within_messages)
{
	struct basket baskets[] = {filled, {.points = {NULL, 0}}, filled};
	struct cellar cellar = {.rooms = 3, .baskets = {baskets, 3}};

	struct cellar *copy = copy_of(INFO(cellar), &cellar);
	memset(baskets, 0, sizeof(baskets));

	cr_expect(message_equal(INFO(basket), &copy->baskets.at[0], &filled));
	cr_expect_eq(copy->baskets.at[1].words.count, 0);
	cr_expect_str_eq(shown(INFO(basket), &copy->baskets.at[2]),
			 "basket{words: [word{text: \"first\"}, word{text: \"\"}, "
			 "word{text: \"third\"}], "
			 "parcels: [parcel{what: <owned>, label: <3 bytes \"one\">, to: \"Ann\"}, "
			 "parcel{what: <owned>, label: <3 bytes \"two\">, to: \"Bob\"}], "
			 "points: [point{x: 1, y: 2}]}");

	release(INFO(cellar), copy);
	cr_expect_eq(drops, 4);
}

Test(message, shares_bytes_that_have_an_owner)
{
	struct parcel parcel = {.label = bytes_wrap("label", 5, count_drop, NULL), .to = "Ann"};

	struct parcel *copy = copy_of(INFO(parcel), &parcel);
	bytes_release(parcel.label);

	cr_expect_eq(copy->label.at, parcel.label.at);
	cr_expect_eq(drops, 0);
	release(INFO(parcel), copy);
	cr_expect_eq(drops, 1);
}

Test(message, gives_owned_to_the_latest_copy)
{
	struct parcel parcel = {.what = {&drops, count_drop}, .to = "Ann"};
	struct parcel *first = copy_of(INFO(parcel), &parcel);
	struct parcel *second = copy_of(INFO(parcel), first);

	message_disown(INFO(parcel), first);
	release(INFO(parcel), first);
	cr_expect_eq(drops, 0);

	release(INFO(parcel), second);
	cr_expect_eq(drops, 1);
}

Test(message, drops_owned_alone_when_it_was_never_copied)
{
	struct parcel parcels[] = {{.what = {&drops, count_drop}, .label = bytes_copy("label", 5)}};
	struct basket basket = {.parcels = {parcels, 1}};

	message_drop_owned(INFO(basket), &basket);

	cr_expect_eq(drops, 1);
	cr_expect_eq(memcmp(parcels[0].label.at, "label", 5), 0);
	bytes_release(parcels[0].label);
}

// ---- comparing

Test(message, differs_by_any_field)
{
	struct all all = example(), other;

#define DIFFERS(change)                                    \
	other = example();                                 \
	cr_expect(message_equal(INFO(all), &all, &other)); \
	other.change;                                      \
	cr_expect_not(message_equal(INFO(all), &all, &other), #change)

	DIFFERS(count = 1);
	DIFFERS(sum = 1);
	DIFFERS(mean = 1);
	DIFFERS(ok = false);
	DIFFERS(text = "another");
	DIFFERS(raw.size = 2);
	DIFFERS(raw.at = (const uint8_t *)"abd");
	DIFFERS(by.id = 1);
	DIFFERS(conn.id = 1);
	DIFFERS(thing.ptr = NULL);
	DIFFERS(word.text = NULL);
	DIFFERS(at.y = 0);
}

Test(message, differs_by_length_and_elements_of_lists)
{
	struct lists one = {.counts = LIST(uint64_t, 1, 2)};
	struct lists longer = {.counts = LIST(uint64_t, 1, 2, 3)};
	struct lists other = {.counts = LIST(uint64_t, 1, 3)};

	cr_expect_not(message_equal(INFO(lists), &one, &longer));
	cr_expect_not(message_equal(INFO(lists), &one, &other));
}

Test(message, ignores_padding_and_takes_a_null_str_for_an_empty_one)
{
	struct all a, b;
	memset(&a, 0x00, sizeof(a));
	memset(&b, 0xff, sizeof(b));
	a.count = b.count = 1;
	a.sum = b.sum = 2;
	a.mean = b.mean = (double)NAN;
	a.ok = b.ok = true;
	a.text = NULL;
	b.text = "";
	a.raw = b.raw = (noh_bytes){0};
	a.by = b.by = NOH_NOBODY;
	a.conn = b.conn = (noh_conn){3};
	a.thing = b.thing = (noh_owned){0};
	a.word.text = b.word.text = "same";
	a.at = b.at = (struct point){0};

	cr_expect(message_equal(INFO(all), &a, &b));
}

// ---- showing

Test(message, shows_each_kind)
{
	struct all all = example();

	cr_expect_str_eq(shown(INFO(all), &all),
			 "all{count: 18446744073709551615, sum: -9223372036854775808, mean: 0.1, "
			 "ok: true, text: \"a \\\"text\\\"\", raw: <4 bytes \"abc\\x00\">, "
			 "by: @77, conn: #5, thing: <owned>, word: word{text: \"inner\"}, "
			 "at: point{x: -1.5, y: 2}}");
}

static void name_actor(noh_actor who, char *buffer, size_t size)
{
	snprintf(buffer, size, "bank@%d", (int)who.id);
}

Test(message, names_actors_as_the_caller_does)
{
	struct lists lists = {.who = LIST(noh_actor, {3})};
	char text[200];

	message_print(INFO(lists), &lists, name_actor, text, sizeof(text));

	cr_expect(strstr(text, "who: [bank@3]"), "%s", text);
}

static const char *shown_word(const char *text)
{
	return shown(INFO(word), &(struct word){.text = text});
}

Test(message, shows_strings_on_one_line)
{
	cr_expect_str_eq(shown_word("a\nb\tc\\d\x7f"), "word{text: \"a\\nb\\x09c\\\\d\\x7f\"}");
	cr_expect_str_eq(shown_word("能 ü"), "word{text: \"能 ü\"}");
	cr_expect_str_eq(shown_word("\xc2\x9b\xc2"), "word{text: \"\\xc2\\x9b\xc2\"}");
}

Test(message, cuts_long_strings_between_characters)
{
	char text[100], expected[200];

	memset(text, 'a', sizeof(text));
	text[64] = '\0';
	snprintf(expected, sizeof(expected), "word{text: \"%s\"}", text);
	cr_expect_str_eq(shown_word(text), expected);

	memcpy(text + 63, "ü...", 6);
	snprintf(expected, sizeof(expected), "word{text: \"%.63s\"...}", text);
	cr_expect_str_eq(shown_word(text), expected);
}

Test(message, cuts_long_bytes)
{
	struct parcel parcel = {.label = BYTES("0123456789abcdef\xff")};

	cr_expect_str_eq(shown(INFO(parcel), &parcel),
			 "parcel{what: <nothing>, label: <17 bytes \"0123456789abcdef\"...>, "
			 "to: \"\"}");
}

Test(message, never_writes_beyond_the_buffer)
{
	struct all all = example();
	all.text = "ünïcödé";
	size_t whole = strlen(shown(INFO(all), &all));

	for (size_t size = 0; size <= whole + 2; size++) {
		char *buffer = malloc(size ? size : 1); // of that size, for the sanitizer
		size_t length = message_print(INFO(all), &all, NULL, buffer, size);

		cr_expect(size ? length < size : length == 0);
		if (size)
			cr_expect_eq(strlen(buffer), length);
		if (size > whole)
			cr_expect_eq(length, whole);
		else if (size > 4)
			cr_expect_str_eq(buffer + length - 3, "...");
		free(buffer);
	}
}
