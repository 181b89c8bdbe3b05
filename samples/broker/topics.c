/* Who wants messages of which topics: a set of subscriptions, for a router. Knows subscribers as
 * numbers only, and trusts that filters and topics were checked (text.h).
 *
 * All filters are in one table by their text, where a topic finds the filter that equals it at
 * once. Those with wildcards hang in a tree as well, which is walked only if there are any. */
#include "broker/topics.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/levels.h"
#include "broker/merge.h"

struct filter {
	struct table_entry entry; // in topics.filters
	// Most filters have one subscription, which then needs no memory of its own.
	union {
		struct subscription one;
		struct run many; // by subscriber
	};
	uint32_t room; // of `many`; 0: there is one
	uint16_t size;
	uint8_t text[];
};

struct subscriber {
	struct table_entry entry; // in topics.subscribers
	uint64_t id;
	union {
		struct filter *one;
		struct filter **many; // in no order; each subscription knows its place here
	};
	uint32_t count;
	uint32_t room; // of `many`; 0: there is one
};

struct topics {
	struct hash_key key;
	struct table filters;
	struct table subscribers;
	struct levels wildcards;
	struct merge merge; // what topics_match() works with
	size_t count;
	bool matching;
};

static void free_filter(struct table_entry *entry)
{
	struct filter *filter = (struct filter *)entry;

	if (filter->room)
		free(filter->many.at);
	free(filter);
}

static void free_subscriber(struct table_entry *entry)
{
	struct subscriber *subscriber = (struct subscriber *)entry;

	if (subscriber->room)
		free(subscriber->many);
	free(subscriber);
}

struct topics *topics_create(const struct hash_key *key)
{
	struct topics *topics = resized(NULL, 1, sizeof(*topics));

	*topics = (struct topics){.key = *key};
	levels_init(&topics->wildcards, key);
	return topics;
}

static struct filter *find_filter(const struct topics *topics, struct span text, uint64_t hash)
{
	struct table_entry *entry = table_first(&topics->filters, hash);

	for (; entry; entry = table_next(entry)) {
		struct filter *filter = (struct filter *)entry;
		if (span_equal((struct span){filter->text, filter->size}, text))
			return filter;
	}
	return NULL;
}

static struct filter *add_filter(struct topics *topics, struct span text, uint64_t hash)
{
	struct filter *filter = resized(NULL, 1, sizeof(*filter) + text.size);

	*filter = (struct filter){.size = (uint16_t)text.size};
	memcpy(filter->text, text.at, text.size);
	table_add(&topics->filters, &filter->entry, hash);
	if (topic_has_wildcard(text))
		levels_add(&topics->wildcards, text)->value = filter;
	return filter;
}

static void remove_filter(struct topics *topics, struct filter *filter)
{
	struct span text = {filter->text, filter->size};

	if (topic_has_wildcard(text)) {
		struct level *level = levels_find(&topics->wildcards, text);
		level->value = NULL;
		levels_trim(&topics->wildcards, level);
	}
	table_remove(&topics->filters, &filter->entry);
	free_filter(&filter->entry);
}

static struct subscriber *find_subscriber(const struct topics *topics, uint64_t id, uint64_t hash)
{
	struct table_entry *entry = table_first(&topics->subscribers, hash);

	for (; entry; entry = table_next(entry)) {
		struct subscriber *subscriber = (struct subscriber *)entry;
		if (subscriber->id == id)
			return subscriber;
	}
	return NULL;
}

static struct subscriber *add_subscriber(struct topics *topics, uint64_t id, uint64_t hash)
{
	struct subscriber *subscriber = resized(NULL, 1, sizeof(*subscriber));

	*subscriber = (struct subscriber){.id = id};
	table_add(&topics->subscribers, &subscriber->entry, hash);
	return subscriber;
}

static void remove_subscriber(struct topics *topics, struct subscriber *subscriber)
{
	table_remove(&topics->subscribers, &subscriber->entry);
	free_subscriber(&subscriber->entry);
}

static struct run subscriptions_of(struct filter *filter)
{
	return filter->room ? filter->many : (struct run){&filter->one, 1};
}

static struct filter **filters_of(struct subscriber *subscriber)
{
	return subscriber->room ? subscriber->many : &subscriber->one;
}

/* Where in the run, ordered by id, the subscriber is or would be. */
static size_t position_of(struct run run, uint64_t subscriber)
{
	size_t low = 0, high = run.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (run.at[middle].subscriber < subscriber)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct subscription *find_subscription(struct filter *filter, uint64_t subscriber)
{
	struct run run = subscriptions_of(filter);
	size_t position = position_of(run, subscriber);

	if (position == run.count || run.at[position].subscriber != subscriber)
		return NULL;
	return &run.at[position];
}

/* Twice the room when it is full, half of it when three quarters are empty. */
static uint32_t fitting_room(uint32_t room, size_t count)
{
	if (count > room)
		return room ? room * 2 : 4;
	return room > 4 && count < room / 4 ? room / 2 : room;
}

/* Makes room for so many, at least two, with those that are there already. */
static void fit_subscriptions(struct filter *filter, size_t count)
{
	uint32_t room = fitting_room(filter->room, count);
	struct run old = subscriptions_of(filter);
	struct run fitting = {.count = old.count};

	if (room == filter->room)
		return;
	fitting.at = resized(filter->room ? old.at : NULL, room, sizeof(*fitting.at));
	if (!filter->room)
		*fitting.at = *old.at;
	filter->many = fitting;
	filter->room = room;
}

static void fit_filters(struct subscriber *subscriber, size_t count)
{
	uint32_t room = fitting_room(subscriber->room, count);
	struct filter *one = subscriber->one;
	struct filter **many;

	if (room == subscriber->room)
		return;
	many = resized(subscriber->room ? subscriber->many : NULL, room, sizeof(*many));
	if (!subscriber->room)
		*many = one;
	subscriber->many = many;
	subscriber->room = room;
}

/* Into a filter that has subscriptions already. */
static void insert(struct filter *filter, const struct subscription *subscription)
{
	struct run *run = &filter->many;
	struct subscription *place;

	fit_subscriptions(filter, subscriptions_of(filter).count + 1);
	place = run->at + position_of(*run, subscription->subscriber);
	memmove(place + 1, place, (size_t)(run->at + run->count - place) * sizeof(*place));
	*place = *subscription;
	run->count++;
}

/* Returns the place among them. */
static uint32_t append_filter(struct subscriber *subscriber, struct filter *filter)
{
	if (subscriber->count)
		fit_filters(subscriber, (size_t)subscriber->count + 1);
	filters_of(subscriber)[subscriber->count] = filter;
	return subscriber->count++;
}

bool topics_subscribe(struct topics *topics, struct span text, uint64_t id, uint8_t qos)
{
	uint64_t filter_hash = hash_text(&topics->key, text);
	uint64_t id_hash = hash_number(&topics->key, id);
	struct filter *filter = find_filter(topics, text, filter_hash);
	struct subscription *old = filter ? find_subscription(filter, id) : NULL;
	struct subscription added = {.subscriber = id, .qos = qos};
	bool is_first = !filter;
	struct subscriber *subscriber;

	assert(!topics->matching);
	if (old) {
		old->qos = qos;
		return false;
	}

	if (is_first)
		filter = add_filter(topics, text, filter_hash);
	subscriber = find_subscriber(topics, id, id_hash);
	if (!subscriber)
		subscriber = add_subscriber(topics, id, id_hash);

	added.place = append_filter(subscriber, filter);
	if (is_first)
		filter->one = added;
	else
		insert(filter, &added);
	topics->count++;
	return true;
}

/* Takes the subscription out of its filter only. */
static void leave_filter(struct topics *topics, struct filter *filter,
			 struct subscription *subscription)
{
	struct run *run = &filter->many;

	topics->count--;
	if (subscriptions_of(filter).count == 1) {
		remove_filter(topics, filter);
		return;
	}
	memmove(subscription, subscription + 1,
		(size_t)(run->at + run->count - subscription - 1) * sizeof(*subscription));
	run->count--;
	fit_subscriptions(filter, run->count);
}

/* The last of the subscriber's filters moves to the place of the one that goes. */
static void leave_subscriber(struct subscriber *subscriber, uint32_t place)
{
	struct filter **filters = filters_of(subscriber);
	struct filter *last = filters[--subscriber->count];

	filters[place] = last;
	find_subscription(last, subscriber->id)->place = place;
	if (subscriber->room)
		fit_filters(subscriber, subscriber->count);
}

static void free_scratch_if_empty(struct topics *topics)
{
	if (!topics->count)
		merge_finish(&topics->merge);
}

bool topics_unsubscribe(struct topics *topics, struct span text, uint64_t id)
{
	struct filter *filter = find_filter(topics, text, hash_text(&topics->key, text));
	struct subscription *old = filter ? find_subscription(filter, id) : NULL;
	struct subscriber *subscriber;

	assert(!topics->matching);
	if (!old)
		return false;

	subscriber = find_subscriber(topics, id, hash_number(&topics->key, id));
	leave_subscriber(subscriber, old->place);
	if (!subscriber->count)
		remove_subscriber(topics, subscriber);
	leave_filter(topics, filter, old);
	free_scratch_if_empty(topics);
	return true;
}

size_t topics_remove(struct topics *topics, uint64_t id)
{
	struct subscriber *subscriber = find_subscriber(topics, id, hash_number(&topics->key, id));
	size_t count;

	assert(!topics->matching);
	if (!subscriber)
		return 0;

	count = subscriber->count;
	for (size_t i = 0; i < count; i++) {
		struct filter *filter = filters_of(subscriber)[i];
		leave_filter(topics, filter, find_subscription(filter, id));
	}
	remove_subscriber(topics, subscriber);
	free_scratch_if_empty(topics);
	return count;
}

size_t topics_count_of(const struct topics *topics, uint64_t id)
{
	const struct subscriber *subscriber =
		find_subscriber(topics, id, hash_number(&topics->key, id));

	return subscriber ? subscriber->count : 0;
}

size_t topics_count(const struct topics *topics)
{
	return topics->count;
}

static void found(struct topics *topics, const struct level *level)
{
	struct filter *filter = level ? level->value : NULL;

	if (filter)
		merge_add(&topics->merge, subscriptions_of(filter));
}

/* Visits each level of the tree whose path matches a start of the topic, once: the work is bounded
 * by what is subscribed, and the way back needs no memory. */
static void find_wildcards(struct topics *topics, struct span topic)
{
	struct levels *levels = &topics->wildcards;
	struct level *root = levels->root;
	struct level *level = root;
	struct place place = {.path = topic};
	bool for_system = topic.size && *topic.at == '$';

	if (!root->first_child)
		return;
	for (;;) {
		// A # stands for all levels that follow, and for none.
		if (!(for_system && level == root))
			found(topics, level->rest);

		if (place_forward(&place, level == root)) {
			struct level *child = levels_child(levels, level, place_text(&place));
			if (!child && !(for_system && level == root))
				child = level->plus;
			if (child) {
				level = child;
				continue;
			}
			place_back(&place);
		} else {
			found(topics, level);
		}

		// This level is done: on to the + beside it, if it was not that already, else up.
		while (level != root) {
			struct level *parent = level->parent;
			struct level *plus = for_system && parent == root ? NULL : parent->plus;
			if (plus && level != plus) {
				level = plus;
				break;
			}
			place_back(&place);
			level = parent;
		}
		if (level == root)
			return;
	}
}

size_t topics_match(struct topics *topics, struct span topic, topics_match_fn match, void *context)
{
	struct filter *same = find_filter(topics, topic, hash_text(&topics->key, topic));
	struct run wanted;

	merge_start(&topics->merge);
	if (same)
		merge_add(&topics->merge, subscriptions_of(same));
	find_wildcards(topics, topic);
	wanted = merge_end(&topics->merge);

	topics->matching = true;
	for (size_t i = 0; i < wanted.count; i++)
		match(context, wanted.at[i].subscriber, wanted.at[i].qos);
	topics->matching = false;
	return wanted.count;
}

void topics_destroy(struct topics *topics)
{
	if (!topics)
		return;
	levels_finish(&topics->wildcards);
	table_clear(&topics->filters, free_filter);
	table_clear(&topics->subscribers, free_subscriber);
	merge_finish(&topics->merge);
	free(topics);
}
