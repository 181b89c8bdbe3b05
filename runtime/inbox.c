/* Inboxes of tests: slots that only record; and how a test compares what came. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <noh/test.h>

#include "runtime/dead.h"
#include "runtime/post.h"
#include "runtime/recorder.h"
#include "runtime/saved.h"
#include "runtime/trace.h"

// ---- inboxes

struct inbox {
	struct owned owned;
	struct slot *slot;
	struct envelope *shown; // lives until the next look
};

static void close_inbox(struct owned *owned)
{
	struct inbox *inbox = (struct inbox *)(void *)owned;
	struct slot *slot = inbox->slot;
	uint64_t handle = slot_handle(slot);
	struct envelope *envelope;

	while ((envelope = mailbox_take(&slot->in, &slot->out))) {
		if (post_kind(envelope) == POST_CONTROL)
			control_undelivered(envelope, handle);
		else
			envelope_release(envelope);
	}
	mailbox_go_idle(&slot->in, &slot->out);
	saved_dead(NULL, slot, handle, "closed");
	if (inbox->shown) {
		envelope_release(inbox->shown);
		envelope_free(inbox->shown);
	}
	free(inbox);
	slot->state = NULL;
	slot->kind = SLOT_ACTOR;
	if (slot_advance(slot))
		slot_give(&worker_here()->slots, slot);
}

noh_actor noh_test_inbox(void)
{
	struct worker *worker = worker_of_call("noh_test_inbox");
	struct slot *slot = slot_take(&worker->slots);
	struct inbox *inbox = must_allocate_zeroed(sizeof(*inbox));

	slot->kind = SLOT_INBOX;
	slot_set_runtime(slot, worker->runtime);
	slot->state = inbox;
	inbox->slot = slot;
	inbox->owned.release = close_inbox;
	own(&inbox->owned);
	return (noh_actor){slot_handle(slot)};
}

static void collect(struct slot *slot)
{
	struct envelope *envelope;
	while ((envelope = mailbox_take(&slot->in, &slot->out)))
		saved_keep(slot, envelope);
}

static bool is_of_type(const struct envelope *envelope, const void *id)
{
	return post_kind(envelope) != POST_CONTROL && post_id(envelope) == *(const uint32_t *)id;
}

static bool is_message(const struct envelope *envelope, const void *unused)
{
	(void)unused;
	return post_kind(envelope) != POST_CONTROL && post_id(envelope);
}

static struct envelope *show(struct slot *slot,
			     bool (*is_wanted)(const struct envelope *, const void *),
			     const void *argument)
{
	struct inbox *inbox = (struct inbox *)slot->state;
	if (inbox->shown) {
		envelope_release(inbox->shown);
		envelope_free(inbox->shown);
	}
	collect(slot);
	return inbox->shown = saved_take_wanted(slot, is_wanted, argument);
}

static struct slot *inbox_of(noh_actor inbox)
{
	struct slot *slot = slot_if_alive(inbox.id);
	return slot && slot->kind == SLOT_INBOX ? slot : NULL;
}

const void *noh_test_take_type(noh_actor inbox, const struct noh_message_type *type)
{
	struct slot *slot = inbox_of(inbox);
	uint32_t id = noh_message_id(type);
	struct envelope *envelope = slot ? show(slot, is_of_type, &id) : NULL;
	return envelope ? envelope->body : NULL;
}

// ---- comparing

static bool compare(const struct message_info *got, const void *got_body,
		    const struct message_info *expected, const void *body, const char *file,
		    int line)
{
	if (got == expected && message_equal(expected, body, got_body))
		return true;

	char wanted[512], found[512] = "nothing";
	message_print(expected, body, actor_name, wanted, sizeof(wanted));
	if (got)
		message_print(got, got_body, actor_name, found, sizeof(found));
	fprintf(stderr, "%s:%d: expected %s, got %s\n", file, line, wanted, found);
	return false;
}

bool noh_test_sent_type(noh_actor to, const struct noh_message_type *type, const void *body,
			const char *file, int line)
{
	const struct message_info *expected = message_info(noh_message_id(type));
	struct slot *slot = inbox_of(to);
	if (slot) {
		struct envelope *envelope = show(slot, is_message, NULL);
		return compare(envelope ? message_info(post_id(envelope)) : NULL,
			       envelope ? envelope->body : NULL, expected, body, file, line);
	}

	const void *sent_body = NULL;
	const struct message_info *sent = recorder_take(to, &sent_body);
	return compare(sent, sent_body, expected, body, file, line);
}
