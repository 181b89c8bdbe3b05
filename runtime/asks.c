/*
 * Asking: a request carries the asker's handle and an ask id; the answer comes back with the id and
 * is taken only while that ask is open. So a late or second answer finds nothing. One alarm an
 * actor serves the deadlines of all its asks: it is set for the earliest and only ever moved when
 * it rings or when an earlier one comes.
 */
#include "runtime/asks.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <noh/noh.h>

#include "runtime/dead.h"
#include "runtime/fibers.h"
#include "runtime/memory.h"
#include "runtime/own_messages.h"
#include "runtime/saved.h"
#include "runtime/trace.h"
#include "runtime/turn.h"
#include "runtime/wake.h"

// ---- the alarm

void asks_alarm_at(struct worker *worker, struct slot *slot, uint64_t deadline_ns)
{
	struct ask_table *table = &extras_of(slot)->asks;
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

static void send_request(noh_actor to, uint64_t self, uint64_t ask, uint32_t id, const void *body)
{
	const struct message_info *info = message_info(id);
	struct slot *slot = slot_of(to.id);

	if (!slot || ck_pr_load_32(&slot->generation) != handle_generation(to.id)) {
		if (slot)
			dead_on_send(this_worker, to.id, info, body);
		else
			message_drop_owned(info, body);
		post_answer_error(self, ask, -ESRCH, "nobody there");
		return;
	}
	struct envelope *envelope =
		envelope_new(message_size(info, body), handle_generation(to.id));
	envelope->sender = self;
	envelope->type = id;
	envelope->ask = ask;
	message_copy(info, envelope->body, body);
	if (trace_on)
		trace_send(self, to.id, info, envelope->body);
	post(slot, envelope);
	if (this_worker)
		this_worker->credit--;
}

uint64_t asks_open(struct worker *worker, noh_actor to, const struct noh_message_type *request,
		   const void *body, int64_t within_ms, uint64_t tag)
{
	struct slot *slot = worker->running;
	if (extras_of(slot)->asks.open == ASKS_MOST) {
		message_drop_owned(message_info(noh_message_id(request)), body);
		noh_fail("more than %d open asks", ASKS_MOST);
	}
	struct ask *ask = open_place(&slot->extras->asks);
	uint64_t id = ask->id, now_ns = runtime_now_ns(worker->runtime);

	ask->request_id = noh_message_id(request);
	ask->answer_id = request->answer ? noh_message_id(request->answer) : 0;
	ask->tag = tag;
	ask->deadline_ns = clock_after_ms(now_ns, within_ms);
	asks_alarm_at(worker, slot, ask->deadline_ns);
	send_request(to, worker->self, id, ask->request_id, body);
	return id;
}

bool asks_take_answer(struct worker *worker, struct slot *slot, struct envelope *envelope,
		      struct noh_outcome *outcome, struct noh_delivery *in)
{
	(void)worker;
	struct ask *ask = slot->extras ? ask_of(&slot->extras->asks, envelope->ask) : NULL;
	if (!ask)
		return false;

	uint32_t id = post_id(envelope);
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
	close_place(&slot->extras->asks, ask);
	return true;
}

// ---- deadlines

static void time_is_over(struct worker *worker, struct slot *slot, struct ask *ask)
{
	if (slot->flags & SLOT_FIBER) {
		close_place(&slot->extras->asks, ask);
		fiber_ask_over(worker, slot, -ETIMEDOUT);
		return;
	}
	struct noh_outcome outcome = {
		.err = -ETIMEDOUT, .text = "no answer in time", .tag = ask->tag};
	uint32_t asked_id = ask->request_id;
	close_place(&slot->extras->asks, ask);
	turn_give_outcome(worker, slot, asked_id, &outcome);
}

void asks_alarm(struct worker *worker, struct slot *slot)
{
	struct ask_table *table = &extras_of(slot)->asks;
	uint64_t now_ns = runtime_now_ns(worker->runtime), earliest = UINT64_MAX;

	table->alarm = NULL;
	table->alarm_ns = UINT64_MAX;
	// A handler called here may end the actor, which ends its other asks too, or open new asks,
	// which set the alarm by themselves.
	for (uint32_t i = 0; slot_state(slot) == SLOT_ALIVE && i < slot->extras->asks.used; i++) {
		struct ask *ask = &slot->extras->asks.asks[i];
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

void asks_drop(struct worker *worker, struct slot *slot)
{
	struct extras *extras = slot->extras;
	if (extras->asks.alarm)
		worker->runtime->seams->time->cancel(extras->asks.alarm);
	uint64_t sequence = extras->asks.sequence; // goes on, so that no answer meets a new ask
	struct ask *asks = extras->asks.asks;
	uint32_t room = extras->asks.room;
	extras->asks = (struct ask_table){
		.asks = asks, .room = room, .sequence = sequence, .alarm_ns = UINT64_MAX};

	while (extras->taken.count) {
		struct taken_request *taken = &extras->taken.at[--extras->taken.count];
		post_answer_error(taken->asker, taken->ask, -ECONNRESET,
				  "ended before it answered");
	}
}

// ---- asking and answering

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
	asks_open(worker, to, request, body, within_ms > 0 ? within_ms : 0, tag);
}

static int answer(uint64_t asker, uint64_t ask, uint32_t id, const void *body)
{
	const struct message_info *info = message_info(id);
	struct slot *slot = slot_if_alive(asker);
	if (!slot) {
		message_drop_owned(info, body);
		return 0;
	}
	struct envelope *envelope =
		envelope_new(message_size(info, body), handle_generation(asker));
	envelope->sender = this_worker ? this_worker->self : 0;
	envelope->type = (uint32_t)POST_ANSWER << POST_SHIFT | id;
	envelope->ask = ask;
	message_copy(info, envelope->body, body);
	if (trace_on)
		trace_send(envelope->sender, asker, info, envelope->body);
	post(slot, envelope);
	if (this_worker)
		this_worker->credit--;
	return 0;
}

// The request in hand, or NULL.
static struct envelope *request_in_hand(struct worker *worker)
{
	struct envelope *hand = worker->hand;
	return hand && post_kind(hand) == POST_MESSAGE && hand->ask ? hand : NULL;
}

int noh_reply_type(const struct noh_message_type *type, const void *body)
{
	struct worker *worker = worker_of_call("noh_reply");
	struct envelope *hand = request_in_hand(worker);
	uint32_t id = noh_message_id(type);
	if (!hand) {
		message_drop_owned(message_info(id), body);
		return -ENOMSG;
	}

	const struct noh_message_type *request = &message_info(post_id(hand))->type;
	uint64_t ask = hand->ask;
	hand->ask = 0;
	if (request->answer && noh_message_id(request->answer) != id) {
		message_drop_owned(message_info(id), body);
		post_answer_error(hand->sender, ask, -EPROTO, "an answer of another type");
		noh_fail("answers %s with %s", request->name, type->name);
	}
	return answer(hand->sender, ask, id, body);
}

int noh_reply_error(int err, const char *text)
{
	struct envelope *hand = request_in_hand(worker_of_call("noh_reply_error"));
	if (!hand)
		return -ENOMSG;
	post_answer_error(hand->sender, hand->ask, err < 0 ? err : -EINVAL, text);
	hand->ask = 0;
	return 0;
}

noh_reply_to noh_reply_later(void)
{
	struct worker *worker = worker_of_call("noh_reply_later");
	struct envelope *hand = request_in_hand(worker);
	if (!hand)
		return (noh_reply_to){0};

	const struct noh_message_type *expected = message_info(post_id(hand))->type.answer;
	noh_reply_to to = {.asker = {hand->sender},
			   .ask = hand->ask,
			   .answer_id = expected ? noh_message_id(expected) : 0};
	list_add(&extras_of(worker->running)->taken,
		 (struct taken_request){hand->sender, hand->ask});
	hand->ask = 0;
	return to;
}

static void forget_taken(noh_reply_to to)
{
	struct extras *extras =
		this_worker && this_worker->running ? this_worker->running->extras : NULL;
	for (uint32_t i = 0; extras && i < extras->taken.count; i++) {
		if (extras->taken.at[i].asker == to.asker.id && extras->taken.at[i].ask == to.ask) {
			list_remove_at(&extras->taken, i);
			return;
		}
	}
}

int noh_reply_at_type(noh_reply_to to, const struct noh_message_type *type, const void *body)
{
	uint32_t id = noh_message_id(type);
	if (!to.ask) {
		message_drop_owned(message_info(id), body);
		return -ENOMSG;
	}
	forget_taken(to);
	if (to.answer_id && to.answer_id != id) {
		message_drop_owned(message_info(id), body);
		post_answer_error(to.asker.id, to.ask, -EPROTO, "an answer of another type");
		noh_fail("answers a request with %s, which it does not expect", type->name);
	}
	return answer(to.asker.id, to.ask, id, body);
}

int noh_reply_error_at(noh_reply_to to, int err, const char *text)
{
	if (!to.ask)
		return -ENOMSG;
	forget_taken(to);
	post_answer_error(to.asker.id, to.ask, err < 0 ? err : -EINVAL, text);
	return 0;
}

// ---- plain threads ask through a hidden slot

// The thread that asks owns the slot and its mailbox. Its `queued` word is slept on; a wake-up that
// comes too late finds only the slot, which is always there.
static _Thread_local struct slot *thread_slot;
static _Thread_local bool thread_is_idle = true;
static pthread_once_t thread_once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_key;
static struct slot_depot thread_depot;

static uint32_t *thread_word(struct slot *slot)
{
	return (uint32_t *)(void *)&slot->queued;
}

// Drops what has come late and goes idle, so that the mailbox keeps nothing between asks. A sender
// that is just at it may prevent that for now.
static bool thread_tidy(struct slot *slot)
{
	struct envelope *envelope;
	while ((envelope = mailbox_take(&slot->in, &slot->out)))
		envelope_release(envelope);
	uint32_t *word = thread_word(slot);
	ck_pr_store_32(word, 0);
	ck_pr_fence_memory(); // pairs with wake_thread(), as in thread_wait()
	return mailbox_go_idle(&slot->in, &slot->out);
}

// Drops what came after the slot was left idle, if it was. Who found the mailbox idle is about to
// say so: to go on before would leave its word to be taken for somebody else's.
static void thread_empty(struct slot *slot, bool was_idle)
{
	if (was_idle && !mailbox_is_idle(&slot->in)) {
		while (!ck_pr_load_32(thread_word(slot))) // pairs with wake_thread()
			sched_yield();
		ck_pr_fence_acquire();
	}
	while (!mailbox_is_idle(&slot->in) && !thread_tidy(slot))
		sched_yield();
}

// The thread ends. Its slot must be idle when the next thread takes it.
static void give_thread_slot(void *argument)
{
	struct slot *slot = (struct slot *)argument;
	struct slot_cache cache = {.depot = &thread_depot};

	bool may_be_used_again = slot_advance(slot);
	thread_empty(slot, thread_is_idle);
	if (may_be_used_again) {
		slot_give(&cache, slot);
		slot_flush(&cache);
	}
}

static void make_thread_key(void)
{
	slot_depot_init(&thread_depot);
	pthread_key_create(&thread_key, give_thread_slot);
}

// Whoever answers looks at the generation, then pushes: a thread may end between the two, and the
// answer lies in its slot until another thread takes that. After the last runtime none may come.
void asks_empty_thread_slots(void)
{
	struct slot_cache cache = {.depot = &thread_depot};
	uint32_t index, next;

	pthread_once(&thread_once, make_thread_key);
	pthread_mutex_lock(&thread_depot.lock);
	index = thread_depot.first;
	thread_depot.first = 0;
	pthread_mutex_unlock(&thread_depot.lock);

	for (; index; index = next) {
		struct slot *slot = &slot_table[index];
		next = slot->elder;
		thread_empty(slot, true);
		slot_give(&cache, slot);
	}
	slot_flush(&cache);
}

static struct slot *slot_of_thread(void)
{
	if (!thread_slot) {
		struct slot_cache cache = {.depot = &thread_depot};
		pthread_once(&thread_once, make_thread_key);
		thread_slot = slot_take(&cache);
		slot_flush(&cache);
		if (!thread_slot)
			return NULL;
		// Once, before anyone has its handle: who answers late still reads it.
		if (thread_slot->kind != SLOT_THREAD)
			thread_slot->kind = SLOT_THREAD;
		pthread_setspecific(thread_key, thread_slot);
	}
	return thread_slot;
}

void wake_thread(struct slot *slot)
{
	uint32_t *word = thread_word(slot);
	ck_pr_store_32(word, 1);
	ck_pr_fence_memory(); // pairs with thread_wait()
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

// Waits until something is in the mailbox or time is up. While the mailbox is idle it is the
// senders' to leave that state, and only the word tells that one has.
static bool thread_wait(struct slot *slot, uint64_t deadline_ns)
{
	uint32_t *word = thread_word(slot);
	if (!thread_is_idle) {
		ck_pr_store_32(word, 0);
		ck_pr_fence_memory(); // pairs with wake_thread(): the word before, the mailbox
				      // after
		if (!mailbox_go_idle(&slot->in, &slot->out))
			return true;
		thread_is_idle = true;
	}

	struct timespec until = {.tv_sec = (time_t)(deadline_ns / 1000000000),
				 .tv_nsec = (long)(deadline_ns % 1000000000)};
	while (!ck_pr_load_32(word)) {
		long err = syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, 0, &until, NULL,
				   FUTEX_BITSET_MATCH_ANY);
		if (err && errno == ETIMEDOUT && !ck_pr_load_32(word))
			return false;
	}
	ck_pr_fence_acquire();
	thread_is_idle = false;
	return true;
}

static uint64_t monotonic_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

// A copy for the asking thread, which gives it back by noh_drop().
static int take_thread_answer(struct envelope *envelope, uint32_t answer_id,
			      const void **ret_answer)
{
	uint32_t id = post_id(envelope);
	if (!id)
		return (int)((struct answer_error *)envelope->body)->err;
	if (answer_id && id != answer_id)
		return -EPROTO;
	*ret_answer = thread_keep(message_info(id), envelope->body);
	return 0;
}

static int ask_from_thread(noh_actor to, const struct noh_message_type *request, const void *body,
			   int64_t within_ms, const void **ret_answer)
{
	static uint64_t sequence;
	struct slot *slot = slot_of_thread();
	if (!slot) {
		message_drop_owned(message_info(noh_message_id(request)), body);
		return -ENOMEM;
	}

	uint64_t ask = ck_pr_faa_64(&sequence, 1) + 1,
		 deadline_ns = clock_after_ms(monotonic_ns(), within_ms);
	uint32_t answer_id = request->answer ? noh_message_id(request->answer) : 0;
	send_request(to, slot_handle(slot), ask, noh_message_id(request), body);
	for (;;) {
		struct envelope *envelope =
			thread_is_idle ? NULL : mailbox_take(&slot->in, &slot->out);
		if (envelope) {
			bool ours = post_kind(envelope) == POST_ANSWER && envelope->ask == ask;
			int err = ours ? take_thread_answer(envelope, answer_id, ret_answer) : 0;
			envelope_release(envelope);
			if (ours) {
				thread_is_idle = thread_tidy(slot);
				return err;
			}
		} else if (!thread_wait(slot, deadline_ns)) {
			return -ETIMEDOUT;
		}
	}
}

int noh_ask_type(noh_actor to, const struct noh_message_type *request, const void *body,
		 int64_t within_ms, const void **ret_answer)
{
	struct worker *worker = this_worker;
	if (within_ms < 0)
		within_ms = 0;
	if (!worker || !worker->running)
		return ask_from_thread(to, request, body, within_ms, ret_answer);
	if (!worker->fiber) {
		message_drop_owned(message_info(noh_message_id(request)), body);
		noh_fail("noh_ask(%s) in a handler would stop its worker: use noh_ask_later, or a "
			 "fiber",
			 request->name);
	}
	return fiber_ask(worker, to, request, body, within_ms, ret_answer);
}
