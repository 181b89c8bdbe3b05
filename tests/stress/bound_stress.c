/* Bounded mailboxes with many senders, from actors and from threads: none ever holds more than its
 * bound, what was let in is handled once and in order, what was dropped is counted, and of what is
 * conflated the last one comes. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include <noh/noh.h>

#include "tests/support/stress.h"

enum { SENDERS = 6, THREADS = 2, MOST = 16 };

NOH_MESSAGE(number, (u64, sender), (u64, value));
NOH_MESSAGE(go_on);
NOH_MESSAGE(finished, (u64, sent), (u64, refused));
NOH_MESSAGE(tell_all);
NOH_MESSAGE(told_all);

static uint64_t rounds;
static uint64_t admitted, handled; // of one policy
static noh_actor root;

static void count(uint64_t *counter, uint64_t by)
{
	__atomic_fetch_add(counter, by, __ATOMIC_RELAXED);
}

static uint64_t value_of(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

// ---- receivers

struct receiver {
	uint64_t last[SENDERS + THREADS];
	bool refuses, keeps_last;
};

static void on_number(struct receiver *self, const struct number *msg)
{
	// Whoever sends counts what was let in, afterwards: it is no more than what was.
	if (self->refuses) {
		stress_check(msg->value == self->last[msg->sender] + 1);
		stress_check(value_of(&admitted) <= value_of(&handled) + 1 + MOST);
	}
	stress_check(msg->value > self->last[msg->sender]);
	self->last[msg->sender] = msg->value;
	count(&handled, 1);
	if (msg->value % 64 == 0)
		sched_yield();
}

static void on_tell_all(struct receiver *self, const struct tell_all *msg)
{
	(void)msg;
	for (int i = 0; self->keeps_last && i < SENDERS + THREADS; i++)
		stress_check(self->last[i] == rounds);
	noh_send(root, told_all);
}

static uint64_t number_sender(const struct noh_delivery *message)
{
	const struct number *number = noh_as(message, number);
	return number ? number->sender : SENDERS + THREADS;
}

NOH_ACTOR_WITH(receiver, (.mailbox_messages = MOST), (number, on_number), (tell_all, on_tell_all));
NOH_DEFINE_HANDLERS(old_dropper, receiver,
		    (.mailbox_messages = SENDERS + THREADS + 1, .on_full = NOH_FULL_DROP_OLD),
		    (number, on_number), (tell_all, on_tell_all));
NOH_DEFINE_HANDLERS(latest, receiver, (.on_full = NOH_FULL_LATEST, .key = number_sender),
		    (number, on_number), (tell_all, on_tell_all));
NOH_DEFINE_HANDLERS(new_dropper, receiver, (.mailbox_messages = MOST, .on_full = NOH_FULL_DROP_NEW),
		    (number, on_number), (tell_all, on_tell_all));

// ---- senders

struct sender {
	noh_actor to;
	uint64_t number, value, refused;
};

// True when all have been sent.
static bool send_some(struct sender *self)
{
	for (int i = 0; i < 50 && self->value < rounds; i++) {
		int err = noh_send(self->to, number, .sender = self->number,
				   .value = self->value + 1);
		if (err) {
			stress_check(err == -EAGAIN);
			self->refused++;
			return false;
		}
		count(&admitted, 1);
		self->value++;
	}
	return self->value == rounds;
}

static void on_go_on(struct sender *self, const struct go_on *msg)
{
	(void)msg;
	if (send_some(self))
		noh_send(root, finished, .sent = self->value, .refused = self->refused);
	else
		noh_send(noh_self(), go_on);
}

NOH_ACTOR(sender, (go_on, on_go_on));

static struct noh_runtime *runtime;

static void *thread_main(void *argument)
{
	struct sender *sender = (struct sender *)argument;
	noh_thread_enter(runtime);
	while (!send_some(sender))
		sched_yield();
	noh_send(root, finished, .sent = sender->value, .refused = sender->refused);
	noh_thread_leave(runtime);
	return NULL;
}

// ---- one policy after another

static void try_policy(const struct noh_actor_type *type, bool refuses, bool keeps_last)
{
	struct receiver state = {.refuses = refuses, .keeps_last = keeps_last};
	noh_actor to = noh_spawn_type(type, &state, NULL);
	pthread_t threads[THREADS];
	struct sender senders[THREADS];
	uint64_t sent = 0, refused = 0, dead_before = noh_dead_letters();

	admitted = handled = 0;
	for (uint64_t i = 0; i < SENDERS; i++)
		noh_send(noh_spawn(sender, .to = to, .number = i), go_on);
	for (uint64_t i = 0; i < THREADS; i++) {
		senders[i] = (struct sender){.to = to, .number = SENDERS + i};
		stress_check(!pthread_create(&threads[i], NULL, thread_main, &senders[i]));
	}
	for (int i = 0; i < SENDERS + THREADS; i++) {
		const struct finished *done = noh_as(noh_receive(-1, finished), finished);
		sent += done->sent;
		refused += done->refused;
	}
	for (int i = 0; i < THREADS; i++)
		stress_check(!pthread_join(threads[i], NULL));
	stress_check(sent == rounds * (SENDERS + THREADS));

	// Each was handled or is a dead letter: a hang here is a message lost.
	while (value_of(&handled) + noh_dead_letters() - dead_before < sent)
		noh_sleep(1);
	stress_check(value_of(&handled) + noh_dead_letters() - dead_before == sent);
	if (refuses)
		stress_check(value_of(&handled) == sent);
	stress_check(!noh_send(to, tell_all));
	noh_receive(-1, told_all);
	noh_kill(to);
	printf("%s: %llu sent, %llu handled, %llu refused\n", type->name, (unsigned long long)sent,
	       (unsigned long long)value_of(&handled), (unsigned long long)refused);
}

static int start(void *unused)
{
	(void)unused;
	root = noh_self();
	runtime = noh_runtime();
	try_policy(&receiver_actor, true, false);
	try_policy(&new_dropper_actor, false, false);
	try_policy(&old_dropper_actor, false, false);
	try_policy(&latest_actor, false, true);
	return 0;
}

int main(void)
{
	stress_begin();
	rounds = stress_rounds(10000);
	return noh_run(start, NULL, .workers = 4);
}
