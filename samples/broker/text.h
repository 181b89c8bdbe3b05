/* Text as MQTT defines it: strict UTF-8, topic names, topic filters. Knows no packets and no
 * connections. Each check returns NULL if all is well, else why not, as a constant text. */
#ifndef BROKER_TEXT_H
#define BROKER_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A piece of somebody else's memory; it lives as long as what it points into. */
struct span {
	const uint8_t *at;
	size_t size;
};

/* What a topic may cost; 0 stands for "no limit". */
struct topic_limits {
	uint32_t bytes;
	uint32_t levels;
};

struct span span_of(const char *text);
bool span_equal(struct span one, struct span other);

/* UTF-8 without NUL, surrogates, overlong forms and what lies beyond U+10FFFF. */
const char *text_fault(struct span text);

/* What a message is published to: not empty, no wildcards. */
const char *topic_name_fault(struct span name, const struct topic_limits *limits);

/* What a subscriber asks for: + fills a level, # fills the last one. */
const char *topic_filter_fault(struct span filter, const struct topic_limits *limits);

bool topic_has_wildcard(struct span filter);

#endif
