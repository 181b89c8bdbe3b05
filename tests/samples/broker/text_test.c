/* Which texts, topic names and topic filters the broker takes. Knows no packets. */
#include <criterion/criterion.h>

#include "broker/text.h"

struct text_case {
	const char *bytes;
	size_t size;
	const char *fault; // NULL: it is fine
};

#define CASE(literal, why)                        \
	{                                         \
		literal, sizeof(literal) - 1, why \
	}

static const struct topic_limits NO_LIMITS;

typedef const char *(*check_fn)(struct span text, const struct topic_limits *limits);

static const char *only_text(struct span text, const struct topic_limits *limits)
{
	(void)limits;
	return text_fault(text);
}

static void expect_fault(const char *got, const char *wanted, const char *what, size_t number)
{
	cr_expect((!got && !wanted) || (got && wanted && !strcmp(got, wanted)),
		  "case %zu (%s): got '%s', wanted '%s'", number, what, got ? got : "fine",
		  wanted ? wanted : "fine");
}

static void expect_all(check_fn check, const struct text_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct span text = {(const uint8_t *)cases[i].bytes, cases[i].size};
		expect_fault(check(text, &NO_LIMITS), cases[i].fault, cases[i].bytes, i);
	}
}

#define EXPECT_ALL(check, cases) expect_all(check, cases, sizeof(cases) / sizeof(*(cases)))

Test(text, is_strict_utf8)
{
	static const struct text_case cases[] = {
		CASE("", NULL),
		CASE("plain", NULL),
		CASE("longer than eight bytes", NULL),
		CASE("\x01\x1f\x7f", NULL),
		CASE("\xc2\x80\xdf\xbf", NULL),
		CASE("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf", NULL),
		CASE("\xef\xbb\xbf", NULL), // a byte order mark is a character like others
		CASE("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", NULL),
		CASE("seven b\xc3\xa9", NULL), // crosses the eight bytes looked at together

		CASE("\0", "text has a NUL"),
		CASE("a\0b", "text has a NUL"),
		CASE("12345678\0", "text has a NUL"),
		CASE("1234567\0", "text has a NUL"),
		CASE("\xed\xa0\x80", "text has a surrogate"),
		CASE("\xed\xbf\xbf", "text has a surrogate"),
		CASE("\x80", "text is not UTF-8"),
		CASE("12345678\x80", "text is not UTF-8"),
		CASE("\xc0\x80", "text is not UTF-8"), // overlong NUL
		CASE("\xc1\xbf", "text is not UTF-8"),
		CASE("\xe0\x9f\xbf", "text is not UTF-8"),
		CASE("\xf0\x8f\xbf\xbf", "text is not UTF-8"),
		CASE("\xf4\x90\x80\x80", "text is not UTF-8"), // beyond U+10FFFF
		CASE("\xf5\x80\x80\x80", "text is not UTF-8"),
		CASE("\xff", "text is not UTF-8"),
		CASE("\xc3", "text is not UTF-8"), // ends too early
		CASE("\xe2\x82", "text is not UTF-8"),
		CASE("\xf0\x9f\x98", "text is not UTF-8"),
		CASE("\xc3(", "text is not UTF-8"),
		CASE("\xe2\x82(", "text is not UTF-8"),
		CASE("\xf0\x9f\x98(", "text is not UTF-8"),
	};

	EXPECT_ALL(only_text, cases);
}

/* The slow and obvious way, for every sequence of up to three bytes. */
static bool decodes(const uint8_t *at, size_t size)
{
	while (size) {
		size_t length = *at < 0x80 ? 1 : *at >> 5 == 6 ? 2 : *at >> 4 == 14 ? 3 : 4;
		uint32_t character = length == 1 ? *at : *at & (0x7f >> length);

		if (*at >> 3 >= 31 || (*at >= 0x80 && *at < 0xc0) || length > size)
			return false;
		for (size_t i = 1; i < length; i++) {
			if (at[i] >> 6 != 2)
				return false;
			character = character << 6 | (at[i] & 0x3f);
		}
		if (!character || (character >= 0xd800 && character < 0xe000) ||
		    character > 0x10ffff || (length == 2 && character < 0x80) ||
		    (length == 3 && character < 0x800) || (length == 4 && character < 0x10000))
			return false;
		at += length;
		size -= length;
	}
	return true;
}

Test(text, agrees_with_a_decoder_on_all_short_sequences)
{
	size_t wrong = 0;

	for (uint32_t word = 0; word < 1u << 24; word += word % 3 ? 1 : 2) {
		uint8_t bytes[] = {word >> 16 & 0xff, word >> 8 & 0xff, word & 0xff};
		wrong += decodes(bytes, 3) != !text_fault((struct span){bytes, 3});
		wrong += decodes(bytes, 2) != !text_fault((struct span){bytes, 2});
	}
	for (uint32_t word = 0; word < 1u << 24; word += 37) {
		uint8_t bytes[] = {0xf0 | (word & 7), word >> 16 & 0xff, word >> 8 & 0xff,
				   0x80 | (word & 0x7f)};
		wrong += decodes(bytes, 4) != !text_fault((struct span){bytes, 4});
	}

	cr_expect_eq(wrong, 0);
}

Test(text, topic_names_are_not_empty_and_have_no_wildcards)
{
	static const struct text_case cases[] = {
		CASE("a", NULL),
		CASE("/", NULL),
		CASE("//", NULL),
		CASE("a b/c", NULL),
		CASE("$SYS/load", NULL),
		CASE("\xe2\x82\xac/price", NULL),

		CASE("", "topic is empty"),
		CASE("+", "topic name has a wildcard"),
		CASE("#", "topic name has a wildcard"),
		CASE("a/+/b", "topic name has a wildcard"),
		CASE("a#", "topic name has a wildcard"),
		CASE("a/\0", "text has a NUL"),
	};

	EXPECT_ALL(topic_name_fault, cases);
}

Test(text, topic_filters_have_wildcards_where_they_may_stand)
{
	static const struct text_case cases[] = {
		CASE("a", NULL),
		CASE("#", NULL),
		CASE("+", NULL),
		CASE("/#", NULL),
		CASE("/+", NULL),
		CASE("+/", NULL),
		CASE("+/#", NULL),
		CASE("+/+/+", NULL),
		CASE("a/+/b/#", NULL),
		CASE("$share/x/#", NULL),

		CASE("", "topic is empty"),
		CASE("a+", "+ does not fill a level"),
		CASE("+a", "+ does not fill a level"),
		CASE("a/b+/c", "+ does not fill a level"),
		CASE("++", "+ does not fill a level"),
		CASE("a/+#", "+ does not fill a level"),
		CASE("a#", "# is not the last level"),
		CASE("#/a", "# is not the last level"),
		CASE("#/", "# is not the last level"),
		CASE("a/#b", "# is not the last level"),
		CASE("##", "# is not the last level"),
		CASE("+/\xff", "text is not UTF-8"),
	};

	EXPECT_ALL(topic_filter_fault, cases);
}

Test(text, topics_keep_to_their_limits)
{
	static const struct topic_limits limits = {.bytes = 8, .levels = 3};

	cr_expect_null(topic_name_fault(span_of("12345678"), &limits));
	cr_expect_str_eq(topic_name_fault(span_of("123456789"), &limits),
			 "topic is longer than allowed");
	cr_expect_null(topic_filter_fault(span_of("a/b/#"), &limits));
	cr_expect_null(topic_filter_fault(span_of("//"), &limits));
	cr_expect_str_eq(topic_filter_fault(span_of("///"), &limits),
			 "topic has more levels than allowed");
	cr_expect_str_eq(topic_name_fault(span_of("a/b/c/d"), &limits),
			 "topic has more levels than allowed");
}
