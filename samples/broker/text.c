/* Text as MQTT defines it: strict UTF-8, topic names, topic filters. Knows no packets and no
 * connections. */
#include "broker/text.h"

#include <string.h>

#define EVERY_BYTE 0x0101010101010101u

struct span span_of(const char *text)
{
	return (struct span){(const uint8_t *)text, strlen(text)};
}

bool span_equal(struct span one, struct span other)
{
	return one.size == other.size && (!one.size || !memcmp(one.at, other.at, one.size));
}

/* Eight bytes at once: none has its high bit set and none is NUL. */
static bool is_plain(const uint8_t *eight)
{
	uint64_t word;

	memcpy(&word, eight, sizeof(word));
	return !((word | (word - EVERY_BYTE)) & EVERY_BYTE << 7);
}

static bool continues(const uint8_t *at, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return false;
	}
	return true;
}

/* How many bytes the character at the start of `left` bytes takes; 0 if it is none. The second
 * byte's range is where overlong forms, surrogates and too large numbers show. */
static size_t character_size(const uint8_t *at, size_t left)
{
	uint8_t first = at[0];
	uint8_t low = 0x80, high = 0xbf;
	size_t size;

	if (first < 0x80)
		return first ? 1 : 0;
	if (first < 0xc2 || first > 0xf4)
		return 0;

	size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (first == 0xe0)
		low = 0xa0;
	else if (first == 0xed)
		high = 0x9f;
	else if (first == 0xf0)
		low = 0x90;
	else if (first == 0xf4)
		high = 0x8f;

	if (left < size || at[1] < low || at[1] > high || !continues(at + 2, size - 2))
		return 0;
	return size;
}

static bool is_surrogate(const uint8_t *at, size_t left)
{
	return left >= 2 && at[0] == 0xed && at[1] >= 0xa0;
}

const char *text_fault(struct span text)
{
	size_t at = 0;

	while (at < text.size) {
		size_t left = text.size - at;
		if (left >= 8 && is_plain(text.at + at)) {
			at += 8;
			continue;
		}
		size_t size = character_size(text.at + at, left);
		if (!size && !text.at[at])
			return "text has a NUL";
		if (!size)
			return is_surrogate(text.at + at, left) ? "text has a surrogate"
								: "text is not UTF-8";
		at += size;
	}
	return NULL;
}

static bool has(struct span text, char wanted)
{
	return text.size && memchr(text.at, wanted, text.size);
}

bool topic_has_wildcard(struct span filter)
{
	return has(filter, '+') || has(filter, '#');
}

static bool has_more_levels(struct span topic, uint32_t limit)
{
	uint32_t levels = 1;

	for (size_t i = 0; i < topic.size; i++) {
		if (topic.at[i] == '/' && ++levels > limit)
			return true;
	}
	return false;
}

static const char *size_fault(struct span topic, const struct topic_limits *limits)
{
	if (!topic.size)
		return "topic is empty";
	if (limits->bytes && topic.size > limits->bytes)
		return "topic is longer than allowed";
	// A topic of n bytes has at most n + 1 levels, so most need no count.
	if (limits->levels && topic.size >= limits->levels &&
	    has_more_levels(topic, limits->levels))
		return "topic has more levels than allowed";
	return text_fault(topic);
}

const char *topic_name_fault(struct span name, const struct topic_limits *limits)
{
	const char *fault = size_fault(name, limits);

	if (fault)
		return fault;
	return topic_has_wildcard(name) ? "topic name has a wildcard" : NULL;
}

const char *topic_filter_fault(struct span filter, const struct topic_limits *limits)
{
	const char *fault = size_fault(filter, limits);

	if (fault || !topic_has_wildcard(filter))
		return fault;

	for (size_t i = 0; i < filter.size; i++) {
		uint8_t byte = filter.at[i];
		bool first = !i || filter.at[i - 1] == '/';
		bool last = i + 1 == filter.size;

		if (byte == '+' && !(first && (last || filter.at[i + 1] == '/')))
			return "+ does not fill a level";
		if (byte == '#' && !(first && last))
			return "# is not the last level";
	}
	return NULL;
}
