/* Results: kept as an envelope that nobody has sent, of which each watcher gets a copy right before
 * its noh_down. A result is good as long as its monitor. */
#include "runtime/results.h"

#include <stdlib.h>

#include <noh/noh.h>

#include "runtime/life.h"
#include "runtime/watches.h"

struct envelope *result_create(const struct noh_message_type *type, const void *body)
{
	uint32_t id = noh_message_id(type);
	const struct message_info *info = message_info(id);
	struct envelope *result = envelope_new(message_size(info, body), 0);

	result->type = (uint32_t)POST_RESULT << POST_SHIFT | id;
	message_copy(info, result->body, body);
	return result;
}

void result_destroy(struct envelope *result)
{
	envelope_release(result);
	envelope_free(result);
}

// A parent outlives its children; only noh_become() may change what it accepts, meanwhile.
static bool parent_accepts(struct slot *parent, const struct noh_message_type *type)
{
	return accepts((const struct noh_actor_type *)ck_pr_load_ptr(&parent->type), type);
}

void result_post(struct envelope *result, uint64_t to, uint64_t from, uint64_t watch)
{
	const struct message_info *info = message_info(post_id(result));
	struct slot *slot = slot_if_alive(to);
	if (!slot || (!watch && !parent_accepts(slot, &info->type)))
		return;
	post_message(slot, to, from, result->type, watch, result->body);
	message_disown(info, result->body); // the first has them
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

void noh_finish_type(const struct noh_message_type *type, const void *body)
{
	struct worker *worker = worker_of_call("noh_finish");
	if (worker->end_asked) {
		message_drop_owned(message_info(noh_message_id(type)), body);
		return; // the first one counts
	}
	noh_end(0, NULL);
	worker->end_result = result_create(type, body);
}
