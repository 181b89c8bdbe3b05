/* Answering: the request in hand, or one that was taken over earlier, from any actor. Knows nothing
 * of who waits for the answer. */
#include <errno.h>

#include <noh/noh.h>

#include "runtime/asks.h"
#include "runtime/recorder.h"

static int answer(uint64_t asker, uint64_t ask, uint32_t id, const void *body)
{
	struct slot *slot = slot_if_alive(asker);
	if (recorder_here())
		return recorder_send((noh_actor){asker}, message_info(id), body);
	if (!slot) {
		message_drop_owned(message_info(id), body);
		return 0;
	}
	post_message(slot, asker, this_worker ? this_worker->self : 0,
		     (uint32_t)POST_ANSWER << POST_SHIFT | id, ask, body);
	if (this_worker)
		this_worker->credit--;
	return 0;
}

// The request in hand, or NULL.
static struct envelope *request_in_hand(struct worker *worker)
{
	struct envelope *hand = worker->hand;
	return hand && post_kind(hand) == POST_MESSAGE && hand->ask ? hand : NULL;
}

int noh_reply_type(const struct noh_message_type *type, const void *body)
{
	struct worker *worker = worker_of_call("noh_reply");
	struct envelope *hand = request_in_hand(worker);
	uint32_t id = noh_message_id(type);
	if (!hand) {
		message_drop_owned(message_info(id), body);
		return -ENOMSG;
	}

	const struct noh_message_type *request = &message_info(post_id(hand))->type;
	uint64_t ask = hand->ask;
	post_answered(hand);
	if (request->answer && noh_message_id(request->answer) != id) {
		message_drop_owned(message_info(id), body);
		post_answer_error(hand->sender, ask, -EPROTO, "an answer of another type");
		noh_fail("answers %s with %s", request->name, type->name);
	}
	return answer(hand->sender, ask, id, body);
}

int noh_reply_error(int err, const char *text)
{
	struct envelope *hand = request_in_hand(worker_of_call("noh_reply_error"));
	if (!hand)
		return -ENOMSG;
	post_answer_error(hand->sender, hand->ask, err < 0 ? err : -EINVAL, text);
	post_answered(hand);
	return 0;
}

// That others answered what this actor took, nobody tells it. Whose time is over waits no more.
static void forget_overdue(struct worker *worker, struct rare *rare)
{
	uint64_t now_ns = runtime_now_ns(worker->runtime);
	for (uint32_t i = rare->taken.count; i-- > 0;)
		if (rare->taken.at[i].deadline_ns < now_ns)
			list_remove_at(&rare->taken, i);
}

noh_reply_to noh_reply_later(void)
{
	struct worker *worker = worker_of_call("noh_reply_later");
	struct envelope *hand = request_in_hand(worker);
	if (!hand)
		return (noh_reply_to){0};

	const struct noh_message_type *expected = message_info(post_id(hand))->type.answer;
	noh_reply_to to = {.asker = {hand->sender},
			   .ask = hand->ask,
			   .answer_id = expected ? noh_message_id(expected) : 0};
	struct rare *rare = rare_of(worker->running);
	if (rare->taken.count == rare->taken.room)
		forget_overdue(worker, rare);
	list_add(&rare->taken,
		 (struct taken_request){hand->sender, hand->ask, asks_deadline(worker)});
	hand->ask = 0;
	return to;
}

static void forget_taken(noh_reply_to to)
{
	struct rare *rare =
		this_worker && this_worker->running ? rare_if_any(this_worker->running) : NULL;
	for (uint32_t i = 0; rare && i < rare->taken.count; i++) {
		if (rare->taken.at[i].asker == to.asker.id && rare->taken.at[i].ask == to.ask) {
			list_remove_at(&rare->taken, i);
			return;
		}
	}
}

int noh_reply_at_type(noh_reply_to to, const struct noh_message_type *type, const void *body)
{
	uint32_t id = noh_message_id(type);
	if (!to.ask) {
		message_drop_owned(message_info(id), body);
		return -ENOMSG;
	}
	forget_taken(to);
	if (to.answer_id && to.answer_id != id) {
		message_drop_owned(message_info(id), body);
		post_answer_error(to.asker.id, to.ask, -EPROTO, "an answer of another type");
		noh_fail("answers a request with %s, which it does not expect", type->name);
	}
	return answer(to.asker.id, to.ask, id, body);
}

int noh_reply_error_at(noh_reply_to to, int err, const char *text)
{
	if (!to.ask)
		return -ENOMSG;
	forget_taken(to);
	post_answer_error(to.asker.id, to.ask, err < 0 ? err : -EINVAL, text);
	return 0;
}
