/* What both kinds of supervisors have in common: how they are started, what they tell themselves.
 */
#ifndef NOH_ACTORS_SUPERVISOR_SHARED_H
#define NOH_ACTORS_SUPERVISOR_SHARED_H

#include <noh/noh.h>

#include "actors/supervisor_report.h"
#include "actors/supervisor_spec.h"

// To one that no supervisor has started: its plan. The answer comes when all have started, or not.
NOH_MESSAGE(noh_supervised, (list, actor, children), (str, problem));
NOH_REQUEST(noh_supervise_these, noh_supervised, (owned, plan));

// To itself.
NOH_MESSAGE(noh_stop_deadline, (actor, child));
NOH_MESSAGE(noh_restart_due, (actor, child));

enum { KILL_AGAIN_MS = 1000 };

/* Options that a noh_change_supervisor brought are taken, or refused. */
void supervisor_change_options(struct noh_supervisor *options,
			       const struct noh_change_supervisor *msg);

/* Before a message is handled: one that the supervisor does not know is logged. */
void supervisor_log_unknown(const struct noh_message_type *const *accepts, uint32_t id);

static inline bool comes_back(const struct noh_child *spec, int64_t why)
{
	return spec->restart == NOH_PERMANENT ||
	       (spec->restart == NOH_TRANSIENT && is_abnormal(why));
}

#endif
