/* Shared messages: made, held, sent one by one or to many, followed on their way. */
#include "runtime/shared.h"

#include <errno.h>
#include <string.h>

#include <noh/noh.h>

#include "mailbox/bytes.h"
#include "runtime/bound.h"
#include "runtime/recorder.h"
#include "runtime/trace.h"

// The copy of the message lies behind it.
struct shared {
	struct noh_shared shown;
	_Alignas(8) char body[];
};

static const struct message_info *info_of(const struct noh_shared *message)
{
	return message_info(message->type->id);
}

// ---- making and holding

static void release(void *room)
{
	struct shared *shared = (struct shared *)room;
	message_release(info_of(&shared->shown), shared->body);
}

static const struct noh_shared *share(const struct message_info *info, const void *body)
{
	struct shared *shared =
		buffer_create_room(sizeof(*shared) + message_size(info, body), release);
	shared->shown = (struct noh_shared){&info->type, shared->body};
	message_copy(info, shared->body, body);
	return &shared->shown;
}

const struct noh_shared *noh_share_type(const struct noh_message_type *type, const void *body)
{
	const struct message_info *info = message_info(noh_message_id(type));
	if (message_moves(info)) {
		message_drop_owned(info, body);
		return NULL;
	}
	return share(info, body);
}

const struct noh_shared *noh_shared_hold(const struct noh_shared *message)
{
	if (message)
		buffer_retain(buffer_of_room(message));
	return message;
}

void noh_shared_drop(const struct noh_shared *message)
{
	if (message)
		buffer_release(buffer_of_room(message));
}

void noh_shared_hold_more(const struct noh_shared *message, int32_t holders)
{
	if (message)
		buffer_retain_more(buffer_of_room(message), holders);
}

const void *noh_shared_lend(const struct noh_shared *message)
{
	struct worker *worker = worker_of_call("noh_shared_lend");
	scratch_bytes(scratch_here(worker), (noh_bytes){.owner = buffer_of_room(message)});
	return message->body;
}

// ---- envelopes

static struct noh_follow **follow_of(const struct envelope *envelope,
				     const struct message_info *info)
{
	return (struct noh_follow **)(uintptr_t)(envelope->body + shared_size(info) -
						 sizeof(struct noh_follow *));
}

// Takes over one hold of the message. One that is followed does not count against a bound: who
// follows it sees by itself how much the receiver has not handled yet.
static int post_shared(struct slot *slot, noh_actor to, uint64_t from,
		       const struct noh_shared *message, struct noh_follow *follow)
{
	const struct message_info *info = info_of(message);
	struct envelope *envelope = envelope_new(shared_size(info), to.id);

	envelope->sender = from;
	envelope->type |= (uint32_t)POST_SHARED << POST_SHIFT | info->type.id;
	envelope->ask = (uintptr_t)message;
	if (info->type.size)
		memcpy(envelope->body, message->body, info->type.size);
	*follow_of(envelope, info) = follow;
	if (__builtin_expect(trace_on, 0))
		trace_send(from, to.id, info, message->body);
	if (this_worker && follow)
		this_worker->credit--; // who follows them holds back by itself
	else if (this_worker)
		count_send(this_worker, slot);
	if (__builtin_expect(follow || !ck_pr_load_8(&slot->bounded), 1)) {
		post(slot, envelope);
		return 0;
	}
	int err = bound_post(slot, envelope);
	if (err)
		bound_give_back(envelope);
	return err;
}

bool shared_is_wanted(const struct envelope *envelope)
{
	struct noh_follow *follow = *follow_of(envelope, message_info(post_id(envelope)));
	return !follow || !follow->is_wanted || follow->is_wanted(follow);
}

void shared_done(struct envelope *envelope)
{
	struct noh_follow *follow = *follow_of(envelope, message_info(post_id(envelope)));
	noh_shared_drop((const struct noh_shared *)(uintptr_t)envelope->ask);
	if (follow)
		follow->done(follow);
}

int shared_forward(noh_actor to, const struct envelope *hand)
{
	const struct noh_shared *message = (const struct noh_shared *)(uintptr_t)hand->ask;
	struct slot *slot = slot_of(to.id);

	if (!slot)
		return -EINVAL;
	if (slot_handle(slot) != to.id)
		return noh_send_type(to, message->type, message->body); // a dead letter
	return post_shared(slot, to, hand->sender, noh_shared_hold(message), NULL);
}

// ---- sending

int noh_send_shared(noh_actor to, const struct noh_shared *message)
{
	struct slot *slot = slot_if_alive(to.id);

	// Without anything that it points to there is nothing to be shared.
	if (!slot || info_of(message)->flat || (!this_sender && recorder_here()))
		return noh_send_type(to, message->type, message->body);
	return post_shared(slot, to, this_worker ? this_worker->self : 0, noh_shared_hold(message),
			   NULL);
}

int noh_send_followed(noh_actor to, noh_actor from, const struct noh_shared *message,
		      struct noh_follow *follow)
{
	struct slot *slot = slot_if_alive(to.id);
	if (!slot)
		return -ESRCH;
	post_shared(slot, to, from.id, noh_shared_hold(message), follow);
	return 0;
}

static int publish_copies(const noh_actor *to, size_t count, const struct noh_message_type *type,
			  const void *body)
{
	int sent = 0;
	for (size_t i = 0; i < count; i++)
		if (slot_if_alive(to[i].id) && !noh_send_type(to[i], type, body))
			sent++;
	return sent;
}

static int publish_shared(const noh_actor *to, size_t count, const struct message_info *info,
			  const void *body)
{
	struct worker *worker = this_worker;
	const struct noh_shared *message = share(info, body);
	struct noh_buffer *buffer = buffer_of_room(message);
	uint32_t sent = 0;

	// All holds at once, before anybody can give one back.
	buffer_retain_more(buffer, (int32_t)count);
	int32_t given = 0;
	for (size_t i = 0; i < count; i++) {
		struct slot *slot = slot_if_alive(to[i].id);
		if (!slot)
			continue;
		given++;
		if (!post_shared(slot, to[i], worker ? worker->self : 0, message, NULL))
			sent++;
	}
	buffer_retain_more(buffer, given - (int32_t)count - 1);
	return (int)sent;
}

int noh_publish_type(const noh_actor *to, size_t count, const struct noh_message_type *type,
		     const void *body)
{
	const struct message_info *info = message_info(noh_message_id(type));

	if (message_moves(info)) {
		message_drop_owned(info, body);
		return -EINVAL;
	}
	if (recorder_here()) {
		for (size_t i = 0; i < count; i++)
			recorder_send(to[i], info, body);
		return (int)count;
	}
	if (info->flat || !count)
		return publish_copies(to, count, type, body);
	return publish_shared(to, count, info, body);
}
