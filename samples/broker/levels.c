/* A tree whose paths are topics cut at their slashes, for subscriptions with wildcards and for
 * retained messages. Knows no messages; what a + means is its users' business. */
#include "broker/levels.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool place_forward(struct place *place, bool at_root)
{
	size_t start = at_root ? 0 : place->end + 1;
	const uint8_t *slash = NULL;

	if (!at_root && place->end == place->path.size)
		return false;
	if (start < place->path.size)
		slash = memchr(place->path.at + start, '/', place->path.size - start);
	place->start = start;
	place->end = slash ? (size_t)(slash - place->path.at) : place->path.size;
	return true;
}

void place_back(struct place *place)
{
	if (!place->start) {
		place->end = 0;
		return;
	}
	place->end = place->start - 1;
	place->start = place->end;
	while (place->start && place->path.at[place->start - 1] != '/')
		place->start--;
}

struct span place_text(const struct place *place)
{
	return (struct span){place->path.at + place->start, place->end - place->start};
}

void levels_init(struct levels *levels, const struct hash_key *key)
{
	*levels = (struct levels){.key = *key, .root = resized(NULL, 1, sizeof(struct level))};
	*levels->root = (struct level){0};
}

static struct level *level_of(struct table_entry *entry)
{
	return (struct level *)entry; // its first member
}

/* The hash of a path: both halves are keyed, so the mixing need not be. */
static uint64_t hash_child(const struct levels *levels, const struct level *parent,
			   struct span text)
{
	uint64_t hash = hash_text(&levels->key, text) ^ parent->entry.hash * 0x9e3779b97f4a7c15u;

	return hash ^ hash >> 32;
}

static struct level *find_child(const struct levels *levels, const struct level *parent,
				struct span text, uint64_t hash)
{
	struct table_entry *entry = table_first(&levels->table, hash);

	for (; entry; entry = table_next(entry)) {
		struct level *level = level_of(entry);
		if (level->parent == parent &&
		    span_equal((struct span){level->text, level->size}, text))
			return level;
	}
	return NULL;
}

struct level *levels_child(const struct levels *levels, const struct level *parent,
			   struct span text)
{
	if (!parent->first_child)
		return NULL;
	return find_child(levels, parent, text, hash_child(levels, parent, text));
}

/* Where a parent keeps the child of this name, if it is a wildcard. */
static struct level **wildcard_of(struct level *parent, struct span text)
{
	if (text.size != 1)
		return NULL;
	return *text.at == '+' ? &parent->plus : *text.at == '#' ? &parent->rest : NULL;
}

static struct level *add_child(struct levels *levels, struct level *parent, struct span text,
			       uint64_t hash)
{
	struct level *level = resized(NULL, 1, sizeof(*level) + text.size);
	struct level **wildcard = wildcard_of(parent, text);

	*level = (struct level){
		.parent = parent,
		.next = parent->first_child,
		.size = (uint16_t)text.size,
	};
	if (text.size)
		memcpy(level->text, text.at, text.size);
	if (level->next)
		level->next->previous = level;
	parent->first_child = level;
	if (wildcard)
		*wildcard = level;
	table_add(&levels->table, &level->entry, hash);
	return level;
}

static void remove_level(struct levels *levels, struct level *level)
{
	struct level **wildcard =
		wildcard_of(level->parent, (struct span){level->text, level->size});

	if (level->previous)
		level->previous->next = level->next;
	else
		level->parent->first_child = level->next;
	if (level->next)
		level->next->previous = level->previous;
	if (wildcard)
		*wildcard = NULL;
	table_remove(&levels->table, &level->entry);
	free(level);
}

struct level *levels_find(const struct levels *levels, struct span path)
{
	const struct level *level = levels->root;
	struct place place = {.path = path};

	while (level && place_forward(&place, level == levels->root))
		level = levels_child(levels, level, place_text(&place));
	return (struct level *)level;
}

struct level *levels_add(struct levels *levels, struct span path)
{
	struct level *level = levels->root;
	struct place place = {.path = path};

	while (place_forward(&place, level == levels->root)) {
		struct span text = place_text(&place);
		uint64_t hash = hash_child(levels, level, text);
		struct level *child = find_child(levels, level, text, hash);
		level = child ? child : add_child(levels, level, text, hash);
	}
	return level;
}

static void free_level(struct table_entry *entry)
{
	free(level_of(entry));
}

void levels_trim(struct levels *levels, struct level *level)
{
	while (level != levels->root && !level->value && !level->first_child) {
		struct level *parent = level->parent;
		remove_level(levels, level);
		level = parent;
	}
}

struct level *levels_walk(const struct level *top, struct level *level)
{
	if (level->first_child)
		return level->first_child;
	while (level != top && !level->next)
		level = level->parent;
	return level == top ? NULL : level->next;
}

void levels_finish(struct levels *levels)
{
	table_clear(&levels->table, free_level);
	free(levels->root);
}
