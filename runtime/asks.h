/* Open asks of an actor: their table, their deadlines, their answers. And the actor's one alarm. */
#ifndef NOH_RUNTIME_ASKS_H
#define NOH_RUNTIME_ASKS_H

#include "runtime/post.h"

/* All but the last: whoever runs the slot. */

/* Opens an ask of the running actor and sends the request; the id is what the answer will carry. */
uint64_t asks_open(struct worker *worker, noh_actor to, const struct noh_message_type *request,
		   const void *body, int64_t within_ms, uint64_t tag);

/* An answer has come. Closes its ask and says what to tell the asker. False: there is no such ask
 * any more. The body is the envelope's. */
bool asks_take_answer(struct worker *worker, struct slot *slot, struct envelope *envelope,
		      struct noh_outcome *outcome, struct noh_delivery *in);

/* Closes all that are open: no outcome of them comes any more, and their answers come too late. */
void asks_cancel(struct slot *slot);

/* An answer has come that nobody waits for any more. */
void asks_count_late(struct worker *worker);

/* Makes the actor's alarm ring at this time, or earlier. */
void asks_alarm_at(struct worker *worker, struct slot *slot, uint64_t deadline_ns);

/* It rings: ends the asks and the wait whose time is over. */
void asks_alarm(struct worker *worker, struct slot *slot);

/* The life ends: no answer reaches the next one, and requests it took and did not answer fail. */
void asks_drop(struct worker *worker, struct slot *slot, const struct ending *ending);

/* Until when who waits for what the running actor does now will wait; UINT64_MAX: nobody does. */
uint64_t asks_deadline(struct worker *worker);

/* Any thread. Sends a request whose answer goes to the ask of `self`; or that answer, if nobody is
 * there. */
void asks_send(noh_actor to, uint64_t self, uint64_t ask, uint32_t type, uint64_t deadline_ns,
	       const void *body);

#endif
