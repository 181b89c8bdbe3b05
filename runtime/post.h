/* What travels in envelopes besides users' messages, and how it is sent. Knows mailboxes and
 * handles, not turns. */
#ifndef NOH_RUNTIME_POST_H
#define NOH_RUNTIME_POST_H

#include <string.h>

#include "runtime/extras.h"
#include "runtime/message.h"
#include "runtime/worker.h"

// In the top bits of an envelope's type; the id of the message is in the lowest.
enum post_kind {
	POST_MESSAGE, // a user's; `ask` is set in requests, or holds a deadline
	POST_ANSWER,  // to `ask`; the answer, or struct answer_error
	POST_GATED,   // caused by an event; `ask` is the gate's address, or 0
	POST_DOWN,    // noh_down; `ask` is the monitor's number, 0 for a child
	POST_SHARED,  // a user's that many have at once; `ask` is the shared message
	POST_RESULT,  // what an actor ended with; `ask` is the monitor's number, 0 for a child
	POST_EXIT,    // noh_exit; `ask` is a struct link_named
	POST_CONTROL, // `type` is an enum control
};

enum { POST_SHIFT = 28, POST_ID_BITS = 14, POST_ID_MASK = (1 << POST_ID_BITS) - 1 };

// Next to the id of a request: what is not looked at unless it is asked for.
enum post_request {
	POST_TIMED = 1 << POST_ID_BITS, // the deadline of the ask travels with it: post_deadline()
	POST_WAITED = POST_TIMED << 1,  // the asker is a fiber, and does nothing meanwhile
};

// Between these and the kind: what is to be looked at before the message is handled. Users'
// messages without any of it, the usual ones, have a type below POST_MARKED.
enum post_mark {
	POST_MARKED = 1 << 20,
	POST_HELD = POST_MARKED, // asks for an answer, or holds what must be released
	POST_EXPIRES = 1 << 21,  // `ask` is the deadline, by the receiver's clock
	POST_TAKEN = 1 << 22,    // a down, an exit or a result that was let through already
	POST_COUNTED = 1 << 23,  // against the receiver's bound
	POST_MARKS = (1 << POST_SHIFT) - POST_EXPIRES // those that come off before
};

// From one part of the runtime to another. They are never refused and do not count as messages.
enum control {
	CONTROL_SPAWN,      // struct spawn: the first of every tenant
	CONTROL_WAKE,       // looks at `ending`
	CONTROL_STOP,       // noh_stop()
	CONTROL_WATCH,      // struct watcher
	CONTROL_UNWATCH,    // struct watcher
	CONTROL_LINK,       // `sender` links itself to this actor: the link's id
	CONTROL_UNLINK,     // struct link_named
	CONTROL_ADOPT,      // to the guardian: `sender` is its child
	CONTROL_STARTED,    // to the parent: `sender` has started
	CONTROL_ENDED,      // to the parent: `sender` has ended; struct child_ended
	CONTROL_RESTART,    // to a child that keeps its place: the new state
	CONTROL_LET_GO,     // to a child that keeps its place: it will not be restarted
	CONTROL_PROBE,      // struct probe *: is this fiber part of a cycle of asks?
	CONTROL_LANE,       // a token: the next message of the lane
	CONTROL_OVER,       // to a bounded actor that was sent too much: it fails
	CONTROL_WANT_ROOM,  // to a bounded actor: `sender` waits for room; uint64_t, bytes
	CONTROL_ROOM,       // to a fiber that waits for room: there is some
	CONTROL_STOP_ASKED, // to the guardian: a signal, or the root begins to end
	CONTROL_ATTACH,     // struct noh_attached *
	CONTROL_DETACH,     // struct noh_attached *
};

struct spawn {
	void *state;
	const struct spawn_more *more; // rarely: what a plain spawn does not have
};

struct spawn_more {
	const char *name;
	noh_describe_fn describe;
	uint64_t spawner, watch, link; // a monitor and a link that are set before it runs
	bool drop_mail;
};

struct watcher {
	uint64_t id; // the monitor's, given by the watcher, who is the sender
	bool until_gone;
};

// A link, as the receiver of what names it knows it. In an envelope's `ask` it is one word.
struct link_named {
	uint64_t id; // 0: none
	bool asked_by_receiver;
};

static inline uint64_t link_named_word(struct link_named link)
{
	return link.id | (uint64_t)link.asked_by_receiver << 63;
}

static inline struct link_named link_named_from(uint64_t word)
{
	return (struct link_named){.id = word & ~(1ull << 63), .asked_by_receiver = word >> 63};
}

struct child_ended {
	int32_t why;
	bool in_limbo;          // it waits to be restarted or let go
	uint8_t restarts_heard; // by then
	int64_t code;
	char *reason; // malloc'd, the receiver's
	char *crash;  // likewise: what it was at when it failed, of a supervised one; or NULL
};

_Static_assert(sizeof(struct child_ended) <= 32, "the end of a child fits into an envelope");

struct restart {
	void *state;
	size_t size;
};

struct answer_error {
	int64_t err;
	const char *text; // malloc'd, the receiver's
};

static inline enum post_kind post_kind(const struct envelope *envelope)
{
	return (enum post_kind)(envelope->type >> POST_SHIFT);
}

// All that the type says of the message, and not of the envelope.
static inline uint32_t post_type(const struct envelope *envelope)
{
	return envelope->type & ~(uint32_t)ENVELOPE_CLASS;
}

static inline uint32_t post_id(const struct envelope *envelope)
{
	return envelope->type & POST_ID_MASK;
}

/* Where the deadline of a request with POST_TIMED is. */
static inline uint64_t *post_deadline(struct envelope *envelope)
{
	return (uint64_t *)(void *)(envelope->body +
				    message_word_at(message_info(post_id(envelope))));
}

/* The request in hand needs no answer of this actor any more. */
static inline void post_answered(struct envelope *envelope)
{
	envelope->ask = 0;
	envelope->type &= ~(uint32_t)POST_TIMED;
}

/* The worker's own thread. The usual case of schedule(): the receiver runs next on this worker.
 * False: it is not that case. */
static inline bool runs_next(struct worker *worker, struct slot *slot)
{
	return __builtin_expect(slot_is_shared_in(slot, worker->runs_at_once), 1) &&
	       ring_put_next(&worker->ring, slot);
}

/* The slot has sent the message in hand, so what goes to it is an answer. Whoever has fallen behind
 * with answers would be given them ever more slowly if that held back those who give them; and it
 * is they whom it has overloaded. */
static inline bool is_answered(const struct worker *worker, const struct slot *slot)
{
	return worker->hand && worker->hand->sender == slot_handle(slot);
}

/* The worker's own thread, for each message that an actor sends: what a turn may do is counted in
 * messages, received and sent, so that a producer cannot outrun its consumer. */
static inline void count_send(struct worker *worker, struct slot *slot)
{
	worker->credit--;
	if (__builtin_expect(ck_pr_load_8(&slot->overloaded), 0) && slot != worker->running &&
	    !is_answered(worker, slot)) {
		worker->throttle = true;
		worker->throttled_by = slot;
		end_turn_soon(worker);
	}
}

/* True for what a user has sent, and no part of the runtime: it outlives a life of its receiver. */
static inline bool is_from_user(const struct envelope *envelope)
{
	return post_kind(envelope) == POST_MESSAGE || post_kind(envelope) == POST_SHARED;
}

/* The same for an actor that is pinned to this worker. */
static inline bool pinned_runs_next(struct worker *worker, struct slot *slot)
{
	if (slot_runtime(slot) != worker->runs_at_once || slot->home != (int16_t)worker->index ||
	    worker->home_next)
		return false;
	worker->home_next = slot;
	return true;
}

/* Any thread. Puts an envelope, filled in, into the mailbox and makes the receiver run. */
static inline void post(struct slot *slot, struct envelope *envelope)
{
	struct worker *worker = this_worker;
	if (mailbox_push(&slot->in, envelope) && (!worker || !runs_next(worker, slot)))
		schedule(slot);
}

/* Any thread. noh_send_type() with a mark, and what the mark says of `ask`. */
int send_marked(noh_actor to, const struct noh_message_type *type, const void *body, uint32_t mark,
		uint64_t ask);

/* Any thread. Sends a copy of a message to the slot's tenant `to`. `type` and `ask` are as in an
 * envelope. */
void post_message(struct slot *slot, uint64_t to, uint64_t from, uint32_t type, uint64_t ask,
		  const void *body);

/* The same for a request; `type` may have what enum post_request says. */
void post_request(struct slot *slot, uint64_t to, uint64_t from, uint32_t type, uint64_t ask,
		  uint64_t deadline_ns, const void *body);

/* Any thread. A copy of an envelope that holds a message, with all that its type says, for the
 * tenant of a handle, of which the lower half counts. What is owned in the body is the copy's: the
 * original must be disowned.
 */
struct envelope *post_again(struct envelope *envelope, uint64_t to);

/* Any thread. A control envelope; `body` of at most 32 bytes is copied. A receiver that is gone is
 * dealt with as control_undelivered() says. */
void post_control(uint64_t to, enum control control, uint64_t sender, const void *body,
		  size_t size);

/* A control envelope whose receiver is gone; the caller frees it. */
void control_undelivered(struct envelope *envelope, uint64_t to);

static inline struct envelope *control_envelope(enum control control, uint64_t to, uint64_t sender,
						const void *body, size_t size)
{
	struct envelope *envelope = envelope_new(size, to);
	envelope->sender = sender;
	envelope->type |= (uint32_t)POST_CONTROL << POST_SHIFT | control;
	envelope->ask = 0;
	if (size)
		memcpy(envelope->body, body, size);
	return envelope;
}

/* Any thread. A message that an end or another event causes, if the receiver is there: its kind
 * says what is looked at before it is handled, with the help of `ask`. Copies the body. */
void post_caused(uint64_t to, uint64_t from, enum post_kind kind, uint64_t ask,
		 const struct noh_message_type *type, const void *body);

/* Any thread. noh_down to `watcher` for its monitor `watch`. */
void post_down(uint64_t watcher, uint64_t watch, uint64_t who, int why, int64_t code,
	       const char *reason, bool restarting);

/* Any thread. An exit signal over a link, or without one. */
void post_exit(uint64_t to, uint64_t from, struct link_named link, int why, int64_t code,
	       const char *reason);

/* Any thread. Answers an ask with an error; `text` is copied. */
void post_answer_error(uint64_t asker, uint64_t ask, int err, const char *text);

/* Whoever has the envelope, which will not be handled: answers, counts and releases what is in it,
 * but does not free it. */
void dead_letter(struct noh_runtime *runtime, struct envelope *envelope, uint64_t to,
		 const char *why);

/* Any thread. A slot whose tenant has ended and whose parent knows it, or never will: may be used
 * again. */
void child_slot_free(uint64_t handle);

/* Releases what is in an envelope after it was handled. */
void envelope_release(struct envelope *envelope);

/* Any thread. Adds to the ending word of an actor: shut down in order, killed. Both: killed with
 * its whole tree, and for good. */
enum { ENDING_SHUTDOWN = 1, ENDING_KILL = 2, ENDING_TREE = ENDING_SHUTDOWN | ENDING_KILL };
void post_ending(uint64_t actor, uint32_t how);

#endif
