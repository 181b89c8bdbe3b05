/*
 * The pool: a fiber that passes on what it gets. Each worker has a supervisor of its own, a child
 * of the pool, which starts it again in its place; so a worker's handle is good for as long as it
 * is in the pool. Knows nothing of what it passes on.
 *
 * How busy a worker is the pool learns by a mark that it sends behind a message: the mark is never
 * handled, but the runtime tells when its turn has come, and then all before it is done with. There
 * is one mark of a worker under way at a time, so it costs little when there is much to do.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

#include "actors/must.h"

NOH_MESSAGE(noh_pool_mark);
NOH_MESSAGE(noh_pool_is, (list, actor, workers));
NOH_REQUEST(noh_pool_begin, noh_pool_is, (owned, plan));
NOH_REQUEST(noh_pool_resize_to, noh_pool_is, (u64, workers));
NOH_REQUEST(noh_pool_list, noh_pool_is);

struct plan {
	struct noh_pool options;
	const struct noh_actor_type *type;
	void *state;
};

static void plan_destroy(void *argument)
{
	struct plan *plan = (struct plan *)argument;
	free(plan->state);
	free(plan);
}

// ---- how far a worker has come

// Outlives the pool or the worker, whichever ends first.
struct progress {
	struct noh_follow follow; // of the mark
	uint32_t holders;
	uint64_t mark;   // so many messages were sent when the mark was; the pool's
	uint64_t passed; // as many are done with, or more; written when the mark's turn has come
};

static void progress_drop(struct progress *progress)
{
	if (__atomic_fetch_sub(&progress->holders, 1, __ATOMIC_ACQ_REL) == 1)
		free(progress);
}

static bool is_mark_wanted(struct noh_follow *follow)
{
	(void)follow;
	return false;
}

static void mark_is_done(struct noh_follow *follow)
{
	struct progress *progress = (struct progress *)(void *)follow;
	__atomic_store_n(&progress->passed, progress->mark,
			 __ATOMIC_RELEASE); // pairs with waiting()
	progress_drop(progress);
}

static struct progress *progress_create(void)
{
	struct progress *progress = (struct progress *)must_have(sizeof(*progress));
	progress->follow = (struct noh_follow){is_mark_wanted, mark_is_done};
	progress->holders = 1;
	return progress;
}

// ---- workers

struct worker {
	noh_actor actor, supervisor;
	uint64_t sent;
	struct progress *progress;
	bool leaves; // gets no more messages
};

struct noh_pool_router {
	struct plan *plan;
	struct worker *workers; // those that leave behind the others
	size_t count, leaving, room;
	size_t next; // whose turn it is
	const struct noh_shared *mark;
};

static uint64_t waiting(const struct worker *worker)
{
	return worker->sent - __atomic_load_n(&worker->progress->passed, __ATOMIC_ACQUIRE);
}

static void send_mark(struct noh_pool_router *self, struct worker *worker)
{
	struct progress *progress = worker->progress;
	if (__atomic_load_n(&progress->passed, __ATOMIC_ACQUIRE) != progress->mark)
		return; // one is under way
	progress->mark = worker->sent;
	__atomic_fetch_add(&progress->holders, 1, __ATOMIC_RELAXED);
	if (noh_send_followed(worker->actor, noh_self(), self->mark, &progress->follow))
		progress_drop(progress);
}

// False: the runtime is shutting down.
static bool add_worker(struct noh_pool_router *self)
{
	const struct plan *plan = self->plan;
	noh_actor actor = NOH_NOBODY;
	struct noh_child children[2] = {{.size = sizeof(children[0]),
					 .type = plan->type,
					 .state = plan->state,
					 .restart = NOH_TRANSIENT,
					 .ret_handle = &actor}};
	struct noh_supervisor options = {.size = sizeof(options),
					 .name = plan->options.name,
					 .max_restarts = plan->options.max_restarts,
					 .within_ms = plan->options.within_ms};
	noh_actor supervisor = noh_supervise_list(&options, children);
	if (noh_same(supervisor, NOH_NOBODY))
		return false;

	if (self->count + self->leaving == self->room) {
		self->room = self->room ? 2 * self->room : 8;
		self->workers = (struct worker *)realloc(self->workers,
							 self->room * sizeof(self->workers[0]));
		if (!self->workers)
			abort();
	}
	self->workers[self->count + self->leaving] = self->workers[self->count];
	self->workers[self->count++] = (struct worker){
		.actor = actor, .supervisor = supervisor, .progress = progress_create()};
	noh_monitor(actor, true);
	return true;
}

// A life that fails before it gets to the stop takes that along; the next one is told again.
static void tell_to_leave(noh_actor worker)
{
	noh_monitor(worker, false);
	noh_stop(worker);
}

// The last ones handle what they have, and end.
static void resize(struct noh_pool_router *self, uint64_t wanted)
{
	while (self->count < wanted && add_worker(self)) {
	}
	while (self->count > wanted) {
		tell_to_leave(self->workers[--self->count].actor);
		self->leaving++;
	}
}

static void on_worker_down(struct noh_pool_router *self, const struct noh_down *msg)
{
	size_t i = 0, all = self->count + self->leaving;
	while (i < all && !noh_same(self->workers[i].actor, msg->who))
		i++;
	if (i == all)
		return;
	if (msg->restarting) {
		if (i >= self->count)
			tell_to_leave(msg->who);
		return;
	}

	noh_stop(self->workers[i].supervisor);
	progress_drop(self->workers[i].progress);
	memmove(&self->workers[i], &self->workers[i + 1], (all - i - 1) * sizeof(self->workers[0]));
	if (i >= self->count)
		self->leaving--;
	else if (!--self->count && msg->why == NOH_WHY_NORMAL)
		noh_end(0, NULL); // else its supervisor has given up, and takes the pool along
}

// ---- spreading

static struct worker *next_worker(struct noh_pool_router *self)
{
	self->next = (self->next + 1) % self->count;
	return &self->workers[self->next];
}

static struct worker *least_busy(struct noh_pool_router *self)
{
	struct worker *least = next_worker(self);
	for (size_t i = 1; i < self->count && waiting(least); i++) {
		struct worker *other = &self->workers[(self->next + i) % self->count];
		if (waiting(other) < waiting(least))
			least = other;
	}
	return least;
}

static uint64_t mixed(uint64_t key)
{
	key = (key ^ key >> 33) * 0xff51afd7ed558ccdu;
	key = (key ^ key >> 33) * 0xc4ceb9fe1a85ec53u;
	return key ^ key >> 33;
}

// Each worker draws a number for the key, and the highest wins: who comes or goes changes nothing
// among the others.
static struct worker *of_key(struct noh_pool_router *self, uint64_t key)
{
	struct worker *best = NULL;
	uint64_t highest = 0;
	for (size_t i = 0; i < self->count; i++) {
		uint64_t drawn = mixed(key ^ mixed(noh_number(self->workers[i].actor)));
		if (!best || drawn > highest) {
			best = &self->workers[i];
			highest = drawn;
		}
	}
	return best;
}

// The duty to answer goes with the first.
static void broadcast(struct noh_pool_router *self)
{
	for (size_t i = 0; i < self->count; i++)
		noh_forward(next_worker(self)->actor);
}

static void pass_on(struct noh_pool_router *self, const struct noh_delivery *in)
{
	const struct noh_pool *options = &self->plan->options;
	struct worker *worker;

	if (!self->count)
		return; // they all have gone, and so will the pool
	switch (options->spread) {
	case NOH_SPREAD_BROADCAST:
		broadcast(self);
		return;
	case NOH_SPREAD_HASH:
		worker = of_key(self, options->key ? options->key(in) : noh_number(noh_sender()));
		break;
	case NOH_SPREAD_LEAST_BUSY:
		worker = least_busy(self);
		break;
	default:
		worker = next_worker(self);
		break;
	}
	int err = noh_forward(worker->actor);
	if (err) {
		noh_reply_error(err, "no room in a worker's mailbox");
		return;
	}
	if (options->spread == NOH_SPREAD_LEAST_BUSY) {
		worker->sent++;
		send_mark(self, worker);
	}
}

// ---- the actor

static void router_finish(void *argument)
{
	struct noh_pool_router *self = (struct noh_pool_router *)argument;
	for (size_t i = 0; i < self->count + self->leaving; i++)
		progress_drop(self->workers[i].progress);
	free(self->workers);
	noh_shared_drop(self->mark);
}

static void reply_workers(const struct noh_pool_router *self)
{
	noh_actor *workers = (noh_actor *)noh_alloc((self->count + 1) * sizeof(*workers));
	for (size_t i = 0; i < self->count; i++)
		workers[i] = self->workers[i].actor;
	noh_reply(noh_pool_is, .workers = {workers, self->count});
	noh_drop(workers);
}

static void begin(struct noh_pool_router *self)
{
	const struct noh_pool_begin *msg = noh_as(noh_receive(-1, noh_pool_begin), noh_pool_begin);
	noh_defer(router_finish, self);
	self->mark = noh_share(noh_pool_mark);
	self->plan = (struct plan *)noh_keep(noh_pool_begin, msg)->plan.ptr;
	resize(self, self->plan->options.workers);
	reply_workers(self);
}

static void run_pool(struct noh_pool_router *self)
{
	begin(self);
	for (;;) {
		const struct noh_delivery *in = noh_receive(-1);
		const struct noh_pool_resize_to *to = noh_as(in, noh_pool_resize_to);
		if (to)
			resize(self, to->workers);
		if (to || noh_as(in, noh_pool_list))
			reply_workers(self);
		else if (noh_as(in, noh_down))
			on_worker_down(self, noh_as(in, noh_down));
		else
			pass_on(self, in);
	}
}

NOH_FIBER(noh_pool_router, run_pool);

// ---- for its users

noh_actor noh_pool_start_of(const struct noh_pool *options, const struct noh_child *child)
{
	struct noh_child worker = {0};
	memcpy(&worker, child, child->size < sizeof(worker) ? child->size : sizeof(worker));
	struct plan *plan = (struct plan *)must_have(sizeof(*plan));
	memcpy(&plan->options, options,
	       options->size < sizeof(plan->options) ? options->size : sizeof(plan->options));
	if (!plan->options.workers)
		plan->options.workers = noh_workers();
	if (!plan->options.name)
		plan->options.name = "pool";
	plan->type = worker.type;
	plan->state = must_have(worker.type->state_size + 1);
	memcpy(plan->state, worker.state, worker.type->state_size);

	noh_actor pool =
		noh_spawn_with(noh_pool_router, (.name = plan->options.name), .plan = NULL);
	const struct noh_pool_is *answer;
	int err = noh_ask(pool, noh_pool_begin, INT64_MAX, &answer, .plan = {plan, plan_destroy});
	return err || !answer->workers.count ? NOH_NOBODY : pool;
}

enum { RESIZE_MS = 5000 };

int noh_pool_resize(noh_actor pool, uint32_t workers)
{
	const struct noh_pool_is *answer;
	if (!workers)
		return -EINVAL;
	int err = noh_ask(pool, noh_pool_resize_to, RESIZE_MS, &answer, .workers = workers);
	if (!err && noh_same(noh_self(), NOH_NOBODY))
		noh_drop((void *)(uintptr_t)answer);
	return err;
}

int noh_pool_workers(noh_actor pool, noh_actor *ret_workers, size_t room)
{
	const struct noh_pool_is *answer;
	int err = noh_ask(pool, noh_pool_list, RESIZE_MS, &answer);
	if (err)
		return err;
	size_t count = answer->workers.count;
	for (size_t i = 0; ret_workers && i < count && i < room; i++)
		ret_workers[i] = answer->workers.at[i];
	if (noh_same(noh_self(), NOH_NOBODY))
		noh_drop((void *)(uintptr_t)answer);
	return (int)count;
}
