/*
 * The mailbox: an unbounded intrusive queue, many senders, one owner. Knows envelopes, not actors.
 *
 * It is Vyukov's queue with one bit added. `head` is the newest envelope; `tail` is an envelope
 * that has been handled already and only holds the link to the next (or the stub, when there is
 * none; an owner may also leave it there while it handles the first). Bit 0 of `head` says "idle":
 * the owner is not scheduled. So the one exchange by which a sender enqueues also tells it whether
 * it must schedule the owner, and exactly one sender is told so.
 *
 * Why nothing is lost and nothing is freed early:
 *  - A sender owns the predecessor's `next` from its exchange to its store; the owner never frees
 * an envelope before it has read a non-NULL `next` from it, or has swung `head` away from it by a
 * compare-and-swap that proves that nobody has exchanged it.
 *  - That compare-and-swap cannot suffer from reuse: only the owner frees the envelope it compares
 * with.
 *  - Between the sender's exchange and its store the queue looks shorter than it is. The owner then
 * sees no next and fails to go idle; it looks again later, and must not wait, since the sender may
 * have been preempted.
 *  - The stub is only ever linked in by the owner, and its `next` is cleared only while it is out
 * of the queue. A model of this protocol is checked in tests/models.
 */
#ifndef NOH_MAILBOX_MAILBOX_H
#define NOH_MAILBOX_MAILBOX_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mailbox/atomic.h"
#include "mailbox/envelope.h"

// The senders' side. Lies in another cache line than the owner's.
struct mailbox_in {
	_Alignas(struct envelope) struct envelope
		*stub; // the stub's `next`: this field stands in for an envelope
	void *head;    // newest envelope, bit 0: idle
};

// The owner's side.
struct mailbox_out {
	struct envelope *tail; // handled already, or the stub
};

static inline struct envelope *mailbox_stub(struct mailbox_in *in)
{
	return (struct envelope *)(void *)&in->stub;
}

static inline void *mailbox_idle(struct envelope *envelope)
{
	return (void *)((uintptr_t)envelope + 1);
}

/* Owner only, before anyone can push. Empty and idle. */
static inline void mailbox_init(struct mailbox_in *in, struct mailbox_out *out)
{
	in->stub = NULL;
	in->head = mailbox_idle(mailbox_stub(in));
	out->tail = mailbox_stub(in);
}

// The first of a push's two steps: the former head, which is to be linked to the envelope.
static inline uintptr_t mailbox_exchange(struct mailbox_in *in, struct envelope *envelope)
{
	ck_pr_store_ptr(&envelope->next, NULL);
	return (uintptr_t)exchange(&in->head,
				   envelope); // pairs with mailbox_go_idle(), mailbox_detach()
}

/* Any thread. The envelope belongs to the mailbox from here on. True if the mailbox was idle: the
 * caller, and nobody else, must schedule its owner. */
static inline bool mailbox_push(struct mailbox_in *in, struct envelope *envelope)
{
	uintptr_t former = mailbox_exchange(in, envelope);
	struct envelope *previous = (struct envelope *)(former & ~(uintptr_t)1);
	store_release((void **)&previous->next, envelope); // pairs with mailbox_take()
	return former & 1;
}

/* The same, where it can be foreseen whether it is idle: then it is the stub that is linked, whose
 * place is known before the exchange has ended. */
static inline bool mailbox_push_by_branch(struct mailbox_in *in, struct envelope *envelope)
{
	uintptr_t former = mailbox_exchange(in, envelope);
	if (former & 1) {
		store_release((void **)&in->stub, envelope); // pairs with mailbox_take()
		return true;
	}
	struct envelope *previous = (struct envelope *)former;
	store_release((void **)&previous->next, envelope); // likewise
	return false;
}

/* Owner only. The next envelope, or NULL: none, or one whose sender is still at it. */
static inline struct envelope *mailbox_peek(const struct mailbox_out *out)
{
	return (struct envelope *)load_acquire(
		(void *const *)&out->tail->next); // pairs with mailbox_push()
}

/* Owner only. Takes it. It stays the queue's node, readable and writable for the owner, until the
 * next call. */
static inline struct envelope *mailbox_take(struct mailbox_in *in, struct mailbox_out *out)
{
	struct envelope *tail = out->tail, *next = mailbox_peek(out);
	if (!next)
		return NULL;

	out->tail = next;
	if (__builtin_expect(tail != mailbox_stub(in), 1))
		envelope_free(tail);
	return next;
}

/* Owner only. What comes after an envelope that is in hand; or NULL, as of mailbox_peek(). */
static inline struct envelope *mailbox_peek_after(const struct envelope *taken)
{
	return (struct envelope *)load_acquire(
		(void *const *)&taken->next); // pairs with mailbox_push()
}

/* The same as mailbox_take(), for whoever has in hand what that returned last, which is of one
 * cache line, and has peeked after it. */
static inline void mailbox_take_after(struct mailbox_out *out, struct envelope *taken,
				      struct envelope *peeked)
{
	out->tail = peeked;
	envelope_free_small(taken);
}

/* Owner only. Whether the tail is at the stub: so it is where the mailbox has been woken, or an
 * envelope has been detached, until mailbox_take_at_stub() or mailbox_take(). */
static inline bool mailbox_is_at_stub(const struct mailbox_in *in, const struct mailbox_out *out)
{
	return is_ptr(&out->tail, mailbox_stub((struct mailbox_in *)(uintptr_t)in));
}

/* The same as mailbox_peek() there, at a place that is known. */
static inline struct envelope *mailbox_peek_at_stub(const struct mailbox_in *in)
{
	return (struct envelope *)load_acquire(
		(void *const *)&in->stub); // pairs with mailbox_push()
}

/* Takes what was peeked there. */
static inline void mailbox_take_at_stub(struct mailbox_out *out, struct envelope *peeked)
{
	out->tail = peeked;
}

/* Owner only, with the tail at the stub, where mailbox_peek_at_stub() had returned `taken`, after
 * which nothing comes. True: the mailbox is idle, the caller is its owner no more, and has `taken`
 * to free. False: more mail is coming. */
static inline bool mailbox_leave_at_stub(struct mailbox_in *in, struct mailbox_out *out,
					 struct envelope *taken)
{
	struct envelope *stub = mailbox_stub(in);

	// The stub is out of the queue here, so nobody else touches its next.
	ck_pr_store_ptr(&in->stub, NULL);
	if (!swap_if(&in->head, taken, mailbox_idle(stub))) {
		out->tail = taken;
		return false;
	}
	return true;
}

/* The same when mailbox_take() returned NULL after it had returned `taken`. */
static inline bool mailbox_leave(struct mailbox_in *in, struct mailbox_out *out,
				 struct envelope *taken)
{
	// Before the swap: after it another thread may own this side.
	out->tail = mailbox_stub(in);
	return mailbox_leave_at_stub(in, out, taken);
}

/* Owner only, when mailbox_take() returned NULL. True: the mailbox is idle, holds no envelope, and
 * the caller is its owner no more. False: more mail is coming. */
static inline bool mailbox_go_idle(struct mailbox_in *in, struct mailbox_out *out)
{
	struct envelope *tail = out->tail, *stub = mailbox_stub(in);

	if (tail == stub)
		return swap_if(&in->head, stub, mailbox_idle(stub)); // pairs with mailbox_push()
	if (!mailbox_leave(in, out, tail))
		return false;
	envelope_free(tail);
	return true;
}

/* Any thread. Makes an idle mailbox its caller's, who must run it, or have it run; true if it was
 * idle. Who pushes from here on need not schedule anybody. */
static inline bool mailbox_claim(struct mailbox_in *in)
{
	struct envelope *stub = mailbox_stub(in);
	return swap_if(&in->head, mailbox_idle(stub), stub); // pairs with mailbox_go_idle()
}

/* Owner only. Takes the envelope that mailbox_take() returned last out of the queue: it is the
 * caller's, to keep or to free. False if that cannot be done now, because a sender is just linking
 * itself behind it: try again later. */
static inline bool mailbox_detach(struct mailbox_in *in, struct mailbox_out *out)
{
	struct envelope *tail = out->tail, *stub = mailbox_stub(in);
	assert(tail != stub);

	struct envelope *next = (struct envelope *)load_acquire(
		(void *const *)&tail->next); // pairs with mailbox_push()
	ck_pr_store_ptr(&in->stub, next);
	if (!next && !swap_if(&in->head, tail, stub)) // pairs with mailbox_push()
		return false;
	out->tail = stub;
	return true;
}

/* Anybody. True if the next push will say that the mailbox was idle, or would have just now. */
static inline bool mailbox_is_idle(const struct mailbox_in *in)
{
	return (uintptr_t)ck_pr_load_ptr(&in->head) & 1;
}

/* Owner only. True if nothing is queued, as far as can be seen. */
static inline bool mailbox_seems_empty(const struct mailbox_out *out)
{
	return !ck_pr_load_ptr(&out->tail->next);
}

#endif
