/* Results: kept as an envelope that nobody has sent, of which each watcher gets a copy right before
 * its noh_down. A result is good as long as its monitor. */
#include "runtime/results.h"

#include <stdlib.h>

#include <noh/noh.h>

#include "runtime/fiber.h"
#include "runtime/life.h"
#include "runtime/watches.h"

static struct envelope *result_create(const struct noh_message_type *type, const void *body)
{
	uint32_t id = noh_message_id(type);
	const struct message_info *info = message_info(id);
	struct envelope *result = envelope_new(message_size(info, body), 0);

	result->type |= (uint32_t)POST_RESULT << POST_SHIFT | id;
	message_copy(info, result->body, body);
	return result;
}

void result_destroy(struct envelope *result)
{
	envelope_release(result);
	envelope_free(result);
}

static void send_copy(struct envelope *result, struct slot *slot, uint64_t to, uint64_t from,
		      uint64_t watch)
{
	post_message(slot, to, from, result->type, watch, result->body);
	message_disown(message_info(post_id(result)), result->body); // the first has them
}

void result_post(struct envelope *result, uint64_t watcher, uint64_t from, uint64_t watch)
{
	struct slot *slot = slot_if_alive(watcher);
	if (slot)
		send_copy(result, slot, watcher, from, watch);
}

void result_tell_parent(const struct extras *extras, uint64_t parent, uint64_t self, bool in_limbo)
{
	struct slot *slot = slot_if_alive(parent);
	const struct relations *relations = extras->relations;
	struct envelope *result = extras->rare->result;
	const struct relation *watcher =
		relations ? relations_with(relations, RELATION_WATCHER, parent, NULL) : NULL;
	if (!slot)
		return;

	if (watcher) {
		// It comes by the monitor; but of one in limbo the parent is told now.
		for (; watcher && in_limbo;
		     watcher = relations_with(relations, RELATION_WATCHER, parent, watcher))
			send_copy(result, slot, parent, self, watcher->id);
		return;
	}

	// It outlives its children; only noh_become() may change what it accepts, meanwhile.
	const struct noh_actor_type *type =
		(const struct noh_actor_type *)ck_pr_load_ptr(&slot->type);
	if (accepts(type, &message_info(post_id(result))->type))
		send_copy(result, slot, parent, self, 0);
}

bool result_comes(struct slot *slot, const struct envelope *envelope)
{
	struct relation *watch = watches_find(slot, envelope->ask);

	if (slot->flags & SLOT_FIBER) {
		if (watch)
			watch->has_result = true;
		return watch;
	}
	// A parent that watches gets the one of its monitor.
	return accepts(slot->type, &message_info(post_id(envelope))->type) &&
	       (envelope->ask ? watch != NULL : !watches_include(slot, envelope->sender));
}

bool result_take(struct slot *slot, const struct envelope *envelope)
{
	struct relation *watch = watches_find(slot, envelope->ask);
	if (watch)
		watch->has_result = false;
	return watch;
}

static bool is_result_of(const struct envelope *envelope, const void *watch)
{
	return post_kind(envelope) == POST_RESULT && envelope->ask == *(const uint64_t *)watch;
}

void results_drop(struct slot *slot, uint64_t watch)
{
	struct relation *relation = watches_find(slot, watch);
	struct envelope *envelope;

	// (A predicate of noh_receive_if() looks at them one by one; they are refused after it.)
	if (!relation || !relation->has_result || slot->extras->fiber->examined)
		return;
	while ((envelope = saved_take_wanted(slot, is_result_of, &watch)))
		result_destroy(envelope);
}

void noh_finish_type(const struct noh_message_type *type, const void *body)
{
	struct worker *worker = worker_of_call("noh_finish");
	struct rare *rare = rare_of(worker->running);
	if (worker->end_asked || rare->result) {
		message_drop_owned(message_info(noh_message_id(type)), body);
		return; // the first one counts
	}
	noh_end(0, NULL);
	rare->result = result_create(type, body);
}
