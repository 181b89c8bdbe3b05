/* Results: ending with a message, and waiting in line for an actor's end. */
#ifndef NOH_JOIN_H
#define NOH_JOIN_H

#include <noh/actor.h>

NOH_BEGIN

/* Ends the running actor normally, as noh_end(0, "") does, with a result: `noh_finish(sum, .total =
 * 55);` The first of these calls counts. Who monitors the actor gets the result as a message from
 * it, right before the noh_down, if it accepts such messages; so does the parent. Handlers, fibers.
 * Copies as noh_send() does; owned fields go to the first of them. */
#define noh_finish(message, ...) \
	noh_finish_type(&message##_message, NOH_VALUE(message, __VA_ARGS__))
void noh_finish_type(const struct noh_message_type *type, const void *body);

NOH_END
#endif
