/* Asking: a request with a deadline and one answer. */
#ifndef NOH_ASK_H
#define NOH_ASK_H

#include <noh/actor.h>

NOH_BEGIN

#define NOH_FOREVER INT64_MAX // of within_ms: as long as it takes

/* Asks and waits for the answer: `const struct balance *answer; err = noh_ask(alice, get_balance,
 * 1000, &answer);` Fibers, plain threads. `within_ms` is required. The answer lives as long as a
 * message (actor.h); plain threads drop it by noh_drop(). Returns 0 or a negative errno as in
 * struct noh_outcome.
 *
 * In a fiber so do the answers of earlier asks, so that several can be used together: a fiber that
 * never receives keeps them all, some 80 bytes each, until noh_receive(0, quit) or the like.
 *
 * Who asks for the sake of a request in hand, not yet answered or taken by noh_reply_later(), waits
 * no longer than its asker: `within_ms` 0 takes what is left of that deadline, and more than that
 * is cut to it; but NOH_FOREVER is not, for what must be done in any case. The outcome of a
 * noh_ask_later() is handled under the deadline that it was asked under. Without a request, 0 is no
 * time at all.
 *
 * Fibers that ask each other in a circle would all wait for their deadlines. The one whose request
 * closed it is told at once, by -EDEADLK and a text like "a@1 -> b@2 -> a@1", and the request is
 * taken back; the others go on. A noh_join() of one actor without limit is a wait too; the circle
 * that it closes is told to one whose request is in hand, and can no longer be answered; a circle
 * of joins alone to one who joins (join.h).
 *
 * Not seen through are requests that were passed on by noh_forward() or taken by noh_reply_later(),
 * which anybody may answer; noh_receive(), which a message of anybody may end; and joins of several
 * or with a limit. Circles with such a wait in them end by the deadlines of their asks. */
#define noh_ask(to, request, within_ms, ret_answer, ...) \
	request##_ask(to, within_ms, ret_answer, NOH_VALUE(request, __VA_ARGS__))

/* Asks and goes on: the actor's entry (request, answer, on_outcome) gets the answer or the error,
 * exactly once, with `tag`. Handlers. */
#define noh_ask_later(to, request, within_ms, tag, ...) \
	noh_ask_later_type(to, &request##_message, NOH_VALUE(request, __VA_ARGS__), within_ms, tag)

/* The text that came with the error of the fiber's last ask that failed, for people; lives as long
 * as a message. Fibers. */
const char *noh_ask_text(void);

/* Asks several actors the same at the same time:
 *
 *	struct get_balance_answered all[3];
 *	err = noh_ask_all(tellers, 3, get_balance, 1000, all, .account = 7);
 *
 * noh_ask_all() waits until each ask has ended, noh_ask_quorum() until so many good answers have
 * come as are needed, or cannot come any more, noh_ask_first() for one good answer, which it gives
 * as noh_ask() does. The asks that are still open then are cancelled: their answers come too late.
 * Each declared request has its struct, {err, text, answer} as noh_ask() and struct noh_outcome
 * give them; they stand in the order of the actors, whoever answered first. A cancelled one has
 * -ECANCELED. A request that owns something can be asked of one alone. Fibers. Returns 0 if all, so
 * many, or one have answered; else the error of the first, in order, that failed; -EINVAL when none
 * are needed, or more than there are. */
#define noh_ask_all(to, count, request, within_ms, ret_answers, ...)          \
	request##_ask_many(to, count, SIZE_MAX, within_ms, ret_answers, NULL, \
			   NOH_VALUE(request, __VA_ARGS__))
#define noh_ask_quorum(to, count, needed, request, within_ms, ret_answers, ...) \
	request##_ask_many(to, count, needed, within_ms, ret_answers, NULL,     \
			   NOH_VALUE(request, __VA_ARGS__))
#define noh_ask_first(to, count, request, within_ms, ret_answer, ...) \
	request##_ask_many(to, count, 1, within_ms, NULL, ret_answer, \
			   NOH_VALUE(request, __VA_ARGS__))

/* What the structs of all requests look like. */
struct noh_answered {
	int err;
	const char *text;
	const void *answer;
} __attribute__((may_alias));

/* How many answers came too late to be taken, in the runtime of the running actor: their asks had
 * run out of time or been cancelled, or the life that had asked was over. Handlers, fibers. */
uint64_t noh_late_answers(void);

int noh_ask_type(noh_actor to, const struct noh_message_type *request, const void *body,
		 int64_t within_ms, const void **ret_answer);
void noh_ask_later_type(noh_actor to, const struct noh_message_type *request, const void *body,
			int64_t within_ms, uint64_t tag);

/* Milliseconds left to who waits for what is done now: until the deadline of the request in hand,
 * or of the one that the ask whose outcome is in hand was made for. 0: it waits no more. INT64_MAX:
 * nobody waits. Handlers, fibers. */
int64_t noh_remaining_ms(void);

/* Answers the request in hand, once. Handlers, fibers. Checked against the request's declared
 * answer: another type fails the running actor, and the asker gets -EPROTO. Returns 0; -ENOMSG if
 * nobody asked. */
#define noh_reply(message, ...) noh_reply_type(&message##_message, NOH_VALUE(message, __VA_ARGS__))
int noh_reply_type(const struct noh_message_type *type, const void *body);

/* Answers the request in hand with an error: a negative errno and a text for people. The asker must
 * be able to tell it from an answer, so an `err` that is not negative arrives as -EINVAL. */
int noh_reply_error(int err, const char *text);

/* Where an answer goes: a value, kept and sent like a handle. */
typedef struct noh_reply_to {
	noh_actor asker;
	uint64_t ask;
	uint32_t answer_id;
} noh_reply_to;

/* Takes over the duty to answer the request in hand; any actor may answer it, once, by
 * noh_reply_at(). Should this actor end first, the asker gets -ECONNRESET. Handlers, fibers. */
noh_reply_to noh_reply_later(void);
#define noh_reply_at(to, message, ...) \
	noh_reply_at_type(to, &message##_message, NOH_VALUE(message, __VA_ARGS__))
int noh_reply_at_type(noh_reply_to to, const struct noh_message_type *type, const void *body);
int noh_reply_error_at(noh_reply_to to, int err, const char *text);

NOH_END
#endif
