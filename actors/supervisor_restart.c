/* Restarts: whether a child that has ended by itself starts again, when, and who with it. Knows
 * strategies, limits and waits, not how children are stopped and started. */
#include "actors/supervisor.h"

// Whether another significant child may still come to its end.
static bool others_matter(const struct noh_supervision *self, const struct place *but)
{
	for (const struct place *place = self->children.first; place; place = place->after)
		if (place != but && place->spec->significant && place->state != PLACE_EMPTY &&
		    place->state != PLACE_LEAVING)
			return true;
	return false;
}

static void stays_ended(struct noh_supervision *self, struct place *place)
{
	bool ends_all =
		place->spec->significant && (self->options.auto_shutdown == NOH_AUTO_SHUTDOWN_ANY ||
					     !others_matter(self, place));

	if (is_abnormal(place->end->why))
		supervisor_report(place->end, place->spec, "run", ends_all ? "shutdown" : "none");
	child_end_destroy(place->end);
	place->end = NULL;
	if (place->child.id)
		sequence_let_go(place);
	else if (place->spec->restart == NOH_TEMPORARY)
		children_remove(&self->children, place);
	else
		place->state = PLACE_EMPTY;
	if (ends_all) {
		self->is_ending = true;
		noh_end_life(noh_self());
	}
}

static const char *too_many(const struct noh_supervision *self, const struct place *place)
{
	return noh_format(
		"more than %lld restarts within %lld ms, the last for %s: %s",
		(long long)(self->options.max_restarts > 0 ? self->options.max_restarts : 0),
		(long long)self->options.within_ms, place->spec->id,
		*place->end->reason ? place->end->reason : "it ended");
}

static struct place *stopped_last(const struct noh_supervision *self, const struct place *place)
{
	switch (self->options.strategy) {
	case NOH_ONE_FOR_ALL:
		return self->children.first;
	case NOH_REST_FOR_ONE:
		return place->after;
	case NOH_ONE_FOR_ONE:
	case NOH_DYNAMIC:
		break;
	}
	return NULL;
}

static void comes_again(struct noh_supervision *self, struct place *place)
{
	int64_t delay_ms =
		backoff_next(&place->backoff, &place->spec->backoff, noh_now_ms(), noh_random());
	struct place *stop_end = stopped_last(self, place);

	supervisor_report(place->end, place->spec, "run",
			  delay_ms ? noh_format("restart delay_ms=%lld", (long long)delay_ms)
				   : "restart");
	child_end_destroy(place->end);
	place->end = NULL;
	place->state = PLACE_RESTING;
	self->operation = (struct operation){.purpose = RESTART,
					     .subject = place,
					     .delay_ms = delay_ms,
					     .stop_at = stop_end ? self->children.last : NULL,
					     .stop_end = stop_end};
}

void restart_decide(struct noh_supervision *self, struct place *place)
{
	if (!comes_back(place->spec, place->end->why)) {
		stays_ended(self, place);
		return;
	}
	if (!intensity_allows(&self->intensity, &self->options, noh_now_ms())) {
		supervisor_report(place->end, place->spec, "run", "give-up");
		supervisor_give_up(self, too_many(self, place));
		child_end_destroy(place->end);
		place->end = NULL;
		place->state = PLACE_RESTING;
		return;
	}
	comes_again(self, place);
}

void restart_now(struct noh_supervision *self, struct place *place)
{
	self->operation = (struct operation){.purpose = RESTART, .subject = place};
}
