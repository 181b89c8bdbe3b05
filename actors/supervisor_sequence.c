/*
 * Sequences: stops children one after the other, each in its time, then starts others, each when
 * the one before has started. Knows how a child is stopped and started, not why.
 *
 * A child that keeps its place has two ends: that of its life, after which it can be started again,
 * and, once it was let go, that of its place. Who lets it go waits for the second.
 */
#include <errno.h>
#include <string.h>

#include "actors/supervisor.h"

static bool is_temporary(const struct place *place)
{
	return place->spec->restart == NOH_TEMPORARY;
}

static void cancel_timer(struct place *place)
{
	noh_cancel(place->timer);
	place->timer = (noh_timer){0};
}

void sequence_let_go(struct place *place)
{
	cancel_timer(place);
	noh_stop(place->child);
	place->state = PLACE_LEAVING;
}

// Nothing of the child is left.
static void left(struct noh_supervision *self, struct place *place)
{
	if (self->operation.awaited == place)
		self->operation.awaited = NULL;
	children_set_handle(&self->children, place, NOH_NOBODY);
	place->state = PLACE_EMPTY;
	if (is_temporary(place) || (self->operation.purpose == ADD &&
				    self->operation.subject == place && self->operation.problem))
		children_remove(&self->children, place);
}

// ---- stopping

static void tell_to_stop(struct place *place)
{
	int64_t within_ms = place->spec->shutdown_ms;

	place->state = PLACE_STOPPING;
	place->timed_out = false;
	if (within_ms == NOH_SHUTDOWN_KILL) {
		noh_kill(place->child);
		within_ms = KILL_AGAIN_MS; // should its own children not end
	} else {
		noh_end_life(place->child);
	}
	if (within_ms != NOH_SHUTDOWN_FOREVER)
		place->timer = noh_after(within_ms, noh_stop_deadline, .child = place->child);
}

// It has ended before it was its turn.
static void stop_ended(struct noh_supervision *self, struct place *place)
{
	cancel_timer(place);
	if (place->state == PLACE_ENDED) {
		if (!place->child.id && !self->operation.lets_go)
			return; // a temporary one: dealt with when this is over
		if (is_abnormal(place->end->why))
			supervisor_report(place->end, place->spec, "run",
					  self->operation.lets_go ? "none" : "restart");
		child_end_destroy(place->end);
		place->end = NULL;
	}
	supervisor_work_overtaken(self, place);
	place->state = PLACE_RESTING;
	if (!place->child.id) {
		left(self, place);
	} else if (self->operation.lets_go) {
		sequence_let_go(place);
		self->operation.awaited = place;
	}
}

static void stop_next(struct noh_supervision *self)
{
	struct operation *operation = &self->operation;
	struct place *place = operation->stop_at;

	operation->stop_at = place == operation->stop_end ? NULL : place->before;
	switch (place->state) {
	case PLACE_STARTING:
	case PLACE_RUNNING:
		tell_to_stop(place);
		operation->awaited = place;
		break;
	case PLACE_STOPPING:
	case PLACE_LEAVING:
		operation->awaited = place;
		break;
	case PLACE_ENDED:
	case PLACE_RESTING:
		stop_ended(self, place);
		break;
	case PLACE_EMPTY:
		break;
	}
}

static void stopped(struct noh_supervision *self, struct place *place, const struct noh_down *msg)
{
	struct child_end *end = child_end_create(msg, &self->crashed_at);

	cancel_timer(place);
	supervisor_report_stopped(end, place->spec, place->timed_out);
	child_end_destroy(end);

	place->state = PLACE_RESTING;
	if (!msg->restarting)
		left(self, place);
	else if (self->operation.lets_go || self->operation.awaited != place)
		sequence_let_go(place);
	else
		self->operation.awaited = NULL;
}

// ---- starting

// Whose name another has is killed, and has not started, however far it came.
static void give_name(struct place *place)
{
	place->lacks_name = noh_register(place->spec->registered, place->child) == -EEXIST;
	if (place->lacks_name)
		noh_kill(place->child);
}

static bool spawn_child(struct noh_supervision *self, struct place *place)
{
	struct noh_spawn_options options = {.size = sizeof(options),
					    .name = child_log_name(place->spec),
					    .keeps_place = !is_temporary(place),
					    .supervised = true,
					    .describe = place->spec->describe,
					    .drop_mail = place->spec->drop_mail};
	noh_actor child = noh_spawn_type(child_type(place->spec), place->spec->state, &options);
	children_set_handle(&self->children, place, child);
	if (child.id && place->spec->registered)
		give_name(place);
	return child.id != 0;
}

static void start(struct noh_supervision *self, struct place *place)
{
	cancel_timer(place);
	place->terminated = false;
	place->backoff.started_ms = noh_now_ms();
	if (place->child.id ? noh_restart(place->child, place->spec->state) == 0
			    : spawn_child(self, place)) {
		place->state = PLACE_STARTING;
		self->operation.awaited = place;
	}
}

static void start_next(struct noh_supervision *self)
{
	struct operation *operation = &self->operation;
	struct place *place = operation->start_at;

	operation->start_at = place == operation->start_end ? NULL : place->after;
	if (operation->purpose == RESTART && (place->terminated || is_temporary(place)))
		return;
	if (place->state == PLACE_EMPTY || place->state == PLACE_RESTING)
		start(self, place);
}

void sequence_started(struct noh_supervision *self, struct place *place)
{
	if (place->state != PLACE_STARTING || place->lacks_name)
		return;
	place->state = PLACE_RUNNING;
	if (self->operation.awaited == place) // or a shutdown waits for another to stop
		self->operation.awaited = NULL;
	if (self->operation.subject == place)
		self->operation.started = place->child;
}

static char *problem_of(const struct place *place, const char *reason)
{
	const char *why = *reason ? reason : "it has ended";
	const char *text = noh_format("child '%s' did not start: %s", place->spec->id, why);
	size_t size = strlen(text) + 1;
	return (char *)memcpy(noh_alloc(size), text, size);
}

static void roll_back(struct noh_supervision *self)
{
	self->operation.purpose = ROLL_BACK;
	self->operation.start_at = NULL;
	self->operation.stop_at = self->children.last;
	self->operation.lets_go = true;
}

static void ended(struct noh_supervision *self, struct place *place, const struct noh_down *msg)
{
	place->state = PLACE_ENDED;
	place->end = child_end_create(msg, &self->crashed_at);
	if (!msg->restarting)
		children_set_handle(&self->children, place, NOH_NOBODY);
}

static void not_started(struct noh_supervision *self, struct place *place,
			const struct noh_down *msg)
{
	struct operation *operation = &self->operation;
	bool has_failed = msg->why != NOH_WHY_NORMAL;

	if (has_failed && operation->purpose == RESTART) {
		// As if it had ended later: it is tried again as long as that is allowed, and
		// requests come in between.
		*operation = (struct operation){.purpose = IDLE};
		ended(self, place, msg);
		supervisor_work_add(self, (struct work){.kind = WORK_ENDED, .place = place});
		return;
	}
	if (has_failed) {
		struct child_end *end = child_end_create(msg, &self->crashed_at);
		if (place->lacks_name)
			child_end_explain(end, noh_format("another is registered as '%s'",
							  place->spec->registered));
		supervisor_report(end, place->spec, "start", "none");
		operation->problem = problem_of(place, end->reason);
		child_end_destroy(end);
	}
	if (msg->restarting)
		sequence_let_go(place);
	else
		left(self, place);
	if (has_failed && operation->purpose == BEGIN)
		roll_back(self);
}

void sequence_down(struct noh_supervision *self, struct place *place, const struct noh_down *msg)
{
	switch (place->state) {
	case PLACE_STARTING:
		not_started(self, place, msg);
		break;
	case PLACE_STOPPING:
		stopped(self, place, msg);
		break;
	case PLACE_RUNNING:
		ended(self, place, msg);
		supervisor_work_add(self, (struct work){.kind = WORK_ENDED, .place = place});
		break;
	case PLACE_LEAVING:
	case PLACE_ENDED:
	case PLACE_RESTING:
	case PLACE_EMPTY:
		if (!msg->restarting)
			left(self, place);
		break;
	}
}

// ---- one after the other

// All that was to be stopped has been.
static void begin_starting(struct noh_supervision *self)
{
	struct operation *operation = &self->operation;
	struct place *subject = operation->subject;

	operation->has_stopped = true;
	if (operation->purpose == RESTART && operation->delay_ms) {
		subject->timer =
			noh_after(operation->delay_ms, noh_restart_due, .child = subject->child);
		return;
	}
	if (operation->purpose == BEGIN)
		operation->start_at = self->children.first;
	if (operation->purpose == ADD || operation->purpose == REVIVE ||
	    operation->purpose == RESTART)
		operation->start_at = operation->start_end = subject;
	if (operation->purpose == RESTART && self->options.strategy != NOH_ONE_FOR_ONE)
		operation->start_end = NULL;
	if (operation->purpose == RESTART && self->options.strategy == NOH_ONE_FOR_ALL)
		operation->start_at = self->children.first;
}

// False: there is none.
static bool take_work(struct noh_supervision *self)
{
	struct work *work = self->first;
	if (!work || self->is_ending)
		return false;
	self->first = work->next;

	struct place *place = work->place;
	if (work->kind == WORK_ENDED && place)
		restart_decide(self, place);
	else if (work->kind == WORK_DUE && place)
		restart_now(self, place);
	else if (work->kind != WORK_ENDED && work->kind != WORK_DUE)
		requests_do(self, work);
	noh_drop(work->kept);
	noh_drop(work);
	return true;
}

void sequence_proceed(struct noh_supervision *self)
{
	struct operation *operation = &self->operation;

	while (!operation->awaited) {
		if (operation->purpose == IDLE) {
			if (!take_work(self))
				return;
		} else if (operation->stop_at) {
			stop_next(self);
		} else if (!operation->has_stopped) {
			begin_starting(self);
		} else if (operation->start_at) {
			start_next(self);
		} else {
			struct operation over = *operation;
			*operation = (struct operation){.purpose = IDLE};
			supervisor_over(self, &over);
			noh_drop(over.problem);
		}
	}
}
