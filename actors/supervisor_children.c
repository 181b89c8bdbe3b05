/* Children in a list, found by id or by handle without going through it. */
#include "actors/supervisor_children.h"

#include <string.h>

#include <noh/noh.h>

static uint64_t hash_of(const char *id)
{
	uint64_t hash = 0xcbf29ce484222325u;
	for (; *id; id++)
		hash = (hash ^ (unsigned char)*id) * 0x100000001b3u;
	return hash ? hash : 1;
}

struct place *children_add(struct children *children, const struct noh_child *spec)
{
	struct place *place = (struct place *)noh_alloc(sizeof(*place));
	place->spec = spec;
	place->before = children->last;
	if (children->last)
		children->last->after = place;
	else
		children->first = place;
	children->last = place;
	children->count++;

	uint64_t hash = hash_of(spec->id);
	struct key_entry *entry = key_map_find(&children->by_id, hash);
	if (!entry)
		entry = key_map_add(&children->by_id, hash);
	place->same_hash = (struct place *)entry->value;
	entry->value = place;
	return place;
}

static void forget_id(struct children *children, const struct place *place)
{
	struct key_entry *entry = key_map_find(&children->by_id, hash_of(place->spec->id));
	struct place *first = (struct place *)entry->value;
	if (first == place) {
		entry->value = place->same_hash;
	} else {
		while (first->same_hash != place)
			first = first->same_hash;
		first->same_hash = place->same_hash;
	}
	if (!entry->value)
		key_map_remove(&children->by_id, entry);
}

void children_remove(struct children *children, struct place *place)
{
	if (place->before)
		place->before->after = place->after;
	else
		children->first = place->after;
	if (place->after)
		place->after->before = place->before;
	else
		children->last = place->before;
	children->count--;
	forget_id(children, place);
	children_set_handle(children, place, NOH_NOBODY);
	child_end_destroy(place->end);
	noh_drop(place->kept);
	noh_drop(place);
}

struct place *children_find(const struct children *children, const char *id)
{
	struct key_entry *entry = key_map_find(&children->by_id, hash_of(id));
	struct place *place = entry ? (struct place *)entry->value : NULL;
	while (place && strcmp(place->spec->id, id))
		place = place->same_hash;
	return place;
}

struct place *children_find_handle(const struct children *children, noh_actor child)
{
	struct key_entry *entry = key_map_find(&children->by_handle, child.id);
	return entry ? (struct place *)entry->value : NULL;
}

void children_set_handle(struct children *children, struct place *place, noh_actor child)
{
	if (place->child.id)
		key_map_remove(&children->by_handle,
			       key_map_find(&children->by_handle, place->child.id));
	place->child = child;
	if (child.id)
		key_map_add(&children->by_handle, child.id)->value = place;
}

enum noh_child_state place_seen(const struct place *place)
{
	static const enum noh_child_state seen[] = {
		[PLACE_EMPTY] = NOH_CHILD_ABSENT,     [PLACE_STARTING] = NOH_CHILD_STARTING,
		[PLACE_RUNNING] = NOH_CHILD_RUNNING,  [PLACE_STOPPING] = NOH_CHILD_STOPPING,
		[PLACE_ENDED] = NOH_CHILD_RESTARTING, [PLACE_RESTING] = NOH_CHILD_RESTARTING,
		[PLACE_LEAVING] = NOH_CHILD_STOPPING};
	return seen[place->state];
}

static void drop(void *infos)
{
	noh_drop(infos);
}

struct noh_children children_list(const struct children *children)
{
	struct noh_child_info *infos =
		(struct noh_child_info *)noh_alloc(children->count * sizeof(*infos));
	size_t count = 0;

	noh_defer(drop, infos);
	for (const struct place *place = children->first; place; place = place->after)
		infos[count++] =
			(struct noh_child_info){.id = place->spec->id,
						.child = place->child,
						.state = place_seen(place),
						.is_supervisor = place->spec->supervisor != NULL};
	return (struct noh_children){.children = {infos, count}};
}

struct noh_child_counts children_counts(const struct children *children)
{
	struct noh_child_counts counts = {.specs = children->count};
	for (const struct place *place = children->first; place; place = place->after) {
		enum noh_child_state state = place_seen(place);
		counts.active += state == NOH_CHILD_STARTING || state == NOH_CHILD_RUNNING ||
				 state == NOH_CHILD_STOPPING;
		counts.supervisors += place->spec->supervisor != NULL;
	}
	counts.workers = counts.specs - counts.supervisors;
	return counts;
}
