/* Saved mail: a ring of envelopes linked by their `next`, entered at the newest. */
#include "runtime/saved.h"

#include <string.h>

#include "runtime/fibers.h"

#include "runtime/shared.h"

void saved_add(struct slot *slot, struct envelope *envelope)
{
	if (slot->saved) {
		envelope->next = slot->saved->next;
		slot->saved->next = envelope;
	} else {
		envelope->next = envelope;
	}
	slot->saved = envelope;
	slot->has_saved = true;
}

// Its sender's successor is just linking itself behind it, so it must stay the queue's node: its
// content moves instead.
static struct envelope *moved(struct envelope *envelope)
{
	bool is_shared = post_kind(envelope) == POST_SHARED;
	if (!is_shared && post_kind(envelope) != POST_CONTROL && post_id(envelope)) {
		const struct message_info *info = message_info(post_id(envelope));
		struct envelope *copy = post_again(envelope, envelope->to);
		message_disown(info, envelope->body);
		message_release(info, envelope->body);
		return copy;
	}

	// What a shared one refers to goes with its bytes.
	struct envelope *copy;
	size_t size = is_shared ? shared_size(message_info(post_id(envelope))) : sizeof(copy->body);
	copy = envelope_new(size, envelope->to);
	copy->sender = envelope->sender;
	copy->type |= post_type(envelope);
	copy->ask = envelope->ask;
	memcpy(copy->body, envelope->body, size);
	return copy;
}

struct envelope *saved_detach(struct slot *slot, struct envelope *envelope)
{
	return mailbox_detach(&slot->in, &slot->out) ? envelope : moved(envelope);
}

void saved_keep(struct slot *slot, struct envelope *envelope)
{
	saved_add(slot, saved_detach(slot, envelope));
}

struct envelope *saved_take_after(struct slot *slot, struct envelope *before)
{
	struct envelope *envelope = before->next;
	if (slot->flags & SLOT_FIBER)
		fiber_loses_saved(slot, envelope, before == slot->saved ? NULL : before);
	if (envelope == before) {
		slot->saved = NULL;
		slot->has_saved = false;
	} else if (envelope == slot->saved) {
		slot->saved = before;
	}
	before->next = envelope->next;
	return envelope;
}

struct envelope *saved_take(struct slot *slot)
{
	return slot->saved ? saved_take_after(slot, slot->saved) : NULL;
}

struct envelope *saved_find(const struct slot *slot, struct envelope *after,
			    bool (*is_wanted)(const struct envelope *, const void *),
			    const void *argument)
{
	struct envelope *before = after ? after : slot->saved;
	if (!before || after == slot->saved)
		return NULL;
	do {
		if (is_wanted(before->next, argument))
			return before;
		before = before->next;
	} while (before != slot->saved);
	return NULL;
}

struct envelope *saved_take_wanted(struct slot *slot,
				   bool (*is_wanted)(const struct envelope *, const void *),
				   const void *argument)
{
	struct envelope *before = saved_find(slot, NULL, is_wanted, argument);
	return before ? saved_take_after(slot, before) : NULL;
}

static bool is_caused(const struct envelope *envelope, const void *unused)
{
	(void)unused;
	return !is_from_user(envelope);
}

void saved_drop_caused(struct slot *slot)
{
	struct envelope *envelope;
	while ((envelope = saved_take_wanted(slot, is_caused, NULL))) {
		envelope_release(envelope);
		envelope_free(envelope);
	}
}

void saved_dead(struct noh_runtime *runtime, struct slot *slot, uint64_t to, const char *why)
{
	struct envelope *envelope;
	while ((envelope = saved_take(slot))) {
		dead_letter(runtime, envelope, to, why);
		envelope_free(envelope);
	}
}
