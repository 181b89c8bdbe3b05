/* Joining: a fiber waits for the noh_down of a monitor, and for the result that may come right
 * before it. Knows how monitors are kept, not how actors end. */
#include <errno.h>

#include <noh/noh.h>

#include "runtime/deadlock.h"
#include "runtime/fiber.h"
#include "runtime/watches.h"

// Whom a join waits for, and, once the result has come, by which monitor.
struct joining {
	const noh_actor *actors;
	size_t count;
	uint64_t watch;
};

static bool is_end(const struct envelope *envelope, const void *argument)
{
	const struct joining *joining = (const struct joining *)argument;
	enum post_kind kind = post_kind(envelope);

	if (joining->watch)
		return kind == POST_DOWN && envelope->ask == joining->watch;
	if (kind != POST_DOWN && kind != POST_RESULT)
		return false;
	for (size_t i = 0; i < joining->count; i++)
		if (joining->actors[i].id == envelope->sender)
			return true;
	return false;
}

uint64_t fiber_joins(const struct slot *slot)
{
	const struct fiber *fiber = slot->extras->fiber;
	if (!fiber || slot_state(slot) != SLOT_ALIVE || fiber->state != FIBER_RECEIVES ||
	    fiber->is_wanted != is_end || fiber->deadline_ns != UINT64_MAX ||
	    slot->flags & SLOT_LOOKS)
		return 0;
	const struct joining *joining = (const struct joining *)fiber->argument;
	return joining->count == 1 && !joining->watch ? joining->actors[0].id : 0;
}

// Until the next join.
static void hold(struct fiber *fiber, struct envelope *envelope)
{
	envelope->next = fiber->joined;
	fiber->joined = envelope;
}

static int how_it_ended(const struct noh_down *down)
{
	return down->why == NOH_WHY_NORMAL ? 0 : down->why == NOH_WHY_NOBODY ? -ESRCH : -ECONNRESET;
}

// Each circle has somebody who joins another than a child of its own: there it is looked for. Who
// was joined by such a one looks, too: it may come to that later.
static bool may_close_circle(const struct fiber *fiber, uint64_t joined)
{
	const struct slot *slot = slot_if_alive(joined);
	return (fiber->hand && fiber->hand->ask) || fiber->slot->saved || fiber->is_joined ||
	       (slot && ck_pr_load_64(&slot->parent) != noh_self().id);
}

// Whether there is anybody but this fiber among them.
static bool others(const struct joining *joining)
{
	for (size_t i = 0; i < joining->count; i++)
		if (joining->actors[i].id != noh_self().id)
			return true;
	return false;
}

static int join(struct fiber *fiber, struct joining *joining, int64_t within_ms,
		struct noh_joined *how)
{
	if (within_ms < 0 && joining->count == 1 && may_close_circle(fiber, joining->actors[0].id))
		deadlock_look_before_join(worker_here(), joining->actors[0].id);
	fiber->in_circle = false;
	struct envelope *envelope = fiber_await(within_ms, is_end, joining);
	const struct noh_delivery *result = NULL;

	if (envelope && post_kind(envelope) == POST_RESULT) {
		uint32_t id = post_id(envelope);
		hold(fiber, envelope);
		fiber->joined_result = (struct noh_delivery){.id = id, .body = envelope->body};
		result = &fiber->joined_result;
		joining->watch = envelope->ask;
		envelope = fiber_await(-1, is_end, joining); // right behind it
	}
	if (!envelope)
		return fiber->in_circle ? -EDEADLK : -ETIMEDOUT;

	hold(fiber, envelope);
	const struct noh_down *down = (const struct noh_down *)envelope->body;
	*how = (struct noh_joined){.who = down->who,
				   .why = down->why,
				   .code = down->code,
				   .reason = down->reason,
				   .result = result};
	return how_it_ended(down);
}

int noh_join(noh_actor who, int64_t within_ms, struct noh_joined *ret_how)
{
	struct fiber *fiber = running_fiber("noh_join");
	struct joining joining = {.actors = &who, .count = 1};
	struct noh_joined how;
	uint64_t own = 0;

	if (!others(&joining))
		return -EDEADLK;
	fiber_give_back_joined(fiber);
	if (!watches_include(fiber->slot, who.id))
		own = noh_monitor(who, true);
	int err = join(fiber, &joining, within_ms, &how);
	if (err == -ETIMEDOUT || err == -EDEADLK)
		noh_demonitor(own);
	else if (ret_how)
		*ret_how = how;
	return err;
}

int noh_join_any(noh_actor *actors, size_t *count, int64_t within_ms, struct noh_joined *ret_how)
{
	struct fiber *fiber = running_fiber("noh_join_any");
	struct joining joining = {.actors = actors, .count = *count};
	struct noh_joined how;

	if (!*count)
		return -EINVAL;
	if (!others(&joining))
		return -EDEADLK;
	fiber_give_back_joined(fiber);
	for (size_t i = 0; i < *count; i++)
		if (!watches_include(fiber->slot, actors[i].id))
			noh_monitor(actors[i], true);
	int err = join(fiber, &joining, within_ms, &how);
	if (err == -ETIMEDOUT || err == -EDEADLK)
		return err;

	size_t place = 0;
	while (!noh_same(actors[place], how.who))
		place++;
	actors[place] = actors[--*count];
	if (ret_how)
		*ret_how = how;
	return err;
}
