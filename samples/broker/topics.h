/* Who wants messages of which topics: a set of subscriptions, for a router. Knows subscribers as
 * numbers only, and trusts that filters and topics were checked (text.h). */
#ifndef BROKER_TOPICS_H
#define BROKER_TOPICS_H

#include <stdbool.h>

#include "broker/table.h"

/* Not to be used from two threads, nor changed while topics_match() calls back. It holds memory
 * for what is subscribed now, and next to none when that is nothing. */
struct topics;

struct topics *topics_create(const struct hash_key *key);
void topics_destroy(struct topics *topics);

/* Copies the filter. A second subscription of the same filter replaces the QoS of the first.
 * Returns true if it is a new one. */
bool topics_subscribe(struct topics *topics, struct span filter, uint64_t subscriber, uint8_t qos);

/* Returns false if there was no such subscription. */
bool topics_unsubscribe(struct topics *topics, struct span filter, uint64_t subscriber);

/* Ends all subscriptions of a subscriber, and returns how many. */
size_t topics_remove(struct topics *topics, uint64_t subscriber);

/* Subscriptions of one subscriber. */
size_t topics_count_of(const struct topics *topics, uint64_t subscriber);

/* Subscriptions of all subscribers. */
size_t topics_count(const struct topics *topics);

/* Calls back once for each subscriber with a matching filter, with the highest QoS among them, in
 * the order of their numbers. Wildcards in the first level leave out topics that start with $.
 * Returns how many calls it made. */
typedef void (*topics_match_fn)(void *context, uint64_t subscriber, uint8_t qos);
size_t topics_match(struct topics *topics, struct span topic, topics_match_fn match, void *context);

#endif
