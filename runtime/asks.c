/*
 * Asking: a request carries the asker's handle and an ask id; the answer comes back with the id and
 * is taken only while that ask is open. So a late or second answer finds nothing. One alarm an
 * actor serves the deadlines of all its asks: it is set for the earliest and only ever moved when
 * it rings or when an earlier one comes.
 */
#include "runtime/asks.h"

#include <errno.h>
#include <string.h>

#include <noh/noh.h>

#include "runtime/dead.h"
#include "runtime/fibers.h"
#include "runtime/own_messages.h"
#include "runtime/recorder.h"
#include "runtime/turn.h"

// ---- the alarm

void asks_alarm_at(struct worker *worker, struct slot *slot, uint64_t deadline_ns)
{
	struct ask_table *table = asks_of(slot);
	if (deadline_ns >= table->alarm_ns)
		return;
	if (table->alarm)
		worker->runtime->seams->time->cancel(table->alarm);
	table->alarm = worker->runtime->seams->time->set(deadline_ns, &noh_alarm_message);
	table->alarm_ns = deadline_ns;
}

// ---- the table

static struct ask *ask_of(struct ask_table *table, uint64_t id)
{
	uint32_t place = id & ((1 << ASK_PLACE_BITS) - 1);
	return id && place < table->used && table->asks[place].id == id ? &table->asks[place]
									: NULL;
}

static struct ask *open_place(struct ask_table *table)
{
	uint32_t place;
	if (table->free) {
		place = table->free - 1;
		table->free = table->asks[place].next_free;
	} else {
		if (table->used == table->room) {
			table->room = table->room ? 2 * table->room : 4;
			table->asks =
				must_reallocate(table->asks, table->room * sizeof(*table->asks));
		}
		place = table->used++;
	}
	table->open++;
	table->asks[place].id = ++table->sequence << ASK_PLACE_BITS | place;
	return &table->asks[place];
}

static void close_place(struct ask_table *table, struct ask *ask)
{
	ask->id = 0;
	ask->next_free = table->free;
	table->free = (uint32_t)(ask - table->asks) + 1;
	table->open--;
}

void asks_send(noh_actor to, uint64_t self, uint64_t ask, uint32_t type, uint64_t deadline_ns,
	       const void *body)
{
	const struct message_info *info = message_info(type & POST_ID_MASK);
	struct slot *slot = slot_of(to.id);

	if (recorder_here()) {
		recorder_send(to, info, body);
		return;
	}
	if (!slot || slot_handle(slot) != to.id) {
		if (slot)
			dead_on_send(this_worker, to.id, info, body);
		else
			message_drop_owned(info, body);
		post_answer_error(self, ask, -ESRCH, "nobody there");
		return;
	}
	post_request(slot, to.id, self, type, ask, deadline_ns, body);
	if (this_worker)
		this_worker->credit--;
}

uint64_t asks_deadline(struct worker *worker)
{
	struct envelope *hand = worker->hand;
	if (hand && post_kind(hand) == POST_MESSAGE)
		return hand->type & POST_TIMED ? *post_deadline(hand) : UINT64_MAX;
	return worker->within_ns ? worker->within_ns : UINT64_MAX;
}

// What it was given, but no longer than who waits for it, unless it must be done in any case.
static uint64_t deadline_within(int64_t within_ms, uint64_t now_ns, uint64_t limit_ns)
{
	uint64_t deadline_ns = within_ms > 0 ? clock_after_ms(now_ns, within_ms) : now_ns;
	if (within_ms == NOH_FOREVER)
		return deadline_ns;
	return limit_ns != UINT64_MAX && (within_ms <= 0 || limit_ns < deadline_ns) ? limit_ns
										    : deadline_ns;
}

uint64_t asks_open(struct worker *worker, noh_actor to, const struct noh_message_type *request,
		   const void *body, int64_t within_ms, uint64_t tag)
{
	struct slot *slot = worker->running;
	struct ask_table *table = asks_of(slot);
	if (table->open == ASKS_MOST) {
		message_drop_owned(message_info(noh_message_id(request)), body);
		noh_fail("more than %d open asks", ASKS_MOST);
	}
	struct ask *ask = open_place(table);
	uint64_t id = ask->id, now_ns = deadline_now_ns(worker);
	uint64_t limit_ns = asks_deadline(worker);

	ask->to = to.id;
	ask->request_id = noh_message_id(request);
	ask->answer_id = request->answer ? noh_message_id(request->answer) : 0;
	ask->tag = tag;
	ask->within_ns = limit_ns;
	ask->deadline_ns = deadline_within(within_ms, now_ns, limit_ns);
	asks_alarm_at(worker, slot, ask->deadline_ns);
	if (limit_ns > now_ns || within_ms == NOH_FOREVER)
		asks_send(to, worker->self, id,
			  ask->request_id | (slot->flags & SLOT_FIBER ? POST_WAITED : 0),
			  ask->deadline_ns, body);
	else // who would need the answer has given up
		message_drop_owned(message_info(ask->request_id), body);
	return id;
}

void asks_count_late(struct worker *worker)
{
	// Others read it.
	ck_pr_store_64(&worker->statistics.late_answers, worker->statistics.late_answers + 1);
}

uint64_t noh_late_answers(void)
{
	struct noh_runtime *runtime = worker_of_call("noh_late_answers")->runtime;
	uint64_t sum = 0;
	for (uint32_t i = 0; i < runtime->worker_count; i++)
		sum += ck_pr_load_64(&runtime->workers[i]->statistics.late_answers);
	return sum;
}

bool asks_take_answer(struct worker *worker, struct slot *slot, struct envelope *envelope,
		      struct noh_outcome *outcome, struct noh_delivery *in)
{
	struct ask_table *table = asks_if_any(slot);
	struct ask *ask = table ? ask_of(table, envelope->ask) : NULL;
	if (!ask)
		return false;

	uint32_t id = post_id(envelope);
	if (!(slot->flags & SLOT_FIBER))
		worker->within_ns = ask->within_ns;
	*outcome = (struct noh_outcome){.tag = ask->tag, .text = ""};
	*in = (struct noh_delivery){.outcome = outcome, .asked_id = ask->request_id};
	if (!id) {
		struct answer_error *error = (struct answer_error *)envelope->body;
		outcome->err = (int)error->err;
		outcome->text = error->text ? error->text : strerror(-outcome->err);
	} else if (ask->answer_id && id != ask->answer_id) {
		outcome->err = -EPROTO;
		outcome->text = "an answer of another type";
	} else {
		in->type = &message_info(id)->type;
		in->body = envelope->body;
	}
	close_place(table, ask);
	return true;
}

void asks_cancel(struct slot *slot)
{
	struct ask_table *table = asks_if_any(slot);
	for (uint32_t i = 0; table && table->open && i < table->used; i++)
		if (table->asks[i].id)
			close_place(table, &table->asks[i]);
}

// ---- deadlines

static void time_is_over(struct worker *worker, struct slot *slot, struct ask *ask)
{
	struct noh_outcome outcome = {
		.err = -ETIMEDOUT, .text = "no answer in time", .tag = ask->tag};
	if (slot->flags & SLOT_FIBER) {
		close_place(slot->extras->asks, ask);
		fiber_ask_over(worker, slot, &outcome);
		return;
	}
	uint32_t asked_id = ask->request_id;
	worker->within_ns = ask->within_ns;
	close_place(slot->extras->asks, ask);
	turn_give_outcome(worker, slot, asked_id, &outcome);
	worker->within_ns = 0;
}

void asks_alarm(struct worker *worker, struct slot *slot)
{
	struct ask_table *table = asks_of(slot);
	uint64_t now_ns = runtime_now_ns(worker->runtime), earliest = UINT64_MAX;

	table->alarm = NULL;
	table->alarm_ns = UINT64_MAX;
	// A handler called here may end the actor, which ends its other asks too, or open new asks,
	// which set the alarm by themselves.
	for (uint32_t i = 0; slot_state(slot) == SLOT_ALIVE && i < table->used; i++) {
		struct ask *ask = &table->asks[i];
		if (!ask->id)
			continue;
		if (ask->deadline_ns <= now_ns)
			time_is_over(worker, slot, ask);
		else if (ask->deadline_ns < earliest)
			earliest = ask->deadline_ns;
	}
	if (slot_state(slot) != SLOT_ALIVE)
		return;

	uint64_t wait_over = fiber_deadline(slot);
	if (wait_over > now_ns && wait_over < earliest)
		earliest = wait_over;
	if (earliest != UINT64_MAX)
		asks_alarm_at(worker, slot, earliest);
	if (wait_over <= now_ns)
		fiber_time_over(worker, slot);
}

static void drop_open(struct worker *worker, struct ask_table *table)
{
	if (table->alarm)
		worker->runtime->seams->time->cancel(table->alarm);
	// The sequence goes on, so that no answer meets a new ask.
	*table = (struct ask_table){.asks = table->asks,
				    .room = table->room,
				    .sequence = table->sequence,
				    .alarm_ns = UINT64_MAX};
}

void asks_drop(struct worker *worker, struct slot *slot, const struct ending *ending)
{
	struct rare *rare = slot->extras->rare;

	if (slot->extras->asks)
		drop_open(worker, slot->extras->asks);
	while (rare && rare->taken.count) {
		struct taken_request *taken = &rare->taken.at[--rare->taken.count];
		post_answer_error(taken->asker, taken->ask, -ECONNRESET,
				  ending->reason ? ending->reason : "ended before it answered");
	}
}

// ---- asking

int64_t noh_remaining_ms(void)
{
	struct worker *worker = worker_of_call("noh_remaining_ms");
	uint64_t deadline_ns = asks_deadline(worker), now_ns = runtime_now_ns(worker->runtime);
	if (deadline_ns == UINT64_MAX)
		return INT64_MAX;
	return deadline_ns > now_ns ? (int64_t)((deadline_ns - now_ns) / 1000000) : 0;
}

static bool has_outcome_entry(const struct noh_actor_type *type, uint32_t request_id)
{
	for (const struct noh_message_type *const *entry = type->asks; entry && *entry; entry++)
		if (noh_message_id(*entry) == request_id)
			return true;
	return false;
}

void noh_ask_later_type(noh_actor to, const struct noh_message_type *request, const void *body,
			int64_t within_ms, uint64_t tag)
{
	struct worker *worker = worker_of_call("noh_ask_later");
	if (!has_outcome_entry(worker->running->type, noh_message_id(request))) {
		message_drop_owned(message_info(noh_message_id(request)), body);
		noh_fail("asks %s, but has no entry (%s, answer, on_outcome)", request->name,
			 request->name);
	}
	asks_open(worker, to, request, body, within_ms, tag);
}
