/* NOH_TRACE=1: what is sent, spawned and ended, a line each on stderr. */
#ifndef NOH_RUNTIME_TRACE_H
#define NOH_RUNTIME_TRACE_H

#include "runtime/message.h"
#include "runtime/runtime.h"

/* "bank@3", by type; "main" for nobody. Any thread; of an actor that is gone only the
 * number is sure. */
void actor_name(noh_actor who, char *buffer, size_t size);

void trace_send(uint64_t from, uint64_t to, const struct message_info *info, const void *body);
void trace_dead(uint64_t from, uint64_t to, const struct message_info *info, const void *body,
		const char *why);
void trace_spawn(uint64_t parent, uint64_t child, const struct noh_actor_type *type,
		 const char *name);
void trace_end(uint64_t who, const struct noh_actor_type *type, int why, const char *reason);

#endif
