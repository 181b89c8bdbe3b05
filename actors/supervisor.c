/*
 * The supervisor of a list of children: hears of them and of its own end, and brings the parts
 * together. Written as a user would write it, on what is public.
 *
 * It does one thing at a time. While children are being started or stopped, the ends of others and
 * requests wait in a queue of its own, so that each is dealt with in a state that is known.
 */
#include "actors/supervisor.h"

#include <errno.h>

// ---- work that waits

void supervisor_work_add(struct noh_supervision *self, struct work work)
{
	struct work *kept = (struct work *)noh_alloc(sizeof(*kept));
	*kept = work;
	if (self->first)
		self->last->next = kept;
	else
		self->first = kept;
	self->last = kept;
}

void supervisor_work_overtaken(struct noh_supervision *self, const struct place *place)
{
	for (struct work *work = self->first; work; work = work->next)
		if (work->place == place)
			work->place = NULL;
}

// ---- beginning and end

static void begin(struct noh_supervision *self)
{
	const struct plan *plan = self->given.plan;

	self->options = plan->options;
	for (size_t i = 0; i < plan->count; i++)
		children_add(&self->children, &plan->children[i]);
	self->operation = (struct operation){.purpose = BEGIN};
	sequence_proceed(self);
}

static void on_start(struct noh_supervision *self, const struct noh_start *msg)
{
	(void)msg;
	if (!self->given.plan)
		return; // it comes in a noh_supervise_these
	noh_start_later();
	begin(self);
}

static void on_supervise_these(struct noh_supervision *self, const struct noh_supervise_these *msg)
{
	self->starter = noh_reply_later();
	self->given.plan = (const struct plan *)noh_keep(noh_supervise_these, msg)->plan.ptr;
	begin(self);
}

static void reply_with_handles(struct noh_supervision *self)
{
	noh_actor *handles = (noh_actor *)noh_alloc(self->children.count * sizeof(*handles));
	size_t count = 0;

	for (const struct place *place = self->children.first; place; place = place->after)
		handles[count++] = place->child;
	noh_reply_at(self->starter, noh_supervised, .children = {handles, count});
	noh_drop(handles);
}

// Nothing runs any more. Who is told by an answer need not fail too.
static void start_failed(struct noh_supervision *self, const char *problem)
{
	bool is_told = noh_reply_at(self->starter, noh_supervised, .problem = problem) == 0;
	self->is_ending = self->gives_up = true;
	noh_end(is_told ? 0 : 1, problem);
}

void supervisor_give_up(struct noh_supervision *self, const char *reason)
{
	self->is_ending = self->gives_up = true;
	noh_end(1, reason);
}

void supervisor_over(struct noh_supervision *self, const struct operation *operation)
{
	switch (operation->purpose) {
	case BEGIN:
		noh_start_done();
		reply_with_handles(self);
		break;
	case ROLL_BACK:
		start_failed(self, operation->problem);
		break;
	case SHUT_DOWN:
		noh_end(0, NULL);
		break;
	case ADD:
	case REVIVE:
	case TERMINATE:
		requests_over(self, operation);
		break;
	case RESTART:
	case IDLE:
		break;
	}
}

static void on_stopping(struct noh_supervision *self, const struct noh_stopping *msg)
{
	// Who fails cannot be trusted to stop others in order: the runtime ends them.
	if (msg->why == NOH_WHY_FAILED && !self->gives_up)
		return;
	noh_end_later();
	self->is_ending = true;
	self->operation = (struct operation){
		.purpose = SHUT_DOWN, .stop_at = self->children.last, .lets_go = true};
	sequence_proceed(self);
}

// ---- children

static void on_child_started(struct noh_supervision *self, const struct noh_started *msg)
{
	struct place *place = children_find_handle(&self->children, msg->who);
	if (place)
		sequence_started(self, place);
	sequence_proceed(self);
}

static void on_child_crashed(struct noh_supervision *self, const struct noh_crashed *msg)
{
	supervisor_note(&self->crashed_at, msg);
}

static void on_child_down(struct noh_supervision *self, const struct noh_down *msg)
{
	struct place *place = children_find_handle(&self->children, msg->who);
	if (place)
		sequence_down(self, place, msg);
	supervisor_forget(&self->crashed_at);
	sequence_proceed(self);
}

static void on_stop_deadline(struct noh_supervision *self, const struct noh_stop_deadline *msg)
{
	struct place *place = children_find_handle(&self->children, msg->child);
	if (!place || place->state != PLACE_STOPPING)
		return;
	place->timed_out = true;
	noh_kill(place->child);
	place->timer = noh_after(KILL_AGAIN_MS, noh_stop_deadline, .child = place->child);
}

static void on_restart_due(struct noh_supervision *self, const struct noh_restart_due *msg)
{
	struct place *place = children_find_handle(&self->children, msg->child);
	if (!place || place->state != PLACE_RESTING)
		return;
	place->timer = (noh_timer){0};
	supervisor_work_add(self, (struct work){.kind = WORK_DUE, .place = place});
	sequence_proceed(self);
}

// ---- shared by both kinds

static void on_change(struct noh_supervision *self, const struct noh_change_supervisor *msg)
{
	supervisor_change_options(&self->options, msg);
}

void supervisor_change_options(struct noh_supervisor *options,
			       const struct noh_change_supervisor *msg)
{
	const struct noh_supervisor *wanted = (const struct noh_supervisor *)msg->options.ptr;
	char problem[PROBLEM_BYTES];

	if (!wanted || !plan_check_options(wanted, problem)) {
		noh_reply_error(-EINVAL, wanted ? problem : "no options");
		return;
	}
	if ((options->strategy == NOH_DYNAMIC) != (wanted->strategy == NOH_DYNAMIC)) {
		noh_reply_error(-EINVAL, "a supervisor is dynamic for life");
		return;
	}
	const char *name = options->name;
	*options = plan_whole_options(wanted);
	plan_complete_options(options);
	options->name = name;
	noh_reply(noh_child_done);
}

void supervisor_log_unknown(const struct noh_message_type *const *accepts, uint32_t id)
{
	const struct noh_message_type *type = noh_type_of(&(struct noh_delivery){.id = id});
	if (!type)
		return; // an outcome
	for (; *accepts; accepts++)
		if (noh_message_id(*accepts) == id)
			return;
	noh_log(NOH_WARN, "drops a message that is not for a supervisor: %s", type->name);
}

NOH_ACTOR(noh_supervision, (noh_start, on_start), (noh_supervise_these, on_supervise_these),
	  (noh_started, on_child_started), (noh_crashed, on_child_crashed),
	  (noh_down, on_child_down), (noh_stop_deadline, on_stop_deadline),
	  (noh_restart_due, on_restart_due), (noh_stopping, on_stopping),
	  (noh_start_child, requests_start_child), (noh_restart_child, requests_restart_child),
	  (noh_terminate_child, requests_terminate_child),
	  (noh_delete_child, requests_delete_child), (noh_which_children, requests_which_children),
	  (noh_count_children, requests_count_children),
	  (noh_get_child_spec, requests_get_child_spec), (noh_change_supervisor, on_change));

static void receive(void *state, uint32_t id, const void *body, const struct noh_delivery *answer)
{
	supervisor_log_unknown(noh_supervision_accepts, id);
	noh_supervision_receive(state, id, body, answer);
}

const struct noh_actor_type noh_supervision_type = {.abi = NOH_ABI,
						    .name = "supervisor",
						    .state_size = sizeof(struct noh_supervision),
						    .accepts = noh_supervision_accepts,
						    .asks = noh_supervision_asks,
						    .receive = receive};
