/*
 * One handler by itself: it runs on a stand-in for a worker and an actor, so that all it may call
 * works; but nobody else is there, and what it sends is kept. Knows no runtime that runs.
 */
#include "runtime/recorder.h"

#include <stdlib.h>
#include <string.h>

#include <noh/test.h>

#include "runtime/post.h"

struct record {
	struct record *next;
	noh_actor to;
	const struct message_info *info;
	_Alignas(16) char body[];
};

// A thread's, made on first use and kept: what a handler allocates is to last as long as the state
// that it was run with.
struct stage {
	struct noh_runtime runtime;
	struct worker worker;
	struct slot slot;
	struct record *first, **last;
	struct record *shown; // lives until the next look
};

static _Thread_local struct stage *stage;
static _Thread_local bool is_recording;

// ---- records

bool recorder_here(void)
{
	return is_recording;
}

int recorder_send(noh_actor to, const struct message_info *info, const void *body)
{
	struct record *record =
		(struct record *)must_allocate(sizeof(*record) + message_size(info, body));
	*record = (struct record){.to = to, .info = info};
	message_copy(info, record->body, body);
	*stage->last = record;
	stage->last = &record->next;
	return 0;
}

static void drop_record(struct record *record)
{
	if (!record)
		return;
	message_release(record->info, record->body);
	free(record);
}

static struct record *unlink_record(struct record **link)
{
	struct record *record = *link;
	*link = record->next;
	if (stage->last == &record->next)
		stage->last = link;
	return record;
}

const struct message_info *recorder_take(noh_actor to, const void **ret_body)
{
	if (!stage)
		return NULL;
	drop_record(stage->shown);
	stage->shown = NULL;
	for (struct record **link = &stage->first; *link; link = &(*link)->next) {
		if (!noh_same((*link)->to, to))
			continue;
		stage->shown = unlink_record(link);
		*ret_body = stage->shown->body;
		return stage->shown->info;
	}
	return NULL;
}

// ---- the stage

static struct alarm *set_no_alarm(uint64_t deadline_ns, const struct noh_message_type *type)
{
	(void)deadline_ns;
	(void)type;
	return NULL;
}

static void cancel_no_alarm(struct alarm *alarm)
{
	(void)alarm;
}

static const struct time_ops no_time = {.set = set_no_alarm, .cancel = cancel_no_alarm};
static const struct seams no_seams = {.time = &no_time};

static struct stage *stage_here(void)
{
	if (stage)
		return stage;
	if (posix_memalign((void **)&stage, CACHE_LINE, sizeof(*stage)))
		abort();
	memset(stage, 0, sizeof(*stage));
	stage->last = &stage->first;
	stage->runtime.seams = &no_seams;
	stage->runtime.clock = &clock_monotonic;
	stage->runtime.log_level = NOH_WARN;
	stage->runtime.log_lines = UINT32_MAX;
	stage->runtime.ended = 1; // so that nobody is spawned
	stage->worker.runtime = &stage->runtime;
	stage->worker.running = &stage->slot;
	return stage;
}

static struct envelope *envelope_of(noh_actor sender, const struct noh_message_type *type,
				    const void *body)
{
	uint32_t id = noh_message_id(type);
	const struct message_info *info = message_info(id);
	struct envelope *envelope = envelope_new(message_size(info, body), 0);

	envelope->sender = sender.id;
	envelope->type |= id;
	envelope->ask = type->answer ? 1 : 0;
	message_copy(info, envelope->body, body);
	return envelope;
}

// What the worker would do when a handler is done, or has failed. What was deferred may fail too.
static enum noh_handled clean_up(struct worker *worker, enum noh_handled handled)
{
	if (_setjmp(worker->failed))
		handled = NOH_FAILED;
	scratch_end(&worker->scratch);
	free(worker->end_reason);
	worker->end_reason = NULL;
	worker->end_asked = false;
	return handled;
}

static enum noh_handled run(struct worker *worker, const struct noh_actor_type *type, void *self,
			    const struct envelope *envelope)
{
	worker->handled = NOH_HANDLED;
	if (_setjmp(worker->failed))
		return NOH_FAILED;
	type->receive(self, post_id(envelope), envelope->body, NULL);
	return worker->handled;
}

enum noh_handled noh_test_handle_type(const struct noh_actor_type *type, void *self,
				      noh_actor sender, const struct noh_message_type *message,
				      const void *body)
{
	struct stage *here = stage_here();
	struct worker *former = this_worker, *former_sender = this_sender;
	struct envelope *envelope = envelope_of(sender, message, body);

	while (here->first)
		drop_record(unlink_record(&here->first));
	here->slot.type = type;
	here->worker.hand = envelope;
	this_worker = &here->worker;
	this_sender = NULL;
	is_recording = true;
	enum noh_handled handled =
		clean_up(&here->worker, run(&here->worker, type, self, envelope));
	is_recording = false;
	this_worker = former;
	this_sender = former_sender;

	if (handled == NOH_FAILED)
		runtime_log(NULL, NOH_WARN, "%s failed: %s", type->name, here->worker.failure);
	envelope_release(envelope);
	envelope_free(envelope);
	return handled;
}
