/* Requests: what a running supervisor can be asked. Those that start or stop children wait until
 * nothing else does. */
#include <errno.h>

#include "actors/supervisor.h"

// ---- those that wait

void requests_start_child(struct noh_supervision *self, const struct noh_start_child *msg)
{
	supervisor_work_add(self, (struct work){.kind = WORK_START,
						.kept = noh_keep(noh_start_child, msg),
						.reply = noh_reply_later()});
	sequence_proceed(self);
}

void requests_restart_child(struct noh_supervision *self, const struct noh_restart_child *msg)
{
	supervisor_work_add(self, (struct work){.kind = WORK_RESTART,
						.kept = noh_keep(noh_restart_child, msg),
						.reply = noh_reply_later()});
	sequence_proceed(self);
}

void requests_terminate_child(struct noh_supervision *self, const struct noh_terminate_child *msg)
{
	supervisor_work_add(self, (struct work){.kind = WORK_TERMINATE,
						.kept = noh_keep(noh_terminate_child, msg),
						.reply = noh_reply_later()});
	sequence_proceed(self);
}

void requests_delete_child(struct noh_supervision *self, const struct noh_delete_child *msg)
{
	supervisor_work_add(self, (struct work){.kind = WORK_DELETE,
						.kept = noh_keep(noh_delete_child, msg),
						.reply = noh_reply_later()});
	sequence_proceed(self);
}

static void refuse(const struct work *work, int err, const char *text)
{
	noh_log(NOH_WARN, "refuses a request: %s", text);
	noh_reply_error_at(work->reply, err, text);
}

static bool is_absent(const struct place *place)
{
	return place->state == PLACE_EMPTY || place->state == PLACE_LEAVING;
}

static void add_child(struct noh_supervision *self, struct work *work)
{
	const struct noh_child *given =
		(const struct noh_child *)((const struct noh_start_child *)work->kept)->spec.ptr;
	char problem[PROBLEM_BYTES];

	if (!given) {
		refuse(work, -EINVAL, "a child without a spec");
		return;
	}
	if (!child_check(&self->options, given, problem)) {
		refuse(work, -EINVAL, problem);
		return;
	}
	struct place *place = children_find(&self->children, given->id);
	if (place) {
		refuse(work, -EEXIST,
		       noh_format(is_absent(place) ? "child '%s' is already present"
						   : "child '%s' is already started",
				  given->id));
		return;
	}
	place = children_add(&self->children, given);
	place->kept = work->kept;
	work->kept = NULL;
	self->operation =
		(struct operation){.purpose = ADD, .subject = place, .reply = work->reply};
}

static struct place *find(struct noh_supervision *self, const struct work *work, const char *id)
{
	struct place *place = children_find(&self->children, id);
	if (!place)
		refuse(work, -ENOENT, noh_format("there is no child '%s'", id));
	return place;
}

static void revive_child(struct noh_supervision *self, struct work *work)
{
	struct place *place = find(self, work, ((const struct noh_restart_child *)work->kept)->id);
	if (!place)
		return;
	if (!is_absent(place)) {
		refuse(work, -EBUSY,
		       noh_format("child '%s' runs, or will be restarted", place->spec->id));
		return;
	}
	self->operation = (struct operation){.purpose = REVIVE,
					     .subject = place,
					     .reply = work->reply,
					     .stop_at = place,
					     .stop_end = place};
}

static void delete_child(struct noh_supervision *self, struct work *work)
{
	struct place *place = find(self, work, ((const struct noh_delete_child *)work->kept)->id);
	if (!place)
		return;
	if (place->state != PLACE_EMPTY) {
		refuse(work, -EBUSY, noh_format("child '%s' is not stopped", place->spec->id));
		return;
	}
	children_remove(&self->children, place);
	noh_reply_at(work->reply, noh_child_done);
}

static void terminate_child(struct noh_supervision *self, struct work *work)
{
	const struct noh_terminate_child *msg = (const struct noh_terminate_child *)work->kept;
	struct place *place;

	if (msg->child.id) {
		place = children_find_handle(&self->children, msg->child);
		if (!place)
			refuse(work, -ENOENT, "it is none of my children");
	} else {
		place = find(self, work, msg->id);
	}
	if (!place)
		return;
	place->terminated = true;
	self->operation = (struct operation){.purpose = TERMINATE,
					     .subject = place,
					     .reply = work->reply,
					     .stop_at = place,
					     .stop_end = place,
					     .lets_go = true};
}

void requests_do(struct noh_supervision *self, struct work *work)
{
	switch (work->kind) {
	case WORK_START:
		add_child(self, work);
		break;
	case WORK_RESTART:
		revive_child(self, work);
		break;
	case WORK_TERMINATE:
		terminate_child(self, work);
		break;
	case WORK_DELETE:
		delete_child(self, work);
		break;
	case WORK_ENDED:
	case WORK_DUE:
		break;
	}
}

// A terminated child may have been the one that others wait with, to be restarted.
static void let_others_start(struct noh_supervision *self)
{
	if (self->options.strategy == NOH_ONE_FOR_ONE)
		return;
	for (struct place *place = self->children.first; place; place = place->after) {
		if (place->timer.id)
			return;
		if (place->state == PLACE_RESTING) {
			supervisor_work_add(self, (struct work){.kind = WORK_DUE, .place = place});
			return;
		}
	}
}

void requests_over(struct noh_supervision *self, const struct operation *operation)
{
	if (operation->problem) {
		noh_reply_error_at(operation->reply, -ECANCELED, operation->problem);
	} else if (operation->purpose == TERMINATE) {
		noh_reply_at(operation->reply, noh_child_done);
		let_others_start(self);
	} else {
		noh_reply_at(operation->reply, noh_child_started, .child = operation->started);
	}
}

// ---- those that are answered at once

void requests_which_children(struct noh_supervision *self, const struct noh_which_children *msg)
{
	(void)msg;
	struct noh_children list = children_list(&self->children);
	noh_reply_type(&noh_children_message, &list);
}

void requests_count_children(struct noh_supervision *self, const struct noh_count_children *msg)
{
	(void)msg;
	struct noh_child_counts counts = children_counts(&self->children);
	noh_reply_type(&noh_child_counts_message, &counts);
}

void requests_get_child_spec(struct noh_supervision *self, const struct noh_get_child_spec *msg)
{
	struct place *place = msg->child.id ? children_find_handle(&self->children, msg->child)
					    : children_find(&self->children, msg->id);
	if (!place)
		noh_reply_error(-ENOENT, "there is no such child");
	else
		noh_reply(noh_child_spec, .spec = noh_child_copy_of(place->spec));
}
