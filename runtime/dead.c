/* Dead letters: counted, traced, sent to the subscriber; asks in them answered; what they hold
 * released. */
#include "runtime/dead.h"

#include <errno.h>
#include <stdlib.h>

#include <noh/noh.h>

#include "runtime/asks.h"
#include "runtime/bound.h"
#include "runtime/deadlock.h"
#include "runtime/extend.h"
#include "runtime/marks.h"
#include "runtime/shared.h"
#include "runtime/trace.h"

void dead_count(struct noh_runtime *runtime, uint64_t to, uint64_t from,
		const struct message_info *info, const void *body, const char *why)
{
	struct worker *worker = this_worker;
	if (worker)
		ck_pr_store_64(&worker->statistics.dead_letters,
			       worker->statistics.dead_letters + 1); // others read it
	else if (runtime)
		ck_pr_inc_64(&runtime->dead_letters_outside);
	if (trace_on)
		trace_dead(from, to, info, body, why);

	// A dead letter about a dead letter would go on for ever.
	uint64_t subscriber = runtime ? ck_pr_load_64(&runtime->subscriber) : 0;
	if (!subscriber || subscriber == to ||
	    info == message_info(noh_message_id(&noh_dead_letter_message)))
		return;
	struct noh_dead_letter letter = {
		.to = {to}, .from = {from}, .message = info->type.name, .why = why};
	deliver(subscriber, 0, &noh_dead_letter_message, &letter, NULL);
}

void dead_on_send(struct worker *worker, uint64_t to, const struct message_info *info,
		  const void *body)
{
	struct noh_runtime *runtime = worker ? worker->runtime : NULL;
	struct slot *slot = slot_of(to);

	// A plain thread's count where the receiver lived, unless that runtime has ended.
	if (worker)
		worker->credit--; // like any other send
	else
		runtime = slot_runtime(slot);
	dead_count(runtime, to, worker ? worker->self : 0, info, body, "nobody there");
	message_drop_owned(info, body);
}

void control_undelivered(struct envelope *envelope, uint64_t to)
{
	switch ((enum control)post_id(envelope)) {
	case CONTROL_WATCH: {
		struct watcher *watcher = (struct watcher *)envelope->body;
		post_down(envelope->sender, watcher->id, to, NOH_WHY_NOBODY, 0, "nobody there",
			  false);
		break;
	}
	case CONTROL_LINK: {
		struct link_named link = {*(uint64_t *)envelope->body, .asked_by_receiver = true};
		post_exit(envelope->sender, to, link, NOH_WHY_NOBODY, 0, "nobody there");
		break;
	}
	case CONTROL_ENDED: {
		// The parent was gone first: nobody else knows of this slot.
		struct child_ended *ended = (struct child_ended *)envelope->body;
		free(ended->reason);
		free(ended->crash);
		if (!ended->in_limbo)
			child_slot_free(envelope->sender);
		else
			post_control(envelope->sender, CONTROL_LET_GO, 0, NULL, 0);
		break;
	}
	case CONTROL_RESTART: {
		struct restart *restart = (struct restart *)envelope->body;
		pool_give(pool_class_of(restart->size), restart->state);
		break;
	}
	case CONTROL_WANT_ROOM: // who sends to nobody finds room
		post_control(envelope->sender, CONTROL_ROOM, to, NULL, 0);
		break;
	case CONTROL_ADOPT: // nobody is left to look after the child
		post_ending(envelope->sender, ENDING_KILL);
		break;
	case CONTROL_ATTACH: {
		struct noh_attached *attached = *(struct noh_attached **)envelope->body;
		attached->gone(attached);
		break;
	}
	case CONTROL_PROBE:
		probe_drop(*(struct probe **)envelope->body);
		break;
	case CONTROL_DETACH: // its end has told
	case CONTROL_SPAWN:  // a tenant's first envelope cannot come too late
	case CONTROL_STARTED:
	case CONTROL_WAKE:
	case CONTROL_LANE:
	case CONTROL_OVER:
	case CONTROL_ROOM:
	case CONTROL_STOP:
	case CONTROL_UNWATCH:
	case CONTROL_UNLINK:
	case CONTROL_LET_GO:
	case CONTROL_STOP_ASKED:
		break;
	}
}

void dead_letter(struct noh_runtime *runtime, struct envelope *envelope, uint64_t to,
		 const char *why)
{
	if (envelope->type & POST_COUNTED)
		bound_taken(slot_of(to), envelope);
	marks_clear(envelope);
	switch (post_kind(envelope)) {
	case POST_MESSAGE:
		dead_count(runtime, to, envelope->sender, message_info(post_id(envelope)),
			   envelope->body, why);
		if (envelope->ask)
			post_answer_error(envelope->sender, envelope->ask, -ESRCH, why);
		break;
	case POST_SHARED:
		dead_count(runtime, to, envelope->sender, message_info(post_id(envelope)),
			   envelope->body, why);
		break;
	case POST_CONTROL:
		control_undelivered(envelope, to);
		return;
	case POST_ANSWER:
		if (this_worker)
			asks_count_late(this_worker);
		break;
	case POST_GATED:
	case POST_DOWN:
	case POST_RESULT:
	case POST_EXIT:
		break;
	}
	envelope_release(envelope);
}

void envelope_release(struct envelope *envelope)
{
	uint32_t id = post_id(envelope);

	switch (post_kind(envelope)) {
	case POST_GATED:
		if (envelope->ask) {
			struct gate *gate = (struct gate *)(uintptr_t)envelope->ask;
			gate->ops->retired(gate, envelope->body);
		}
		break;
	case POST_ANSWER:
		if (!id) {
			free((void *)((struct answer_error *)envelope->body)->text);
			return;
		}
		break;
	case POST_SHARED:
		shared_done(envelope);
		return;
	case POST_CONTROL:
		return;
	case POST_MESSAGE:
	case POST_DOWN:
	case POST_RESULT:
	case POST_EXIT:
		break;
	}
	message_release(message_info(id), envelope->body);
}

void noh_subscribe_dead_letters(noh_actor subscriber)
{
	ck_pr_store_64(&worker_of_call("noh_subscribe_dead_letters")->runtime->subscriber,
		       subscriber.id);
}

uint64_t noh_dead_letters(void)
{
	struct noh_runtime *runtime = worker_of_call("noh_dead_letters")->runtime;
	uint64_t sum = ck_pr_load_64(&runtime->dead_letters_outside);
	for (uint32_t i = 0; i < runtime->worker_count; i++)
		sum += ck_pr_load_64(&runtime->workers[i]->statistics.dead_letters);
	return sum;
}
