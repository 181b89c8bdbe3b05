/* Sending: from a handle and a body to an envelope in a mailbox. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

#include "runtime/bound.h"
#include "runtime/dead.h"
#include "runtime/post.h"
#include "runtime/recorder.h"
#include "runtime/shared.h"
#include "runtime/trace.h"

// `type` may be that of another envelope: the class is this one's own.
static inline struct envelope *message_envelope(uint64_t to, uint64_t from, uint32_t type,
						uint64_t ask, const void *body)
{
	const struct message_info *info = message_info(type & POST_ID_MASK);
	bool timed = type & POST_TIMED;
	struct envelope *envelope = envelope_new(
		timed ? message_size_with_word(info, body) : message_size(info, body), to);

	envelope->sender = from;
	envelope->type |= (type & ~(uint32_t)ENVELOPE_CLASS) | (ask || info->holds ? POST_HELD : 0);
	envelope->ask = ask;
	if (timed)
		message_copy_with_word(info, envelope->body, body);
	else
		message_copy(info, envelope->body, body);
	return envelope;
}

static inline void post_traced(struct slot *slot, uint64_t to, struct envelope *envelope)
{
	if (__builtin_expect(trace_on, 0))
		trace_send(envelope->sender, to, message_info(post_id(envelope)), envelope->body);
	post(slot, envelope);
}

// A user's message, which may be refused: then it has been given back.
static int post_user(struct slot *slot, uint64_t to, struct envelope *envelope)
{
	if (__builtin_expect(!ck_pr_load_8(&slot->bounded), 1)) {
		post_traced(slot, to, envelope);
		return 0;
	}
	if (trace_on)
		trace_send(envelope->sender, to, message_info(post_id(envelope)), envelope->body);
	int err = bound_post(slot, envelope);
	if (err)
		bound_give_back(envelope);
	return err;
}

void post_message(struct slot *slot, uint64_t to, uint64_t from, uint32_t type, uint64_t ask,
		  const void *body)
{
	post_traced(slot, to, message_envelope(to, from, type, ask, body));
}

void post_request(struct slot *slot, uint64_t to, uint64_t from, uint32_t type, uint64_t ask,
		  uint64_t deadline_ns, const void *body)
{
	struct envelope *envelope = message_envelope(to, from, type | POST_TIMED, ask, body);
	*post_deadline(envelope) = deadline_ns;
	if (__builtin_expect(!ck_pr_load_8(&slot->bounded), 1)) {
		post_traced(slot, to, envelope);
		return;
	}
	int err = bound_post(slot, envelope);
	if (err) {
		post_answer_error(from, ask, err, "the mailbox is full");
		envelope_release(envelope);
		envelope_free(envelope);
	}
}

struct envelope *post_again(struct envelope *envelope, uint64_t to)
{
	struct envelope *copy = message_envelope(to, envelope->sender, envelope->type,
						 envelope->ask, envelope->body);
	if (envelope->type & POST_TIMED)
		*post_deadline(copy) = *post_deadline(envelope);
	return copy;
}

// Any message, from any thread.
int send_marked(noh_actor to, const struct noh_message_type *type, const void *body, uint32_t mark,
		uint64_t ask)
{
	uint32_t id = noh_message_id(type);
	const struct message_info *info = message_info(id);
	struct worker *worker = this_worker;
	struct slot *slot = slot_of(to.id);

	if (recorder_here())
		return recorder_send(to, info, body);
	if (!slot) {
		message_drop_owned(info, body);
		return -EINVAL;
	}
	if (slot_handle(slot) != to.id) {
		dead_on_send(worker, to.id, info, body);
		return 0;
	}

	struct envelope *envelope =
		message_envelope(to.id, worker ? worker->self : 0, id | mark, ask, body);
	if (worker)
		count_send(worker, slot);
	return post_user(slot, to.id, envelope);
}

static __attribute__((noinline)) int wake_anyhow(struct worker *worker, struct slot *slot,
						 bool woken)
{
	ring_look_for_room(&worker->ring);
	if (woken && !runs_next(worker, slot) && !pinned_runs_next(worker, slot))
		schedule(slot);
	return 0;
}

// To one that is overloaded or bounded.
static __attribute__((noinline)) int send_to_marked(struct worker *worker, struct slot *slot,
						    noh_actor to, struct envelope *envelope)
{
	count_send(worker, slot);
	if (__builtin_expect(ck_pr_load_8(&slot->bounded), 0))
		return post_user(slot, to.id, envelope);
	return mailbox_push(&slot->in, envelope) ? wake_anyhow(worker, slot, true) : 0;
}

static __attribute__((noinline)) int send_words_anyhow(noh_actor to,
						       const struct noh_message_type *type,
						       uint64_t first, uint64_t second,
						       uint64_t third, uint64_t fourth)
{
	const uint64_t words[] = {first, second, third, fourth};
	return send_marked(to, type, words, 0, 0);
}

// What was begun in an envelope goes the longer way.
static __attribute__((noinline)) int send_anyhow(noh_actor to, const struct noh_message_type *type,
						 struct envelope *envelope)
{
	uint64_t words[4];
	memcpy(words, envelope->body, sizeof(words));
	envelope_free_small(envelope);
	return send_marked(to, type, words, 0, 0);
}

// The usual message: a few words, from an actor to one that is there, in an envelope that has them
// already. It calls nothing but in last place, and its callers write the words at once, so that
// they have no registers to save: that is most of what calls of this size cost.
static inline __attribute__((always_inline)) int send_words(struct worker *worker, noh_actor to,
							    const struct noh_message_type *type,
							    struct envelope *envelope)
{
	// Pairs with noh_message_intern().
	uint32_t id = __atomic_load_n(&type->words_id, __ATOMIC_ACQUIRE);
	if (__builtin_expect(!worker || !id, 0))
		return send_anyhow(to, type, envelope);
	// The index may be forged; then no slot, even if it is one, has this handle.
	struct slot *slot = &slot_table[handle_index(to.id)];
	if (__builtin_expect(!is_64(&slot->handle, to.id), 0))
		return send_anyhow(to, type, envelope);

	envelope_address(envelope, id, to.id); // of the class of one cache line
	envelope->ask = 0;
	envelope->sender = worker->self;
	if (__builtin_expect(!is_16(&slot->marks, 0), 0))
		return send_to_marked(worker, slot, to, envelope);
	worker->credit--;
	// If it was woken, the push has seen what its last turn left; before, a fiber may not have
	// been at home yet, or another tenant was here.
	if (__builtin_expect(!worker->wakes_vary, 1) ||
	    __builtin_expect(worker->fiber != NULL, 0)) {
		if (!mailbox_push_by_branch(&slot->in, envelope))
			return 0;
		if (__builtin_expect(!slot_is_shared_in(slot, worker->wakes_blindly), 0))
			return wake_anyhow(worker, slot, true);
		if (__builtin_expect(!ring_put_next(&worker->ring, slot), 0) &&
		    !ring_push_if(&worker->ring, slot, true))
			return wake_anyhow(worker, slot, true);
		int done = 0;
		__asm__("" : "+r"(done)); // or compilers jump from here to the other return
		return done;
	}
	// Nothing may branch on a wake while it varies: see ring_push_if(). (Not so from a fiber:
	// who yields gives way to those that it has woken.)
	bool woken = mailbox_push(&slot->in, envelope);
	if (__builtin_expect(!slot_is_shared_in(slot, worker->wakes_blindly), 0) ||
	    __builtin_expect(!ring_push_if(&worker->ring, slot, woken), 0))
		return wake_anyhow(worker, slot, woken);
	return 0;
}

static inline __attribute__((always_inline)) int send_two_words(struct worker *worker, noh_actor to,
								const struct noh_message_type *type,
								uint64_t first, uint64_t second)
{
	struct envelope *envelope = (struct envelope *)pool_take_at_hand(POOL_64);
	if (__builtin_expect(!envelope, 0))
		return send_words_anyhow(to, type, first, second, 0, 0);

	uint64_t *body = (uint64_t *)(void *)envelope->body;
	ck_pr_store_64(&body[0], first);
	ck_pr_store_64(&body[1], second);
	return send_words(worker, to, type, envelope);
}

static inline __attribute__((always_inline)) int
send_four_words(struct worker *worker, noh_actor to, const struct noh_message_type *type,
		uint64_t first, uint64_t second, uint64_t third, uint64_t fourth)
{
	struct envelope *envelope = (struct envelope *)pool_take_at_hand(POOL_64);
	if (__builtin_expect(!envelope, 0))
		return send_words_anyhow(to, type, first, second, third, fourth);

	uint64_t *body = (uint64_t *)(void *)envelope->body;
	ck_pr_store_64(&body[0], first);
	ck_pr_store_64(&body[1], second);
	ck_pr_store_64(&body[2], third);
	ck_pr_store_64(&body[3], fourth);
	return send_words(worker, to, type, envelope);
}

int noh_send_two_words(noh_actor to, const struct noh_message_type *type, uint64_t first,
		       uint64_t second)
{
	return send_two_words(this_sender, to, type, first, second);
}

int noh_send_four_words(noh_actor to, const struct noh_message_type *type, uint64_t first,
			uint64_t second, uint64_t third, uint64_t fourth)
{
	return send_four_words(this_sender, to, type, first, second, third, fourth);
}

// Whatever noh_sender() says, also in a fiber, under a trace, and where a handler is tested.
static __attribute__((noinline)) int send_back_anyhow(const struct noh_message_type *type,
						      uint64_t first, uint64_t second,
						      uint64_t third, uint64_t fourth)
{
	return send_words_anyhow(noh_sender(), type, first, second, third, fourth);
}

int noh_send_back_two_words(const struct noh_message_type *type, uint64_t first, uint64_t second)
{
	struct worker *worker = this_sender;
	if (__builtin_expect(!worker || !worker->hand, 0))
		return send_back_anyhow(type, first, second, 0, 0);
	return send_two_words(worker, (noh_actor){worker->hand->sender}, type, first, second);
}

int noh_send_back_four_words(const struct noh_message_type *type, uint64_t first, uint64_t second,
			     uint64_t third, uint64_t fourth)
{
	struct worker *worker = this_sender;
	if (__builtin_expect(!worker || !worker->hand, 0))
		return send_back_anyhow(type, first, second, third, fourth);
	return send_four_words(worker, (noh_actor){worker->hand->sender}, type, first, second,
			       third, fourth);
}

int noh_send_type(noh_actor to, const struct noh_message_type *type, const void *body)
{
	return send_marked(to, type, body, 0, 0);
}

int noh_forward(noh_actor to)
{
	struct worker *worker = worker_of_call("noh_forward");
	struct envelope *hand = worker->hand;
	if (hand && post_kind(hand) == POST_SHARED)
		return shared_forward(to, hand);
	if (!hand || post_kind(hand) > POST_GATED || post_kind(hand) == POST_ANSWER)
		return -ENOMSG;

	const struct message_info *info = message_info(post_id(hand));
	struct slot *slot = slot_of(to.id);
	if (recorder_here())
		return recorder_send(to, info, hand->body);
	if (!slot)
		return -EINVAL;

	// Like any that comes too late.
	if (slot_handle(slot) != to.id) {
		dead_count(worker->runtime, to.id, hand->sender, info, hand->body, "nobody there");
		if (post_kind(hand) == POST_MESSAGE && hand->ask)
			post_answer_error(hand->sender, hand->ask, -ESRCH, "nobody there");
	} else {
		// The envelope in hand is still the queue's node: its content goes on in another.
		struct envelope *envelope = post_again(hand, to.id);
		envelope->type &= (1u << POST_SHIFT) - 1; // a user's message from here on
		if (post_kind(hand) != POST_MESSAGE)
			envelope->ask = 0;
		count_send(worker, slot);
		int err = post_user(slot, to.id, envelope);
		if (err)
			return err;
		message_disown(info, hand->body);
	}
	if (post_kind(hand) == POST_MESSAGE)
		post_answered(hand); // the duty to answer went with it
	return 0;
}

bool deliver(uint64_t to, uint64_t from, const struct noh_message_type *type, const void *body,
	     struct gate *gate)
{
	struct slot *slot = slot_if_alive(to);
	if (!slot) {
		if (gate)
			gate->ops->retired(gate, body);
		return false;
	}

	post_message(slot, to, from, (uint32_t)POST_GATED << POST_SHIFT | noh_message_id(type),
		     (uint64_t)(uintptr_t)gate, body);
	return true;
}

void post_control(uint64_t to, enum control control, uint64_t sender, const void *body, size_t size)
{
	struct slot *slot = slot_of(to);
	if (__builtin_expect(!slot, 0))
		return;

	struct envelope *envelope = control_envelope(control, to, sender, body, size);
	if (__builtin_expect(slot_handle(slot) != to, 0)) {
		control_undelivered(envelope, to);
		envelope_free(envelope);
		return;
	}
	post(slot, envelope);
}

void post_caused(uint64_t to, uint64_t from, enum post_kind kind, uint64_t ask,
		 const struct noh_message_type *type, const void *body)
{
	struct slot *slot = slot_if_alive(to);
	if (slot)
		post_message(slot, to, from, (uint32_t)kind << POST_SHIFT | noh_message_id(type),
			     ask, body);
}

void post_down(uint64_t watcher, uint64_t watch, uint64_t who, int why, int64_t code,
	       const char *reason, bool restarting)
{
	struct noh_down down = {.who = {who},
				.why = why,
				.code = code,
				.reason = reason,
				.restarting = restarting,
				.monitor = watch};
	post_caused(watcher, who, POST_DOWN, watch, &noh_down_message, &down);
}

void post_exit(uint64_t to, uint64_t from, struct link_named link, int why, int64_t code,
	       const char *reason)
{
	struct noh_exit exit = {.from = {from}, .why = why, .code = code, .reason = reason};
	post_caused(to, from, POST_EXIT, link_named_word(link), &noh_exit_message, &exit);
}

void post_answer_error(uint64_t asker, uint64_t ask, int err, const char *text)
{
	struct slot *slot = slot_if_alive(asker);
	if (!slot)
		return;

	struct answer_error error = {.err = err, .text = text ? strdup(text) : NULL};
	struct envelope *envelope = control_envelope(0, asker, this_worker ? this_worker->self : 0,
						     &error, sizeof(error));
	envelope->type = (envelope->type & ENVELOPE_CLASS) | (uint32_t)POST_ANSWER << POST_SHIFT;
	// (The id is 0: an error.)
	envelope->ask = ask;
	post(slot, envelope);
}

void post_ending(uint64_t actor, uint32_t how)
{
	struct slot *slot = slot_if_alive(actor);
	if (!slot)
		return;

	// Only ever advances to this handle's generation, so that it cannot hit a later tenant.
	uint32_t generation = handle_generation(actor), present = ck_pr_load_32(&slot->ending);
	while (present >> ENDING_BITS <= generation && slot_handle(slot) == actor) {
		uint32_t wanted = generation << ENDING_BITS | how;
		if (present >> ENDING_BITS == generation)
			wanted |= present;
		if (swap_if_32(&slot->ending, present,
			       wanted)) // pairs with the turn's look between messages
			break;
		present = ck_pr_load_32(&slot->ending);
	}
	post_control(actor, CONTROL_WAKE, this_worker ? this_worker->self : 0, NULL, 0);
}

void noh_stop(noh_actor actor)
{
	post_control(actor.id, CONTROL_STOP, this_worker ? this_worker->self : 0, NULL, 0);
}

void noh_kill(noh_actor actor)
{
	post_ending(actor.id, ENDING_KILL);
}
