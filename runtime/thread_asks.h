/* Asks of plain threads. */
#ifndef NOH_RUNTIME_THREAD_ASKS_H
#define NOH_RUNTIME_THREAD_ASKS_H

#include <noh/actor.h>

/* Plain threads. What noh_ask() does there. */
int thread_ask(noh_actor to, const struct noh_message_type *request, const void *body,
	       int64_t within_ms, const void **ret_answer);

/* The end of a runtime, when its workers are gone: drops the answers that reached the slots of
 * plain threads after these had ended. */
void thread_asks_finish(void);

#endif
