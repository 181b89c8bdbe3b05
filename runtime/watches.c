/* Monitors: set by a message to the watched, fired by one to the watcher, ended in the watcher's
 * own list. */
#include "runtime/watches.h"

#include <noh/noh.h>

bool watches_include(const struct slot *slot, uint64_t target)
{
	const struct extras *extras = slot->extras;
	for (uint32_t i = 0; extras && i < extras->watches.count; i++)
		if (extras->watches.at[i].target == target)
			return true;
	return false;
}

bool watches_take(struct slot *slot, uint64_t watch)
{
	struct extras *extras = slot->extras;
	for (uint32_t i = 0; extras && i < extras->watches.count; i++) {
		if (extras->watches.at[i].id == watch) {
			list_remove_at(&extras->watches, i);
			return true;
		}
	}
	return false;
}

static void unwatch(uint64_t self, const struct watch *watch)
{
	struct watcher watcher = {.id = watch->id, .who = self};
	post_control(watch->target, CONTROL_UNWATCH, self, &watcher, sizeof(watcher));
}

void watches_tell(struct slot *slot, uint64_t target, const struct child_ended *ended)
{
	uint64_t self = slot_handle(slot);
	for (uint32_t i = 0; i < slot->extras->watches.count; i++) {
		const struct watch *watch = &slot->extras->watches.at[i];
		if (watch->target != target)
			continue;
		unwatch(self, watch);
		post_down(self, watch->id, target, (int)ended->why, ended->code,
			  ended->reason ? ended->reason : "", true);
	}
}

void watches_drop(struct slot *slot)
{
	struct extras *extras = slot->extras;
	while (extras && extras->watches.count)
		unwatch(slot_handle(slot), &extras->watches.at[--extras->watches.count]);
}

void watchers_tell(struct extras *extras, uint64_t self, const struct ending *ending,
		   bool restarting, bool gone)
{
	for (uint32_t i = extras->watchers.count; i-- > 0;) {
		struct watcher *watcher = &extras->watchers.at[i];
		if (!gone && watcher->until_gone)
			continue;
		post_down(watcher->who, watcher->id, self, ending->why, ending->code,
			  ending->reason ? ending->reason : "", restarting);
		list_remove_at(&extras->watchers, i);
	}
}

void watchers_remove(struct slot *slot, const struct watcher *watcher)
{
	struct extras *extras = slot->extras;
	for (uint32_t i = 0; extras && i < extras->watchers.count; i++) {
		if (extras->watchers.at[i].id == watcher->id &&
		    extras->watchers.at[i].who == watcher->who) {
			list_remove_at(&extras->watchers, i);
			return;
		}
	}
}

uint64_t noh_monitor(noh_actor who, bool until_gone)
{
	struct worker *worker = worker_of_call("noh_monitor");
	struct extras *extras = extras_of(worker->running);
	struct watcher watcher = {
		.id = ++extras->next_watch, .who = worker->self, .until_gone = until_gone};

	list_add(&extras->watches, (struct watch){watcher.id, who.id});
	if (!slot_of(who.id))
		post_down(worker->self, watcher.id, who.id, NOH_WHY_NOBODY, 0, "nobody", false);
	else
		post_control(who.id, CONTROL_WATCH, worker->self, &watcher, sizeof(watcher));
	return watcher.id;
}

void noh_demonitor(uint64_t monitor)
{
	struct worker *worker = worker_of_call("noh_demonitor");
	struct extras *extras = worker->running->extras;
	for (uint32_t i = 0; extras && i < extras->watches.count; i++) {
		if (extras->watches.at[i].id == monitor) {
			unwatch(worker->self, &extras->watches.at[i]);
			list_remove_at(&extras->watches, i);
			return;
		}
	}
}
