/* A pool: alike actors behind one handle, which spreads among them what is sent to it. */
#ifndef NOH_POOL_H
#define NOH_POOL_H

#include <noh/supervisor.h>

NOH_BEGIN

/* Which worker gets a message. */
enum noh_spread {
	NOH_SPREAD_ROUND_ROBIN, // each in its turn
	NOH_SPREAD_LEAST_BUSY,  // the one with the fewest messages that wait or are in hand
	NOH_SPREAD_HASH,        // all messages of one key the same one
	NOH_SPREAD_BROADCAST    // every one; who asked gets the answer of one of them
};

/* What a pool is like. Zero means the default. A worker that needs more than `max_restarts` (3)
 * within `within_ms` (5000) ends the pool as failed. */
struct noh_pool {
	size_t size;
	const char *name; // for logs; static
	uint32_t workers; // as many as the runtime has
	enum noh_spread spread;
	noh_key_fn key; // for NOH_SPREAD_HASH: the sender. Runs in the pool, must not wait
	int64_t max_restarts;
	int64_t within_ms;
};

/* Starts a pool of workers that are all made like one child (its state, and nothing else of it,
 * counts): `noh_actor tellers = noh_pool_start((.workers = 8), NOH_CHILD(teller, (.bank = bank)));`
 *
 * What is sent to the pool reaches a worker with its sender and its reply address, so it is asked
 * as a worker is. A worker that fails or is killed is started again in its place: what it had in
 * hand is lost, and its asker hears -ECONNRESET at once; what waits for it waits on; the others go
 * on. Who asks when a worker's mailbox is full hears -EAGAIN. One that ends normally leaves the
 * pool; the last one ends it. From one sender to one worker messages keep their order; with
 * NOH_SPREAD_HASH and the default key all of a sender's do.
 *
 * Fibers. The pool is a child of the caller; its end is that of its workers. Copies all it is
 * given. Returns when all have been spawned; NOH_NOBODY when the runtime is shutting down. */
#define noh_pool_start(options, child)                                                             \
	noh_pool_start_of(NOH_VALUE(noh_pool, .size = sizeof(struct noh_pool), NOH_STRIP options), \
			  NOH_ARRAY(const struct noh_child, child))
noh_actor noh_pool_start_of(const struct noh_pool *options, const struct noh_child *child);

/* Makes the pool larger or smaller, to at least one worker. Those that are too many handle what
 * they have received, then end. With NOH_SPREAD_HASH only the keys of workers that come or go move,
 * and these lose their order. Fibers, plain threads. Returns 0, or as noh_ask(). */
int noh_pool_resize(noh_actor pool, uint32_t workers);

/* How many workers the pool has; NULL, or an array of `room` for their handles. Fibers, plain
 * threads. Returns their number, or as noh_ask(). */
int noh_pool_workers(noh_actor pool, noh_actor *ret_workers, size_t room);

NOH_END
#endif
