/* What the parts of the runtime tell each other through mailboxes, and who hears it. */
#include "runtime/control.h"

#include <noh/noh.h>

#include "runtime/birth.h"
#include "runtime/bound.h"
#include "runtime/deadlock.h"
#include "runtime/extend.h"
#include "runtime/family.h"
#include "runtime/fibers.h"
#include "runtime/guardian.h"
#include "runtime/life.h"
#include "runtime/links.h"
#include "runtime/turn.h"
#include "runtime/watches.h"

bool control_fail_if_over(struct worker *worker, struct slot *slot)
{
	if (!bound_is_over(slot, worker->failure, sizeof(worker->failure)))
		return false;
	turn_fail(worker, slot, worker->failure);
	return true;
}

void control_handle(struct worker *worker, struct slot *slot, struct envelope *envelope)
{
	switch ((enum control)post_id(envelope)) {
	case CONTROL_SPAWN:
		birth_by_envelope(worker, slot, envelope);
		break;
	case CONTROL_WAKE:
		// `ending` is looked at before each envelope; but it may have been set, and this
		// one pushed, since the look before this one, which may be the last of the turn.
		if (is_ending_asked(slot)) {
			life_ending_asked(worker, slot);
			if (!is_for_tenant(slot, envelope))
				break;
		}
		// What else it may mean is that a fiber had yielded, or that a parent does not want
		// the place kept.
		if (slot_state(slot) == SLOT_LIMBO && envelope->sender == slot->parent &&
		    ck_pr_load_8(&slot->keeps_place) != KEEPS_ALWAYS)
			life_let_go(worker, slot);
		else if (slot->flags & SLOT_FIBER)
			fiber_yielded(worker, slot);
		break;
	case CONTROL_STOP:
		if (envelope->sender && envelope->sender == slot->parent)
			life_let_go(worker, slot);
		if (slot->flags & SLOT_FIBER)
			fiber_stop_asked(worker, slot);
		else
			life_end(worker, slot, NOH_WHY_NORMAL, 0, NULL);
		break;
	case CONTROL_WATCH:
		watchers_add(slot, envelope->sender, (struct watcher *)envelope->body);
		break;
	case CONTROL_UNWATCH:
		watchers_remove(slot, envelope->sender, (struct watcher *)envelope->body);
		break;
	case CONTROL_LINK:
		links_add(slot, envelope->sender, *(uint64_t *)envelope->body);
		break;
	case CONTROL_UNLINK:
		links_remove(slot, envelope->sender, (struct link_named *)envelope->body);
		break;
	case CONTROL_ADOPT:
		family_add(slot, envelope->sender);
		if (slot_state(slot) != SLOT_ALIVE)
			post_ending(envelope->sender, ENDING_SHUTDOWN);
		break;
	case CONTROL_STARTED:
		birth_heard(worker, slot, envelope->sender);
		break;
	case CONTROL_ENDED: // handle_rare() has seen to it
		break;
	case CONTROL_RESTART:
		life_restart(worker, slot, ((struct restart *)envelope->body)->state);
		break;
	case CONTROL_LET_GO:
		life_let_go(worker, slot);
		break;
	case CONTROL_PROBE:
		deadlock_probe(worker, slot, *(struct probe **)envelope->body);
		break;
	case CONTROL_OVER:
		if (slot_state(slot) == SLOT_ALIVE)
			control_fail_if_over(worker, slot);
		break;
	case CONTROL_WANT_ROOM:
		bound_want_room(slot, envelope->sender, *(uint64_t *)envelope->body);
		break;
	case CONTROL_ROOM:
		fiber_has_room(worker, slot);
		break;
	case CONTROL_LANE: // looked at earlier
		break;
	case CONTROL_STOP_ASKED:
		guardian_stop_asked(worker, slot);
		break;
	case CONTROL_ATTACH:
		attached_add(slot, *(struct noh_attached **)envelope->body);
		break;
	case CONTROL_DETACH:
		attached_remove(*(struct noh_attached **)envelope->body);
		break;
	}
}
