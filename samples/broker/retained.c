/* The last retained message of each topic, found by filter. Knows messages as pointers only, and
 * trusts that topics and filters were checked (text.h). */
#include "broker/retained.h"

#include <stdlib.h>

#include "broker/levels.h"

struct retained {
	struct levels topics; // a level's value is the message of the topic that ends there
	size_t count;
};

struct retained *retained_create(const struct hash_key *key)
{
	struct retained *retained = resized(NULL, 1, sizeof(*retained));

	levels_init(&retained->topics, key);
	retained->count = 0;
	return retained;
}

void retained_destroy(struct retained *retained, retained_drop_fn drop)
{
	if (!retained)
		return;
	struct level *root = retained->topics.root;
	for (struct level *level = root; level && drop; level = levels_walk(root, level)) {
		if (level->value)
			drop(level->value);
	}
	levels_finish(&retained->topics);
	free(retained);
}

void *retained_set(struct retained *retained, struct span topic, void *message)
{
	struct level *level = message ? levels_add(&retained->topics, topic)
				      : levels_find(&retained->topics, topic);
	void *old;

	if (!level)
		return NULL;
	old = level->value;
	level->value = message;
	retained->count += !!message;
	retained->count -= !!old;
	if (!message)
		levels_trim(&retained->topics, level);
	return old;
}

void *retained_get(const struct retained *retained, struct span topic)
{
	const struct level *level = levels_find(&retained->topics, topic);

	return level ? level->value : NULL;
}

size_t retained_count(const struct retained *retained)
{
	return retained->count;
}

struct search {
	const struct levels *levels;
	retained_match_fn match;
	void *context;
	size_t found;
};

static void found(struct search *search, const struct level *level)
{
	if (level->value) {
		search->match(search->context, level->value);
		search->found++;
	}
}

/* The next of these siblings that a wildcard may stand for. */
static struct level *eligible(const struct search *search, struct level *level)
{
	while (level && level->parent == search->levels->root && level->size && *level->text == '$')
		level = level->next;
	return level;
}

static void found_below(struct search *search, struct level *top)
{
	bool at_root = top == search->levels->root;
	struct level *child = at_root ? eligible(search, top->first_child) : NULL;

	if (!at_root) {
		for (struct level *level = top; level; level = levels_walk(top, level))
			found(search, level);
	}
	for (; child; child = eligible(search, child->next)) {
		for (struct level *level = child; level; level = levels_walk(child, level))
			found(search, level);
	}
}

static bool is_wildcard(struct span text, char wildcard)
{
	return text.size == 1 && *text.at == wildcard;
}

/* Follows the filter down from `level`. Returns the level to go on from, or NULL when there is
 * nothing more below this one; `place` is then where it was. */
static struct level *descend(struct search *search, struct level *level, struct place *place)
{
	struct level *child = NULL;

	if (!place_forward(place, level == search->levels->root)) {
		found(search, level);
		return NULL;
	}

	struct span text = place_text(place);
	if (is_wildcard(text, '#'))
		found_below(search, level);
	else if (is_wildcard(text, '+'))
		child = eligible(search, level->first_child);
	else
		child = levels_child(search->levels, level, text);
	if (!child)
		place_back(place);
	return child;
}

size_t retained_match(const struct retained *retained, struct span filter, retained_match_fn match,
		      void *context)
{
	struct search search = {.levels = &retained->topics, .match = match, .context = context};
	struct place place = {.path = filter};
	struct level *root = retained->topics.root;
	struct level *level = root;

	do {
		struct level *child = descend(&search, level, &place);
		if (child) {
			level = child;
			continue;
		}
		// This level is done: on to its next sibling if a + brought us here, else up.
		while (level != root) {
			struct level *next = is_wildcard(place_text(&place), '+')
						     ? eligible(&search, level->next)
						     : NULL;
			if (next) {
				level = next;
				break;
			}
			place_back(&place);
			level = level->parent;
		}
	} while (level != root);
	return search.found;
}
