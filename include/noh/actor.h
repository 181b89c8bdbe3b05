/* Actors: declaring, spawning, sending, ending and watching them. */
#ifndef NOH_ACTOR_H
#define NOH_ACTOR_H

#include <stdarg.h>
#ifdef __cplusplus
#include <stdexcept>
#endif

#include <noh/message.h>

NOH_BEGIN

// ---- what an actor is

/* What a handler made of a message. */
enum noh_handled { NOH_HANDLED, NOH_NOT_UNDERSTOOD, NOH_FAILED };

/* Why an actor ended, in noh_down, noh_exit and noh_stopping. */
enum noh_why {
	NOH_WHY_NORMAL,   // it stopped by itself, or was asked to by noh_stop()
	NOH_WHY_SHUTDOWN, // its parent or the runtime ended
	NOH_WHY_KILLED,   // noh_kill()
	NOH_WHY_FAILED,   // noh_fail(), a failed noh_check(), or a child's failure that nobody
			  // handled
	NOH_WHY_NOBODY,   // it was already gone when the monitor or link was set
	NOH_WHY_NODE_LOST // its node can no longer be reached
};

/* What a bounded mailbox does with a message that finds it full. */
enum noh_full {
	NOH_FULL_REFUSE,   // noh_send() returns -EAGAIN, and an ask fails with it
	NOH_FULL_DROP_NEW, // drops the message
	NOH_FULL_DROP_OLD, // drops the oldest that wait, to make room; not for fibers, as a message
			   // that they looked past cannot go: who spawns one ends the process, as
			   // with any type that cannot be, and supervisors refuse it (-EINVAL)
	NOH_FULL_LATEST, // a message takes the place of a queued one of the same key (noh_limits),
			 // also while there is room; else drops the oldest; not for fibers
	NOH_FULL_FAIL    // drops the message and fails the actor, whose quota it was
};

/* How an ask ended. `err`: 0, -ETIMEDOUT, -ECONNRESET (the asked actor ended with the request in
 * hand), -ESRCH (it is gone, or has ended before it took the request), -ENODATA (it returned
 * without an answer), -ENOTSUP (it does not accept the request), -EPROTO (it answered with another
 * type), -EAGAIN (its mailbox is full), -EDEADLK (fibers ask each other in a circle), or what
 * noh_reply_error() said. `text` lives as long as a message. */
struct noh_outcome {
	int err;
	const char *text;
	uint64_t tag;
};

/* One message as a fiber gets it; and to a `receive` function, how an ask ended. */
struct noh_delivery {
	uint32_t id;       // of the message's type; 0 when this is the outcome of an ask
	uint32_t asked_id; // of the request's type then, else 0
	const void *body;  // NULL when `outcome` is an error
	const struct noh_outcome *outcome;   // set when this is the answer to an ask, else NULL
	const struct noh_message_type *type; // of the answer then, else NULL: see noh_type_of()
};

/* What a message is about, for NOH_FULL_LATEST: noh_as() tells what it is. Called by senders, on
 * any thread. */
typedef uint64_t (*noh_key_fn)(const struct noh_delivery *message);

/* What a type of actors may take up. Zero means the default: no limit, where none is named.
 *
 * A mailbox with a limit never holds more messages, nor more bytes: 32 a message, and all that its
 * fields hold, bytes included. The message in hand is not in it; nor do replies, ticks, socket
 * data, noh_down and the like count, and they are never dropped. A message larger than
 * mailbox_bytes is refused with -EMSGSIZE. What is dropped is a dead letter; an ask that is fails
 * with -EAGAIN. */
struct noh_limits {
	size_t mailbox_messages, mailbox_bytes;
	enum noh_full on_full;
	size_t stack_bytes; // fibers: 32 KiB; at least 16; whoever overflows it ends the process,
			    // with a line that names it. (Handlers run on their thread's: ulimit
			    // -s.)
	bool migrates;      // fibers: may go on on another thread after each wait; else never
	size_t postponed;   // messages kept by noh_postpone(): 1000
	noh_key_fn key; // of NOH_FULL_LATEST: the message's type and, if it is a u64, i64, actor
			// or conn, its first field
	// Quotas. Who would exceed one fails: noh_alloc() and noh_keep() together, as the allocator
	// counts; timers set; children that have not ended.
	size_t owned_bytes, timers, children;
	size_t reserved[4];
};

/* A type of actors, compiled into the program by NOH_ACTOR or NOH_FIBER, or filled in by hand.
 * Either `receive` (handlers) or `run` (a fiber) is set. */
struct noh_actor_type {
	uint32_t abi; // NOH_ABI
	const char *name;
	size_t state_size;
	// Ends with NULL; of a fiber NULL. What the library sends by itself, as noh_start, comes to
	// those who list it.
	const struct noh_message_type *const *accepts;
	const struct noh_message_type *const *asks; // requests whose outcome it handles; likewise
	// Handles one message: its type's id, and its body. Or, with an id of 0, how an ask ended:
	// `answer`, which is NULL otherwise. What it does not know it says: noh_not_understood().
	void (*receive)(void *state, uint32_t id, const void *body,
			const struct noh_delivery *answer);
	void (*run)(void *state);
	struct noh_limits limits;
};

/* Declares how a struct receives messages: each entry is (message, on_message), with
 * `void on_message(struct type *self, const struct message *msg)`, or (request, answer,
 * on_outcome), for noh_ask_later(), with `void on_outcome(struct type *self, const struct
 * noh_outcome *how, const struct reply *or_null)`. Who spawns it further up, as an actor that
 * spawns its like, says before: `extern const struct noh_actor_type type_actor;`. */
#define NOH_ACTOR(type, ...) NOH_DEFINE_ACTOR(type, (.mailbox_messages = 0), __VA_ARGS__)
#define NOH_ACTOR_WITH(type, limits, ...) NOH_DEFINE_ACTOR(type, limits, __VA_ARGS__)

/* Declares a fiber: an actor written as a function that may wait. It ends when the function
 * returns. */
#define NOH_FIBER(type, function) NOH_DEFINE_FIBER(type, (.mailbox_messages = 0), function)
#define NOH_FIBER_WITH(type, limits, function) NOH_DEFINE_FIBER(type, limits, function)

// ---- spawning

struct noh_runtime;

/* Writes a state into `text` for people, as snprintf() does. Runs within the actor that fails; it
 * must not change the state. */
typedef void (*noh_describe_fn)(const void *state, char *text, size_t size);

/* How an actor is spawned. `size` is set by the macro; zero means the default. */
struct noh_spawn_options {
	size_t size;
	const char *name;       // for logs and traces; static, or it must live as long as the actor
	struct noh_runtime *in; // required from plain threads
	bool detached;          // no parent: it outlives its spawner
	bool linked, monitored; // by noh_link(), noh_monitor(until gone), before the actor runs
	bool keeps_place; // a failure keeps handle and mailbox until the parent restarts or ends it
	// The parent is told when it has started, and what it was at when it failed: noh_started,
	// noh_crashed. With `keeps_place` every end keeps its place, until noh_stop() by the
	// parent.
	bool supervised;
	noh_describe_fn describe; // with `supervised`: puts the state of a life that fails in words
	// With `keeps_place`: the next life begins with an empty mailbox. What waits when a life
	// ends, and what comes until it is started again, is a dead letter.
	bool drop_mail;
};

/* Starts an actor: `noh_actor alice = noh_spawn(account, .cents = 100);`
 * Handlers, fibers; plain threads by noh_spawn_with(type, (.in = runtime)). Copies the bytes of the
 * state; what it points to must be static. What needs owning is made in on_start or comes in a
 * first message. The spawner is its parent: children end with their parent. Returns the handle at
 * once. While the runtime ends all actors it ends the new one too; NOH_NOBODY when there are none
 * left. */
#define noh_spawn(type, ...) noh_spawn_type(&type##_actor, NOH_VALUE(type, __VA_ARGS__), NULL)
#define noh_spawn_with(type, options, ...)                                                    \
	noh_spawn_type(&type##_actor, NOH_VALUE(type, __VA_ARGS__),                           \
		       NOH_VALUE(noh_spawn_options, .size = sizeof(struct noh_spawn_options), \
				 NOH_STRIP options))
noh_actor noh_spawn_type(const struct noh_actor_type *type, const void *state,
			 const struct noh_spawn_options *options);

/* The running actor; NOH_NOBODY in plain threads. Never inlined: a fiber may have moved. */
noh_actor noh_self(void);

/* Who sent the message in hand; NOH_NOBODY if a plain thread did. Of what the library sends: for a
 * timer's message this is the running actor itself; for the noh_down of a monitor and for noh_exit
 * the actor that they name, which is gone as a rule; for the outcome of an ask who answered (of one
 * that failed it may be anybody); else NOH_NOBODY: noh_start, noh_stopping, the noh_down of a
 * child, noh_started, noh_crashed, noh_dead_letter, the network's. */
noh_actor noh_sender(void);

/* The parent of the running actor; NOH_NOBODY if it has none. */
noh_actor noh_parent(void);

static inline bool noh_same(noh_actor a, noh_actor b)
{
	return a.id == b.id;
}

// ---- sending

/* Sends a message: `noh_send(alice, deposit, .cents = 500);`
 * Any thread. Copies str and list, retains bytes, takes owned. Returns 0; -EINVAL sent to nobody;
 * -EAGAIN refused by a full mailbox, -EMSGSIZE larger than that: these two have taken nothing. Says
 * nothing of the receiver's life: that is what monitors are for. */
#define noh_send(to, message, ...)                                              \
	noh_send_sized(to, &message##_message, NOH_VALUE(message, __VA_ARGS__), \
		       sizeof(struct message))
int noh_send_type(noh_actor to, const struct noh_message_type *type, const void *body);

/* Behind noh_send(): a message of a few words goes in registers. What is beyond its size is not
 * looked at. */
int noh_send_two_words(noh_actor to, const struct noh_message_type *type, uint64_t first,
		       uint64_t second);
int noh_send_four_words(noh_actor to, const struct noh_message_type *type, uint64_t first,
			uint64_t second, uint64_t third, uint64_t fourth);
static inline int noh_send_sized(noh_actor to, const struct noh_message_type *type,
				 const void *body, size_t size)
{
	uint64_t words[4] = {0, 0, 0, 0};
	if (size > sizeof(words) || size % sizeof(words[0]))
		return noh_send_type(to, type, body);
	__builtin_memcpy(words, body, size);
	return size <= 2 * sizeof(words[0])
		       ? noh_send_two_words(to, type, words[0], words[1])
		       : noh_send_four_words(to, type, words[0], words[1], words[2], words[3]);
}

/* The same, to the sender of the message in hand: `noh_send_back(booked, .cents = 500);`
 * Handlers, fibers. -EINVAL also if nobody sent it, or a plain thread. In the handler of a noh_down
 * it reaches nobody: .who has ended. (A request is answered by noh_reply(), ask.h.) */
#define noh_send_back(message, ...)                                              \
	noh_send_back_sized(&message##_message, NOH_VALUE(message, __VA_ARGS__), \
			    sizeof(struct message))

int noh_send_back_two_words(const struct noh_message_type *type, uint64_t first, uint64_t second);
int noh_send_back_four_words(const struct noh_message_type *type, uint64_t first, uint64_t second,
			     uint64_t third, uint64_t fourth);
static inline int noh_send_back_sized(const struct noh_message_type *type, const void *body,
				      size_t size)
{
	uint64_t words[4] = {0, 0, 0, 0};
	if (size > sizeof(words) || size % sizeof(words[0]))
		return noh_send_type(noh_sender(), type, body);
	__builtin_memcpy(words, body, size);
	return size <= 2 * sizeof(words[0])
		       ? noh_send_back_two_words(type, words[0], words[1])
		       : noh_send_back_four_words(type, words[0], words[1], words[2], words[3]);
}

/* noh_send(), and waits for room in a full mailbox: `err = noh_send_wait(printer, 1000, page,
 * .text = "...");` Fibers. `within_ms` < 0 waits for ever. -EAGAIN: there was no room all that
 * time. */
#define noh_send_wait(to, within_ms, message, ...) \
	noh_send_wait_type(to, within_ms, &message##_message, NOH_VALUE(message, __VA_ARGS__))
int noh_send_wait_type(noh_actor to, int64_t within_ms, const struct noh_message_type *type,
		       const void *body);

/* Sends a message that is worth nothing later: if it has not been taken to be handled within
 * `within_ms`, it never is, but counted as a dead letter ("expired"). Any thread. Else as
 * noh_send(). */
#define noh_send_expiring(to, within_ms, message, ...) \
	noh_send_expiring_type(to, within_ms, &message##_message, NOH_VALUE(message, __VA_ARGS__))
int noh_send_expiring_type(noh_actor to, int64_t within_ms, const struct noh_message_type *type,
			   const void *body);

/* Sends one message to many: `noh_publish(players, count, moved, .name = name, .x = 5);`
 * Any thread. What it points to (strings, lists, bytes) is copied once and shared by all of them;
 * to whoever handles it, it is a message like any other. Each gets what one actor publishes and
 * sends to it in order. Those who are gone are left out. Returns to how many it was sent; -EINVAL
 * if the message has an `owned`, which only one could get. */
#define noh_publish(to, count, message, ...) \
	noh_publish_type(to, count, &message##_message, NOH_VALUE(message, __VA_ARGS__))
int noh_publish_type(const noh_actor *to, size_t count, const struct noh_message_type *type,
		     const void *body);

/* noh_send() to a handle of a NOH_PROTOCOL: the compiler checks that it accepts the message. */
#define noh_tell(ref, message, ...) \
	((void)sizeof((ref).message), noh_send((ref).actor, message, __VA_ARGS__))
#define NOH_PROTOCOL(type, ...)                                  \
	extern const struct noh_actor_type type##_actor;         \
	typedef struct type##_ref {                              \
		noh_actor actor;                                 \
		NOH_EACH(NOH_PROTOCOL_MEMBER, type, __VA_ARGS__) \
	} type##_ref

/* Passes the message in hand on, with its sender and reply address kept. Handlers, fibers. Returns
 * as noh_send(); -ENOMSG without a message in hand. */
int noh_forward(noh_actor to);

// ---- ending

/* Ends an actor after what it has already received. Any thread. */
void noh_stop(noh_actor actor);

/* Ends an actor after the handler that runs; its noh_stopping is skipped. Any thread. */
void noh_kill(noh_actor actor);

/* Ends the running actor when its handler returns (a fiber: at its next wait), normally if code is
 * 0, else as failed with this reason. Safe inside callbacks of other libraries. Handlers, fibers.
 */
void noh_end(int code, const char *reason);

/* In on_stopping: the actor lives on, and gets messages, until it calls noh_end() or fails or is
 * killed. Why it ends stays as it is; noh_stopping does not come a second time, and noh_stop() does
 * nothing any more. For those who end others in order first. Handlers.
 *
 * A parent that ends waits for its children. So each that is shut down has a limit: where it is
 * supervised that of its spec; else noh_options.shutdown_ms, from when it is told to end. It is
 * killed then, and the log says so; one that has children itself, which it may be ending one by
 * one, is only named in the log, each time. Who was told by noh_stop() alone has no limit. */
void noh_end_later(void);

/* Ends the life that runs, after the handler that runs, as shut down: noh_stopping comes first. For
 * the actor itself and its children; the place of a child that is supervised stays (see
 * noh_spawn_options). Handlers, fibers. Returns 0; -ESRCH neither itself nor a child that lives. */
int noh_end_life(noh_actor who);

/* Fails the running actor now: runs what noh_defer() left, newest first, and does not return. In
 * C++ it throws. Not through frames of other libraries, nor with a lock held. Outside an actor the
 * process aborts. */
#ifndef __cplusplus
NOH_NORETURN void noh_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
#endif
#define noh_check(truth) ((truth) ? (void)0 : noh_fail("%s:%d: %s", __FILE__, __LINE__, #truth))

/* Runs `undo(argument)` when the handler that runs ends, also by failure: unlock, fclose. Should it
 * fail, the others run all the same, and the actor fails; but it has one reason, the first, and
 * what fails after that is logged. Handlers, fibers (there: at the end of the fiber). */
void noh_defer(void (*undo)(void *), void *argument);

// ---- watching

/* Tells this actor, by one noh_down, when `who` ends. With `until_gone` only when it is gone for
 * good; without also when it will be restarted in its place. Handlers, fibers. Returns the
 * monitor's number. */
uint64_t noh_monitor(noh_actor who, bool until_gone);

/* Ends a monitor. No noh_down of it arrives after this call. Handlers, fibers. */
void noh_demonitor(uint64_t monitor);

/* Starts a child that keeps its place (noh_spawn_options) again with a fresh state: same handle and
 * mailbox, a new life; mail that its old life had caused does not reach the new one. Parent only. A
 * child that is still alive is failed first. Returns 0; -ESRCH not a child that keeps its place. */
int noh_restart(noh_actor child, const void *state);

/* First message of each life, before all others: (noh_start, on_start). */
NOH_LIBRARY_MESSAGE(noh_start, (u64, restarts), (str, last_failure));
/* In on_start of an actor that is supervised: its start is over not when on_start returns but when
 * it calls noh_start_done(), in any later handler. An end before that is a start that failed, also
 * one that was only asked for by then: noh_kill(noh_self()). (A fiber's start is over when it waits
 * for the first time.) Handlers. */
void noh_start_later(void);
void noh_start_done(void);

/* Last message of a life, but not after a kill. What it sends still goes out. */
NOH_LIBRARY_MESSAGE(noh_stopping, (i64, why), (i64, code), (str, reason));
/* A monitored actor, or a child (monitor 0) if this actor accepts noh_down, ended. */
NOH_LIBRARY_MESSAGE(noh_down, (actor, who), (i64, why), (i64, code), (str, reason),
		    (flag, restarting), (u64, monitor));
/* To the parent of an actor that is supervised: it has started. Each life tells it once. */
NOH_LIBRARY_MESSAGE(noh_started, (actor, who));
/* Likewise, before the noh_down of a failure or a kill: what it was at, as `key=value` words: the
 * message in hand, the types of the last seven that this life had handled (oldest first) and of
 * what was queued, its ancestors, its state if it has a describer. */
NOH_LIBRARY_MESSAGE(noh_crashed, (actor, who), (str, at));
/* A message that found no taker, for the subscriber of noh_subscribe_dead_letters(). */
NOH_LIBRARY_MESSAGE(noh_dead_letter, (actor, to), (actor, from), (str, message), (str, why));

/* Sends a copy of each dead letter (as noh_dead_letter) to `subscriber`; NOH_NOBODY ends it. One
 * subscriber a runtime. Handlers, fibers. */
void noh_subscribe_dead_letters(noh_actor subscriber);

/* How many dead letters the runtime of the running actor has counted. Handlers, fibers. */
uint64_t noh_dead_letters(void);

/* True if the delivery is a plain message of this type. */
static inline bool noh_matches(const struct noh_delivery *in, const struct noh_message_type *type)
{
	return in->id == noh_message_id(type);
}

/* What the body of a delivery is; NULL if it has none. Any thread. */
const struct noh_message_type *noh_type_of(const struct noh_delivery *in);

/* For a `receive` that was filled in by hand: there is no handler for what it has got. A message
 * becomes a dead letter, and who asked hears -ENOTSUP. Handlers. */
void noh_not_understood(void);

const char *noh_vformat(const char *format, va_list arguments);
void noh_note_failure(const char *text);

NOH_END

#ifdef __cplusplus
struct noh_failure : std::runtime_error {
	using std::runtime_error::runtime_error;
};

[[noreturn]] __attribute__((format(printf, 1, 2))) inline void noh_fail(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	noh_failure failure(noh_vformat(format, arguments));
	va_end(arguments);
	throw failure;
}
#endif
#endif
