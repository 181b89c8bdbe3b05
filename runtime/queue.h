/*
 * Where runnable actors wait: a worker's next slot and ring, of which others may steal, and plain
 * lists under a mutex. Knows slots only as pointers.
 *
 * An actor that is woken while the next slot is empty goes there, and runs next: what it was sent
 * is still in the cache. The others go to the end of the ring; and so do all that short messages
 * from handlers wake, where wakes vary (pace.c).
 *
 * The ring has one producer (its worker) and any number of consumers. `head` packs two indices:
 * `real`, the next entry to be taken, and `stolen`, up to which thieves have finished copying. A
 * thief moves `real` forward first, copies, then lets `stolen` catch up; meanwhile the owner may
 * take more but not overwrite, and a second thief that sees them differ gives up.
 */
#ifndef NOH_RUNTIME_QUEUE_H
#define NOH_RUNTIME_QUEUE_H

#include <pthread.h>

#include "runtime/slot.h"

enum { RING_SIZE = 256 };
#define NEXT_ALWAYS_WANTED (1u << 31)

struct ring {
	_Alignas(CACHE_LINE) uint64_t head; // stolen << 32 | real; the owner and thieves
	_Alignas(CACHE_LINE) uint32_t tail; // the owner
	uint32_t full_at;     // the tail with which it has no room, or had none; the owner's
	uint32_t next_wanted; // so many thieves want the next slot now; and NEXT_ALWAYS_WANTED
			      // where there is no barrier by which the owner sees it
	void *places[1 + RING_SIZE]; // the next slot, put by the owner, taken by anyone; the
				     // entries
};

/* Anybody; a guess unless it is the owner who finds it empty: others only take. */
static inline struct slot *ring_next(const struct ring *ring)
{
	return (struct slot *)ck_pr_load_ptr(&ring->places[0]);
}

/* Owner only. */
static inline bool ring_has_next(const struct ring *ring)
{
	return !is_ptr(&ring->places[0], NULL);
}

static inline void **ring_entry(struct ring *ring, uint32_t index)
{
	return &ring->places[1 + index % RING_SIZE];
}

/* Anybody; a guess unless nobody else is at it. */
static inline uint32_t ring_count(const struct ring *ring)
{
	return ck_pr_load_32(&ring->tail) - (uint32_t)ck_pr_load_64(&ring->head);
}

/* Owner only, and before the first use. Looks how much room thieves and takers have left. */
static inline void ring_look_for_room(struct ring *ring)
{
	uint32_t stolen = (uint32_t)(load_acquire_64(&ring->head) >>
				     32); // pairs with ring_steal()'s last swap
	ring->full_at = stolen + RING_SIZE;
}

/* Owner only. False: no room. */
static inline bool ring_push(struct ring *ring, struct slot *slot)
{
	uint32_t tail = ring->tail;
	ring_look_for_room(ring);
	if (tail == ring->full_at)
		return false;
	ck_pr_store_ptr(ring_entry(ring, tail), slot);
	store_release_32(&ring->tail, tail + 1); // pairs with ring_steal()
	return true;
}

/* Owner only. False: somebody is next already. */
static inline bool ring_put_next(struct ring *ring, struct slot *slot)
{
	if (ring_has_next(ring))
		return false;
	store_release(&ring->places[0], slot); // pairs with steal_next()
	return true;
}

/* Owner only. Puts an actor into the ring if it was woken. False: there may be no room;
 * ring_look_for_room() finds out.
 *
 * Where many talk to many, nobody can predict whether a receiver is idle; a wrong guess costs more
 * than all of this. So it does not branch on that: what was not woken is put where nobody looks.
 * Where wakes do not vary, a branch costs less. */
static inline bool ring_push_if(struct ring *ring, struct slot *slot, bool woken)
{
	uint32_t tail = ring->tail;
	if (__builtin_expect(tail == ring->full_at, 0))
		return false;
	ck_pr_store_ptr(ring_entry(ring, tail), slot);
	store_release_32(&ring->tail, tail + woken); // pairs with ring_steal()
	return true;
}

/* Owner only, between turns: it runs nobody since before, and until it runs whom it takes. Then no
 * thief may take the next slot unless the owner sees that it is wanted (schedule.c, steal_next()),
 * so mostly there is no need of an atomic operation. NULL: nobody is next. */
static inline struct slot *ring_take_next(struct ring *ring)
{
	ck_pr_barrier();
	if (__builtin_expect(!is_32(&ring->next_wanted, 0), 0))
		return ring_has_next(ring) ? (struct slot *)exchange( // pairs with steal_next()
						     &ring->places[0], NULL)
					   : NULL;
	ck_pr_fence_acquire(); // pairs with steal_next(): who wanted it has taken it before
	struct slot *slot = ring_next(ring);
	if (slot)
		ck_pr_store_ptr(&ring->places[0], NULL);
	return slot;
}

/* Owner only. */
static inline struct slot *ring_take(struct ring *ring)
{
	uint64_t head = ck_pr_load_64(&ring->head);
	for (;;) {
		uint32_t stolen = (uint32_t)(head >> 32), real = (uint32_t)head;
		if (real == ring->tail)
			return NULL;
		uint32_t next = real + 1;
		uint64_t moved = (uint64_t)(stolen == real ? next : stolen) << 32 | next;
		struct slot *slot = (struct slot *)ck_pr_load_ptr(ring_entry(ring, real));
		if (swap_if_64(&ring->head, head, moved)) // pairs with thieves' swaps
			return slot;
		head = ck_pr_load_64(&ring->head);
	}
}

/* The owner of `into`, which is empty. Moves half of what `from` has; returns one of it, not in
 * `into`, or NULL. */
struct slot *ring_steal(struct ring *from, struct ring *into);

// A first-in first-out list of slots, through queue_next.
struct slot_list {
	struct slot *first, *last;
	uint32_t count;
};

static inline void slot_list_push(struct slot_list *list, struct slot *slot)
{
	ck_pr_store_32(&slot->queue_next, 0);
	if (list->first)
		ck_pr_store_32(&list->last->queue_next, slot_index(slot));
	else
		list->first = slot;
	list->last = slot;
	ck_pr_store_32(&list->count, list->count + 1);
}

// For what has just been taken and finds no place.
static inline void slot_list_put_back(struct slot_list *list, struct slot *slot)
{
	ck_pr_store_32(&slot->queue_next, list->first ? slot_index(list->first) : 0);
	if (!list->first)
		list->last = slot;
	list->first = slot;
	ck_pr_store_32(&list->count, list->count + 1);
}

// All of another list, behind its own. The other one is not to be used any more.
static inline void slot_list_append(struct slot_list *list, const struct slot_list *other)
{
	if (!other->first)
		return;
	if (list->first)
		ck_pr_store_32(&list->last->queue_next, slot_index(other->first));
	else
		list->first = other->first;
	list->last = other->last;
	ck_pr_store_32(&list->count, list->count + other->count);
}

static inline struct slot *slot_list_after(const struct slot *slot)
{
	return slot->queue_next ? &slot_table[slot->queue_next] : NULL;
}

// Who comes behind `before`, or first if that is NULL.
static inline void slot_list_take_out(struct slot_list *list, struct slot *before,
				      struct slot *slot)
{
	if (before)
		ck_pr_store_32(&before->queue_next, slot->queue_next);
	else
		list->first = slot_list_after(slot);
	if (list->last == slot)
		list->last = before;
	ck_pr_store_32(&list->count, list->count - 1);
}

static inline struct slot *slot_list_take(struct slot_list *list)
{
	struct slot *slot = list->first;
	if (slot) {
		list->first = slot_list_after(slot);
		ck_pr_store_32(&list->count, list->count - 1);
	}
	return slot;
}

// The same for many threads. `list.count` may be read without the lock; who is about to park trusts
// it, so it must not go down for a moment while nobody is taken.
struct shared_queue {
	_Alignas(CACHE_LINE) pthread_mutex_t lock;
	struct slot_list list;
};

static inline void shared_queue_push(struct shared_queue *queue, struct slot *slot)
{
	pthread_mutex_lock(&queue->lock);
	slot_list_push(&queue->list, slot);
	pthread_mutex_unlock(&queue->lock);
}

static inline void shared_queue_append(struct shared_queue *queue, const struct slot_list *list)
{
	pthread_mutex_lock(&queue->lock);
	slot_list_append(&queue->list, list);
	pthread_mutex_unlock(&queue->lock);
}

static inline uint32_t shared_queue_count(const struct shared_queue *queue)
{
	return ck_pr_load_32(&queue->list.count);
}

static inline struct slot *shared_queue_take(struct shared_queue *queue)
{
	if (!shared_queue_count(queue))
		return NULL;
	pthread_mutex_lock(&queue->lock);
	struct slot *slot = slot_list_take(&queue->list);
	pthread_mutex_unlock(&queue->lock);
	return slot;
}

/* The first that any worker may run; or NULL. */
struct slot *shared_queue_take_unpinned(struct shared_queue *queue);

#endif
