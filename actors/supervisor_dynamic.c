/*
 * The dynamic supervisor: many alike children that come and go. What it does for one costs the same
 * however many there are: each is found by its handle, and nothing else is kept of it but what
 * makes it different from the template.
 */
#include <errno.h>
#include <string.h>

#include "actors/supervisor_dynamic.h"

// ---- members

struct member *dynamic_member_create(const struct noh_dynamic_supervision *self, const void *state)
{
	size_t size = state ? self->template->type->state_size : 0;
	struct member *member = (struct member *)noh_alloc(sizeof(*member) + size);

	member->state = MEMBER_RUNNING;
	member->has_state = state != NULL;
	if (state)
		memcpy(member->its_state, state, size);
	return member;
}

struct member *dynamic_member_of(const struct noh_dynamic_supervision *self,
				 struct key_entry *entry)
{
	if (!entry->value)
		entry->value = dynamic_member_create(self, NULL);
	return (struct member *)entry->value;
}

static const void *state_of(const struct noh_dynamic_supervision *self, const struct member *member)
{
	return member && member->has_state ? member->its_state : self->template->state;
}

// It runs: keeps only what its next life needs.
static void slim(const struct noh_dynamic_supervision *self, struct key_entry *entry)
{
	const struct member *member = (const struct member *)entry->value;
	bool needs_state = member->has_state && self->template->restart != NOH_TEMPORARY;

	if (needs_state || member->backoff.waits)
		return;
	noh_drop(entry->value);
	entry->value = NULL;
}

static void finish_if_empty(const struct noh_dynamic_supervision *self)
{
	if (self->is_ending && !self->members.count)
		noh_end(0, NULL);
}

static void forget(struct noh_dynamic_supervision *self, struct key_entry *entry)
{
	if (entry->value)
		noh_cancel(((struct member *)entry->value)->timer);
	noh_drop(entry->value);
	key_map_remove(&self->members, entry);
	finish_if_empty(self);
}

// ---- its own life

static uint64_t number_of(uint64_t handle)
{
	return noh_number((noh_actor){handle});
}

static void begin(struct noh_dynamic_supervision *self)
{
	self->members.number = number_of;
	self->options = self->given.plan->options;
	self->template = &self->given.plan->children[0];
}

static void on_start(struct noh_dynamic_supervision *self, const struct noh_start *msg)
{
	(void)msg;
	if (self->given.plan)
		begin(self);
}

static void on_supervise_these(struct noh_dynamic_supervision *self,
			       const struct noh_supervise_these *msg)
{
	self->given.plan = (const struct plan *)noh_keep(noh_supervise_these, msg)->plan.ptr;
	begin(self);
	noh_reply(noh_supervised, .problem = "");
}

void dynamic_tell_to_stop(const struct noh_dynamic_supervision *self, noh_actor child)
{
	if (self->template->shutdown_ms == NOH_SHUTDOWN_KILL)
		noh_kill(child);
	else
		noh_end_life(child);
}

int64_t dynamic_patience_ms(const struct noh_dynamic_supervision *self)
{
	int64_t within_ms = self->template->shutdown_ms;
	return within_ms == NOH_SHUTDOWN_KILL ? KILL_AGAIN_MS : within_ms;
}

// All at once: none depends on another.
static void on_stopping(struct noh_dynamic_supervision *self, const struct noh_stopping *msg)
{
	if (msg->why == NOH_WHY_FAILED && !self->gives_up)
		return;
	noh_end_later();
	self->is_ending = true;
	for (size_t i = 0; i < self->members.room; i++) {
		const struct key_entry *entry = &self->members.entries[i];
		const struct member *member = (const struct member *)entry->value;
		if (!entry->key)
			continue;
		if (member && member->state == MEMBER_RESTING)
			noh_stop((noh_actor){entry->key});
		else
			dynamic_tell_to_stop(self, (noh_actor){entry->key});
	}
	if (self->members.count && dynamic_patience_ms(self) != NOH_SHUTDOWN_FOREVER)
		noh_after(dynamic_patience_ms(self), noh_stop_deadline, .child = NOH_NOBODY);
	finish_if_empty(self);
}

static void on_stop_deadline(struct noh_dynamic_supervision *self,
			     const struct noh_stop_deadline *msg)
{
	struct key_entry *entry = key_map_find(&self->members, msg->child.id);

	if (entry) {
		dynamic_member_of(self, entry)->timed_out = true;
		noh_kill(msg->child);
	}
	self->timed_out |= !msg->child.id;
	for (size_t i = 0; !msg->child.id && i < self->members.room; i++)
		if (self->members.entries[i].key)
			noh_kill((noh_actor){self->members.entries[i].key});
	if (!msg->child.id)
		noh_after(KILL_AGAIN_MS, noh_stop_deadline, .child = NOH_NOBODY);
	else if (entry)
		dynamic_member_of(self, entry)->timer =
			noh_after(KILL_AGAIN_MS, noh_stop_deadline, .child = msg->child);
}

// ---- ends

static void stays_ended(struct noh_dynamic_supervision *self, struct key_entry *entry,
			const struct child_end *end)
{
	enum noh_auto_shutdown mode = self->options.auto_shutdown;
	bool ends_all = self->template->significant && mode != NOH_AUTO_SHUTDOWN_NEVER &&
			(mode == NOH_AUTO_SHUTDOWN_ANY || self->members.count == 1);

	if (is_abnormal(end->why))
		supervisor_report(end, self->template, "run", ends_all ? "shutdown" : "none");
	noh_stop(end->who);
	forget(self, entry);
	if (ends_all) {
		self->is_ending = true;
		noh_end_life(noh_self());
	}
}

static void gives_up(struct noh_dynamic_supervision *self, struct key_entry *entry,
		     const struct child_end *end)
{
	dynamic_member_of(self, entry)->state = MEMBER_RESTING; // until it is let go
	supervisor_report(end, self->template, "run", "give-up");
	self->is_ending = self->gives_up = true;
	noh_end(1,
		noh_format("more than %lld restarts within %lld ms, the last for %s: %s",
			   (long long)(self->options.max_restarts > 0 ? self->options.max_restarts
								      : 0),
			   (long long)self->options.within_ms, self->template->id,
			   *end->reason ? end->reason : "it ended"));
}

static void comes_again(struct noh_dynamic_supervision *self, struct key_entry *entry,
			const struct child_end *end)
{
	const struct noh_backoff *backoff = &self->template->backoff;
	int64_t delay_ms = 0;

	if (backoff->min_ms) {
		struct member *member = dynamic_member_of(self, entry);
		delay_ms = backoff_next(&member->backoff, backoff, noh_now_ms(), noh_random());
		member->state = MEMBER_RESTING;
		member->timer = noh_after(delay_ms, noh_restart_due, .child = end->who);
	}
	supervisor_report(end, self->template, "run",
			  delay_ms ? noh_format("restart delay_ms=%lld", (long long)delay_ms)
				   : "restart");
	if (!backoff->min_ms)
		noh_restart(end->who, state_of(self, (const struct member *)entry->value));
}

static void on_restart_due(struct noh_dynamic_supervision *self, const struct noh_restart_due *msg)
{
	struct key_entry *entry = key_map_find(&self->members, msg->child.id);
	struct member *member = entry ? (struct member *)entry->value : NULL;

	if (!member || member->state != MEMBER_RESTING)
		return;
	member->timer = (noh_timer){0};
	member->state = MEMBER_RUNNING;
	member->backoff.started_ms = noh_now_ms();
	noh_restart(msg->child, state_of(self, member));
}

static void ended_by_itself(struct noh_dynamic_supervision *self, struct key_entry *entry,
			    const struct child_end *end)
{
	if (!comes_back(self->template, end->why))
		stays_ended(self, entry, end);
	else if (intensity_allows(&self->intensity, &self->options, noh_now_ms()))
		comes_again(self, entry, end);
	else
		gives_up(self, entry, end);
}

static void not_started(struct noh_dynamic_supervision *self, struct key_entry *entry,
			const struct child_end *end)
{
	const struct member *member = (const struct member *)entry->value;

	noh_stop(end->who); // what may be left of it
	if (end->why == NOH_WHY_NORMAL) {
		noh_reply_at(member->reply, noh_child_started, .child = NOH_NOBODY);
	} else {
		supervisor_report(end, self->template, "start", "none");
		noh_reply_error_at(member->reply, -ECANCELED, end->reason);
	}
	forget(self, entry);
}

// Its place is free.
static void gone(struct noh_dynamic_supervision *self, struct key_entry *entry)
{
	noh_reply_at(((const struct member *)entry->value)->reply, noh_child_done);
	forget(self, entry);
}

static void stopped(struct noh_dynamic_supervision *self, struct key_entry *entry,
		    struct child_end *end, bool is_gone)
{
	struct member *member = dynamic_member_of(self, entry);

	supervisor_report_stopped(end, self->template, self->timed_out || member->timed_out);
	if (member->state == MEMBER_STARTING) {
		noh_reply_error_at(member->reply, -ECANCELED, "the supervisor is ending");
		member->reply = (noh_reply_to){0};
	}
	member->state = MEMBER_RESTING;
	if (is_gone)
		gone(self, entry);
	else
		noh_stop(end->who);
}

static void on_child_down(struct noh_dynamic_supervision *self, const struct noh_down *msg)
{
	struct key_entry *entry = key_map_find(&self->members, msg->who.id);
	if (!entry)
		return;

	struct member *member = (struct member *)entry->value;
	struct child_end *end = child_end_create(msg, &self->crashed_at);
	if (member && member->state == MEMBER_RESTING && !msg->restarting)
		gone(self, entry); // was let go
	else if (self->is_ending || (member && member->state == MEMBER_STOPPING))
		stopped(self, entry, end, !msg->restarting);
	else if (member && member->state == MEMBER_STARTING)
		not_started(self, entry, end);
	else
		ended_by_itself(self, entry, end);
	child_end_destroy(end);
}

static void on_child_started(struct noh_dynamic_supervision *self, const struct noh_started *msg)
{
	struct key_entry *entry = key_map_find(&self->members, msg->who.id);
	struct member *member = entry ? (struct member *)entry->value : NULL;

	if (!member || member->state != MEMBER_STARTING)
		return;
	noh_reply_at(member->reply, noh_child_started, .child = msg->who);
	member->reply = (noh_reply_to){0};
	member->state = MEMBER_RUNNING;
	member->backoff.started_ms = noh_now_ms();
	slim(self, entry);
}

static void on_child_crashed(struct noh_dynamic_supervision *self, const struct noh_crashed *msg)
{
	supervisor_note(&self->crashed_at, msg);
}

static void on_change(struct noh_dynamic_supervision *self, const struct noh_change_supervisor *msg)
{
	supervisor_change_options(&self->options, msg);
}

NOH_ACTOR(noh_dynamic_supervision, (noh_start, on_start), (noh_supervise_these, on_supervise_these),
	  (noh_started, on_child_started), (noh_crashed, on_child_crashed),
	  (noh_down, on_child_down), (noh_stop_deadline, on_stop_deadline),
	  (noh_restart_due, on_restart_due), (noh_stopping, on_stopping),
	  (noh_start_child, dynamic_start_child), (noh_restart_child, dynamic_restart_child),
	  (noh_terminate_child, dynamic_terminate_child), (noh_delete_child, dynamic_delete_child),
	  (noh_which_children, dynamic_which_children),
	  (noh_count_children, dynamic_count_children),
	  (noh_get_child_spec, dynamic_get_child_spec), (noh_change_supervisor, on_change));

static void receive(void *state, uint32_t id, const void *body, const struct noh_delivery *answer)
{
	supervisor_log_unknown(noh_dynamic_supervision_accepts, id);
	noh_dynamic_supervision_receive(state, id, body, answer);
}

const struct noh_actor_type noh_dynamic_supervision_type = {
	.abi = NOH_ABI,
	.name = "supervisor",
	.state_size = sizeof(struct noh_dynamic_supervision),
	.accepts = noh_dynamic_supervision_accepts,
	.asks = noh_dynamic_supervision_asks,
	.receive = receive};
