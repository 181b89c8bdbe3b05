/* What the runtime keeps for libraries that extend it. */
#ifndef NOH_RUNTIME_EXTEND_H
#define NOH_RUNTIME_EXTEND_H

#include "runtime/extras.h"

/* Whoever runs the slot, or has an envelope whose receiver is gone. */
void attached_add(struct slot *slot, struct noh_attached *attached);
void attached_remove(struct noh_attached *attached);

/* Whoever has ended the actor: tells all that were attached to it. */
void attached_tell(struct extras *extras);

/* At the end of the runtime, when no actor is left. */
void locals_finish(struct noh_runtime *runtime);

#endif
