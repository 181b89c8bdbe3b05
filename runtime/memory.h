/* What belongs to an actor in memory, and what plain threads keep of answers. */
#ifndef NOH_RUNTIME_MEMORY_H
#define NOH_RUNTIME_MEMORY_H

#include "runtime/extras.h"
#include "runtime/message.h"

/* Whoever runs the actor: gives back all slices kept by noh_keep_bytes(). */
void kept_drop_all(struct extras *extras);

/* A deep copy that a plain thread gives back by noh_drop(). */
void *thread_keep(const struct message_info *info, const void *body);

#endif
