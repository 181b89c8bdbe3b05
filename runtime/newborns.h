/*
 * Where actors wait that have been spawned and have not begun: for each worker a stack, and a queue
 * for those who wait until it is empty. Knows slots only as what it links.
 *
 * The newest begins first. So a tree of actors that spawn actors is gone through depth first: few
 * are alive at a time, and what they touch is still in the cache. Who spawns and has more to do
 * waits in the queue until its newborn ones have begun. Once in a while somebody old goes first, so
 * that nobody is kept waiting for ever by younger ones.
 *
 * Only the worker pushes onto the stack. It may take one from the top by compare-and-swap: what it
 * compares with cannot come back in between, since nobody else pushes. Thieves take the whole
 * stack, by an exchange. So links are followed by who has taken them out, or by the worker, whose
 * compare-and-swap fails if they were not its own any more. There are never more than
 * NEWBORNS_MOST: going through them is short.
 */
#ifndef NOH_RUNTIME_NEWBORNS_H
#define NOH_RUNTIME_NEWBORNS_H

#include "runtime/queue.h"

enum { NEWBORNS_MOST = 512, NEWBORNS_OLD_NS = 1000 * 1000 };

struct newborns {
	_Alignas(CACHE_LINE) struct slot *newest; // the others through queue_next
	uint32_t count;    // of the stack, if there is one; written by the worker
	uint64_t since_ns; // there has been one; likewise

	// The worker's.
	bool any;              // false: there is nobody, neither here nor in the queue
	bool rest;             // the worker has just taken one: it is the others' turn
	struct slot *parent;   // of the newest
	uint64_t old_since_ns; // when somebody old had to go first, or there was none

	struct shared_queue later;
};

void newborns_init(struct newborns *newborns);
void newborns_finish(struct newborns *newborns);

/* Anybody; a guess. */
static inline uint32_t newborns_count(const struct newborns *newborns)
{
	uint32_t count = ck_pr_load_ptr(&newborns->newest) ? ck_pr_load_32(&newborns->count) : 0;
	return count + shared_queue_count(&newborns->later);
}

/* Anybody; a guess. Whether there has been a stack for so long that it must be that of a tree,
 * which grows from it. */
static inline bool newborns_are_many_to_be(const struct newborns *newborns, uint64_t now_ns)
{
	return ck_pr_load_ptr(&newborns->newest) &&
	       now_ns > ck_pr_load_64(&newborns->since_ns) + NEWBORNS_OLD_NS;
}

/* The worker. Spawned by `parent`, in its turn; NULL: by nobody. */
void newborns_push(struct newborns *newborns, struct slot *slot, struct slot *parent,
		   uint64_t now_ns);

/* The worker. Who had its turn and has more to do: true if it must wait for what it has spawned,
 * and does so here. */
static inline bool newborns_keep_parent(struct newborns *newborns, struct slot *slot)
{
	if (newborns->parent != slot)
		return false;
	newborns->parent = NULL;
	newborns->any = true;
	shared_queue_push(&newborns->later, slot);
	return true;
}

/* The worker, if there are any. Who begins, or goes on, next; or NULL. */
struct slot *newborns_take_any(struct newborns *newborns, uint64_t now_ns);

/* The same; but not twice in a row if `by_turns`. */
static inline struct slot *newborns_take(struct newborns *newborns, uint64_t now_ns, bool by_turns)
{
	if (__builtin_expect(!newborns->any, 1))
		return NULL;
	newborns->rest = by_turns && !newborns->rest;
	return newborns->rest || !by_turns ? newborns_take_any(newborns, now_ns) : NULL;
}

/* Another worker, the owner of `into`, which is empty. Moves half of what there is; returns one of
 * it, not in `into`, or NULL. The other half of a stack, and what finds no room, goes to `inject`:
 * the thief, who is awake, will see to it if nobody else does. */
struct slot *newborns_steal(struct newborns *from, struct ring *into, struct shared_queue *inject);

#endif
