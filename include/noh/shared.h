/* Messages made once and sent often: counted, never changed, shared by all who have them. */
#ifndef NOH_SHARED_H
#define NOH_SHARED_H

#include <noh/actor.h>

NOH_BEGIN

/* A message that many may have at once. It lives as long as somebody holds it. */
struct noh_shared {
	const struct noh_message_type *type;
	const void *body;
};

/* Makes one: a deep copy, the caller's to give back by noh_shared_drop():
 *
 *	const struct noh_shared *news = noh_share(story, .title = title, .text = text);
 *
 * Any thread. NULL if the message has an `owned`, which can have only one holder; that one is
 * dropped. */
#define noh_share(message, ...) noh_share_type(&message##_message, NOH_VALUE(message, __VA_ARGS__))
const struct noh_shared *noh_share_type(const struct noh_message_type *type, const void *body);

/* One holder more, and one less; the last frees it. Any thread. NULL is fine. */
const struct noh_shared *noh_shared_hold(const struct noh_shared *message);
void noh_shared_drop(const struct noh_shared *message);

/* So many holders more, or fewer, at once. Any thread that holds it. */
void noh_shared_hold_more(const struct noh_shared *message, int32_t holders);

/* Its body, which lives as long as a message: takes over the caller's hold and gives it back when
 * the handler returns (a fiber: at its next noh_receive()). Handlers, fibers. */
const void *noh_shared_lend(const struct noh_shared *message);

/* noh_send() of a shared message: nothing but its struct is copied. Any thread. */
int noh_send_shared(noh_actor to, const struct noh_shared *message);

/* Who wants to know what became of messages on their way. Embedded; one may follow many. */
struct noh_follow {
	/* The message would be handled next, on the worker that runs the receiver; false drops it.
	 * NULL: always true. */
	bool (*is_wanted)(struct noh_follow *follow);
	/* The receiver is done with the message: it was handled, dropped, or never taken. Exactly
	 * once for each that was sent, any thread, and on the receiver's worker if it was handled.
	 */
	void (*done)(struct noh_follow *follow);
};

/* noh_send_shared() with somebody to follow the message, who must live until `done`. noh_sender()
 * shows `from`. Any thread. Neither of the two functions is called before this returns. Returns 0;
 * -ESRCH if the receiver is gone, and then nobody is told. */
int noh_send_followed(noh_actor to, noh_actor from, const struct noh_shared *message,
		      struct noh_follow *follow);

NOH_END
#endif
