/* Stealing: how half of a ring changes hands, and one of a queue. */
#include "runtime/queue.h"

struct slot *ring_steal(struct ring *from, struct ring *into)
{
	uint64_t head = load_acquire_64(&from->head);
	uint32_t real, count;

	// Into its own ring goes what there is room for: it is empty, but another thief may still
	// be copying what it had.
	ring_look_for_room(into);
	uint32_t tail = into->tail, room = into->full_at - tail;

	// First claim a stretch: from here on the owner does not take it, and does not overwrite
	// it.
	for (;;) {
		uint32_t stolen = (uint32_t)(head >> 32);
		real = (uint32_t)head;
		if (stolen != real)
			return NULL;                                      // another thief is at it
		uint32_t available = load_acquire_32(&from->tail) - real; // pairs with ring_push()
		if (available > RING_SIZE) {
			head = load_acquire_64(&from->head); // the two were not of one moment
			continue;
		}
		count = available - available / 2;
		if (!count)
			return NULL;
		if (count > room + 1)
			count = room + 1;
		if (swap_if_64(&from->head, head, (uint64_t)real << 32 | (real + count)))
			break;
		head = load_acquire_64(&from->head);
	}

	// All but the last go to the thief's own ring.
	for (uint32_t i = 0; i + 1 < count; i++)
		ck_pr_store_ptr(ring_entry(into, tail + i),
				ck_pr_load_ptr(ring_entry(from, real + i)));
	struct slot *slot = (struct slot *)ck_pr_load_ptr(ring_entry(from, real + count - 1));

	// Then give the stretch back: `stolen` catches up with wherever the owner has got to.
	head = ck_pr_load_64(&from->head);
	while (!swap_if_64(&from->head, head, (head & UINT32_MAX) << 32 | (head & UINT32_MAX)))
		head = ck_pr_load_64(&from->head);

	store_release_32(&into->tail, tail + count - 1); // pairs with other thieves' ring_steal()
	return slot;
}

struct slot *shared_queue_take_unpinned(struct shared_queue *queue)
{
	if (!shared_queue_count(queue))
		return NULL;
	pthread_mutex_lock(&queue->lock);
	struct slot *before = NULL, *slot = queue->list.first;
	for (; slot && slot->home != ANY_WORKER; slot = slot_list_after(slot))
		before = slot;
	if (slot)
		slot_list_take_out(&queue->list, before, slot);
	pthread_mutex_unlock(&queue->lock);
	return slot;
}
