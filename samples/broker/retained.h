/* The last retained message of each topic, found by filter. Knows messages as pointers only, and
 * trusts that topics and filters were checked (text.h). */
#ifndef BROKER_RETAINED_H
#define BROKER_RETAINED_H

#include "broker/table.h"

/* Not to be used from two threads, nor changed while retained_match() calls back. */
struct retained;

struct retained *retained_create(const struct hash_key *key);

/* The messages are the caller's: `drop`, if given, is called for each. */
typedef void (*retained_drop_fn)(void *message);
void retained_destroy(struct retained *retained, retained_drop_fn drop);

/* Keeps the pointer for a topic, or forgets the topic if it is NULL. Returns what was kept before,
 * which is the caller's again, or NULL. */
void *retained_set(struct retained *retained, struct span topic, void *message);

void *retained_get(const struct retained *retained, struct span topic);

/* Topics that have a message. */
size_t retained_count(const struct retained *retained);

/* Calls back for each message whose topic matches the filter, in no order. Wildcards in the first
 * level leave out topics that start with $. Returns how many calls it made. */
typedef void (*retained_match_fn)(void *context, void *message);
size_t retained_match(const struct retained *retained, struct span filter, retained_match_fn match,
		      void *context);

#endif
