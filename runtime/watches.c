/* Monitors: set by a message to the watched, fired by one to the watcher, ended in the watcher's
 * own table. */
#include "runtime/watches.h"

#include <noh/noh.h>

#include "runtime/results.h"

bool watches_include(const struct slot *slot, uint64_t target)
{
	const struct relations *relations = relations_if_any(slot);
	return relations && relations_with(relations, RELATION_WATCH, target, NULL);
}

struct relation *watches_find(const struct slot *slot, uint64_t id)
{
	const struct relations *relations = relations_if_any(slot);
	struct relation *relation = relations ? relations_asked(relations, id) : NULL;
	return relation && relation->kind == RELATION_WATCH ? relation : NULL;
}

bool watches_take(struct slot *slot, uint64_t watch)
{
	struct relation *relation = watches_find(slot, watch);
	if (relation)
		relations_remove(slot->extras->relations, relation);
	return relation;
}

static void unwatch(uint64_t self, const struct relation *watch)
{
	struct watcher watcher = {.id = watch->id};
	post_control(watch->peer, CONTROL_UNWATCH, self, &watcher, sizeof(watcher));
}

void watches_tell(struct slot *slot, uint64_t target, const struct child_ended *ended)
{
	const struct relations *relations = relations_if_any(slot);
	const struct relation *watch = NULL;
	uint64_t self = slot_handle(slot);

	while (relations && (watch = relations_with(relations, RELATION_WATCH, target, watch))) {
		unwatch(self, watch);
		post_down(self, watch->id, target, (int)ended->why, ended->code,
			  ended->reason ? ended->reason : "", true);
	}
}

void watches_drop(struct slot *slot)
{
	struct relations *relations = slot->extras->relations;
	struct relation *watch;

	for (uint32_t place = 0; (watch = relations_each(relations, RELATION_WATCH, &place));) {
		unwatch(slot_handle(slot), watch);
		relations_remove(relations, watch);
	}
}

void watchers_tell(struct extras *extras, uint64_t self, const struct ending *ending,
		   bool restarting, bool gone)
{
	struct relations *relations = extras->relations;
	const struct rare *rare = extras->rare;
	struct relation *watcher;

	for (uint32_t place = 0;
	     relations && (watcher = relations_each(relations, RELATION_WATCHER, &place));) {
		if (!gone && watcher->until_gone)
			continue;
		if (rare && rare->result && ending->why == NOH_WHY_NORMAL)
			result_post(rare->result, watcher->peer, self, watcher->id);
		post_down(watcher->peer, watcher->id, self, ending->why, ending->code,
			  ending->reason ? ending->reason : "", restarting);
		relations_remove(relations, watcher);
	}
}

void watchers_add(struct slot *slot, uint64_t who, const struct watcher *watcher)
{
	relations_add(relations_of(slot), RELATION_WATCHER, who, watcher->id, watcher->until_gone);
}

void watchers_remove(struct slot *slot, uint64_t who, const struct watcher *watcher)
{
	struct relations *relations = relations_if_any(slot);
	struct relation *relation =
		relations ? relations_find(relations, RELATION_WATCHER, who, watcher->id) : NULL;
	if (relation)
		relations_remove(relations, relation);
}

uint64_t noh_monitor(noh_actor who, bool until_gone)
{
	struct worker *worker = worker_of_call("noh_monitor");
	struct relations *relations = relations_of(worker->running);
	struct watcher watcher = {.until_gone = until_gone};

	watcher.id = relations_ask(relations, RELATION_WATCH, who.id, until_gone);
	if (!slot_of(who.id))
		post_down(worker->self, watcher.id, who.id, NOH_WHY_NOBODY, 0, "nobody", false);
	else
		post_control(who.id, CONTROL_WATCH, worker->self, &watcher, sizeof(watcher));
	return watcher.id;
}

void noh_demonitor(uint64_t monitor)
{
	struct worker *worker = worker_of_call("noh_demonitor");
	struct relation *watch = watches_find(worker->running, monitor);
	if (watch) {
		results_drop(worker->running, monitor);
		unwatch(worker->self, watch);
		relations_remove(worker->running->extras->relations, watch);
	}
}
