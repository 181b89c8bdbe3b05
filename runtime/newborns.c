/* The stack of newborn actors, and the queue behind it. */
#include "runtime/newborns.h"

static struct slot *under(const struct slot *slot)
{
	uint32_t index = ck_pr_load_32(&slot->queue_next);
	return index ? &slot_table[index] : NULL;
}

static void link_to(struct slot *slot, const struct slot *next)
{
	ck_pr_store_32(&slot->queue_next, next ? slot_index(next) : 0);
}

void newborns_init(struct newborns *newborns)
{
	pthread_mutex_init(&newborns->later.lock, NULL);
}

void newborns_finish(struct newborns *newborns)
{
	pthread_mutex_destroy(&newborns->later.lock);
}

// All of the stack, the oldest first.
static struct slot_list take_all(struct newborns *newborns)
{
	struct slot_list oldest_first = {0};
	// Pairs with newborns_push().
	struct slot *slot = (struct slot *)exchange((void **)&newborns->newest, NULL);

	while (slot) {
		struct slot *next = under(slot);
		slot_list_put_back(&oldest_first, slot);
		slot = next;
	}
	return oldest_first;
}

static void put_off(struct newborns *newborns)
{
	struct slot_list all = take_all(newborns);
	shared_queue_append(&newborns->later, &all);
}

void newborns_push(struct newborns *newborns, struct slot *slot, struct slot *parent,
		   uint64_t now_ns)
{
	newborns->parent = parent;
	newborns->any = true;

	struct slot *newest = (struct slot *)ck_pr_load_ptr(&newborns->newest);
	if (newest && newborns->count >= NEWBORNS_MOST) {
		put_off(newborns);
		newest = NULL;
	}
	if (newest) {
		link_to(slot, newest);
		if (swap_if((void **)&newborns->newest, newest, slot)) { // pairs with take_all()
			ck_pr_store_32(&newborns->count, newborns->count + 1);
			return;
		}
		// A thief has just taken them.
	}
	link_to(slot, NULL);
	newborns->old_since_ns = now_ns;
	ck_pr_store_64(&newborns->since_ns, now_ns);
	ck_pr_store_32(&newborns->count, 1);
	store_release((void **)&newborns->newest, slot); // pairs with take_all()
}

// Who has waited longest: in the queue, or else at the bottom of the stack.
static struct slot *take_oldest(struct newborns *newborns)
{
	struct slot *oldest = shared_queue_take(&newborns->later);
	if (oldest)
		return oldest;

	struct slot_list all = take_all(newborns);
	oldest = slot_list_take(&all);
	shared_queue_append(&newborns->later, &all);
	return oldest;
}

struct slot *newborns_take_any(struct newborns *newborns, uint64_t now_ns)
{
	struct slot *newest = (struct slot *)ck_pr_load_ptr(&newborns->newest);

	newborns->parent = NULL;
	if (newest) {
		if (__builtin_expect(now_ns > newborns->old_since_ns + NEWBORNS_OLD_NS, 0)) {
			newborns->old_since_ns = now_ns;
			return take_oldest(newborns);
		}
		// Pairs with take_all().
		if (swap_if((void **)&newborns->newest, newest, under(newest))) {
			ck_pr_store_32(&newborns->count, newborns->count - 1);
			return newest;
		}
	}
	newest = shared_queue_take(&newborns->later);
	newborns->any = newest != NULL;
	return newest;
}

struct slot *newborns_steal(struct newborns *from, struct ring *into, struct shared_queue *inject)
{
	// The older half, which may well become the larger one.
	struct slot_list taken = take_all(from);
	uint32_t count = taken.count - taken.count / 2;

	if (!taken.first) {
		pthread_mutex_lock(&from->later.lock);
		count = from->later.list.count - from->later.list.count / 2;
		if (count > RING_SIZE)
			count = RING_SIZE;
		for (uint32_t i = 0; i < count; i++)
			slot_list_push(&taken, slot_list_take(&from->later.list));
		pthread_mutex_unlock(&from->later.lock);
	}
	struct slot *slot = slot_list_take(&taken);
	while (count-- > 1) {
		struct slot *moved = slot_list_take(&taken);
		if (!ring_push(into, moved)) {
			slot_list_put_back(&taken, moved);
			break;
		}
	}
	if (taken.first)
		shared_queue_append(inject, &taken);
	return slot;
}
