/* Asking from a fiber: one, or many at a time, until so many of them have answered. */
#include "runtime/gather.h"

#include <errno.h>

#include <noh/noh.h>

#include "runtime/asks.h"
#include "runtime/fibers.h"
#include "runtime/thread_asks.h"

// ---- what comes in

static bool is_done(const struct gather *gather)
{
	if (!gather->open)
		return true;
	return gather->needed &&
	       (gather->good >= gather->needed || gather->good + gather->open < gather->needed);
}

bool gather_take(struct slot *slot, struct gather *gather, uint64_t place, int err,
		 const char *text, const void *answer)
{
	gather->open--;
	if (gather->answers)
		gather->answers[place] = (struct noh_answered){err, text, answer};
	if (err && (!gather->err || place < gather->err_place)) {
		gather->err = err;
		gather->err_place = (uint32_t)place;
		gather->text = text;
	} else if (!err && !gather->good++) {
		gather->first = answer;
	}
	if (!is_done(gather))
		return false;
	if (gather->open)
		asks_cancel(slot);
	return true;
}

// ---- what a fiber calls

static bool owns(const struct noh_message_type *type)
{
	for (const struct noh_field *field = type->fields; field->name; field++)
		if (field->kind == NOH_KIND_owned ||
		    (field->kind == NOH_KIND_message && owns(field->of)))
			return true;
	return false;
}

static struct worker *worker_of_fiber(const char *call, const struct noh_message_type *request,
				      const void *body)
{
	struct worker *worker = worker_of_call(call);
	if (!worker->fiber) {
		message_drop_owned(message_info(noh_message_id(request)), body);
		noh_fail("%s(%s) in a handler would stop its worker: use noh_ask_later, or a fiber",
			 call, request->name);
	}
	return worker;
}

// 0: there were as many good answers as were needed.
static int gather(struct worker *worker, const noh_actor *to, struct gather *gather,
		  const struct noh_message_type *request, const void *body, int64_t within_ms)
{
	for (uint32_t i = 0; i < gather->count; i++) {
		if (gather->answers)
			gather->answers[i] = (struct noh_answered){-ECANCELED, "not needed", NULL};
		asks_open(worker, to[i], request, body, within_ms, i);
		gather->open++;
	}
	if (gather->count)
		fiber_gather(worker, gather);
	return gather->good < (gather->needed ? gather->needed : gather->count) ? gather->err : 0;
}

int noh_ask_many_type(const noh_actor *to, size_t count, size_t needed,
		      const struct noh_message_type *request, const void *body, int64_t within_ms,
		      struct noh_answered *ret_answers, const void **ret_first)
{
	struct worker *worker = worker_of_fiber("noh_ask_all", request, body);
	bool all = needed == SIZE_MAX;
	if ((!all && (!needed || needed > count)) || count > ASKS_MOST) {
		message_drop_owned(message_info(noh_message_id(request)), body);
		return -EINVAL;
	}
	if (count > 1 && owns(request)) {
		message_drop_owned(message_info(noh_message_id(request)), body);
		noh_fail("asks %zu actors %s, and what it owns can go to one alone", count,
			 request->name);
	}

	struct gather many = {.count = (uint32_t)count,
			      .needed = all ? 0 : (uint32_t)needed,
			      .answers = ret_answers};
	int err = gather(worker, to, &many, request, body, within_ms);
	if (!err && ret_first)
		*ret_first = many.first;
	return err;
}

int noh_ask_type(noh_actor to, const struct noh_message_type *request, const void *body,
		 int64_t within_ms, const void **ret_answer)
{
	if (!this_worker || !this_worker->running)
		return thread_ask(to, request, body, within_ms > 0 ? within_ms : 0, ret_answer);

	struct worker *worker = worker_of_fiber("noh_ask", request, body);
	struct gather one = {.count = 1, .needed = 1};
	int err = gather(worker, &to, &one, request, body, within_ms);
	if (!err)
		*ret_answer = one.first;
	return err;
}
