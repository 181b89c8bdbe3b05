/* Memory that belongs to the running actor and is freed at its end. */
#ifndef NOH_MEMORY_H
#define NOH_MEMORY_H

#include <noh/message.h>

NOH_BEGIN

/* Zeroed memory of the running actor, freed at its end, whichever way it ends. Handlers, fibers.
 * Never NULL; a size that cannot be had fails the actor. */
void *noh_alloc(size_t size);

/* Gives back noh_alloc() or noh_keep() memory before the end; in plain threads the answer of an
 * ask. NULL is fine. */
void noh_drop(void *kept_or_allocated);

/* A deep copy of a message that is the actor's until noh_drop() or its end; what is `owned` in it
 * moves. Handlers, fibers. */
#define noh_keep(message, msg) ((struct message *)noh_keep_type(&message##_message, msg))
void *noh_keep_type(const struct noh_message_type *type, const void *msg);

/* printf into a string that lives as long as a message. Handlers, fibers. */
const char *noh_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

NOH_END
#endif
