/* The mailbox by itself, between threads: several senders and several owners that take turns. Each
 * sender's envelopes come in order, none is lost, and of all who make it awake exactly one is told
 * to schedule the owner. */
#include <pthread.h>

#include "mailbox/mailbox.h"
#include "tests/support/stress.h"

enum { SENDERS = 3, OWNERS = 2, BOXES = 4 };

struct content {
	uint32_t sender, number;
};

static struct box {
	_Alignas(CACHE_LINE) struct mailbox_in in;
	_Alignas(CACHE_LINE) struct mailbox_out out;
	uint32_t owned;             // somebody runs it
	uint32_t expected[SENDERS]; // the owner's
} boxes[BOXES];

// Boxes that are to be run, each at most once.
static struct {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct box *ready[BOXES];
	int count;
	uint64_t left; // envelopes that have not been taken
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};

static uint32_t per_sender;

static void schedule_box(struct box *box)
{
	pthread_mutex_lock(&queue.lock);
	stress_check(queue.count < BOXES); // more would be one of them twice
	queue.ready[queue.count++] = box;
	pthread_cond_signal(&queue.more);
	pthread_mutex_unlock(&queue.lock);
}

static void *send_all(void *argument)
{
	uint32_t self = (uint32_t)(uintptr_t)argument;
	for (uint32_t i = 0; i < per_sender; i++) {
		for (int b = 0; b < BOXES; b++) {
			struct envelope *envelope = envelope_new(sizeof(struct content), 1);
			*(struct content *)envelope->body = (struct content){self, i};
			if (mailbox_push(&boxes[b].in, envelope))
				schedule_box(&boxes[b]);
		}
		if (i % 64 == 0)
			sched_yield(); // so that owners catch up, and go idle
	}
	return NULL;
}

// Returns how many it has taken.
static uint64_t run_box(struct box *box, uint32_t budget)
{
	uint64_t taken = 0;

	stress_check(ck_pr_fas_32(&box->owned, 1) == 0);
	while (taken < budget) {
		struct envelope *envelope = mailbox_take(&box->in, &box->out);
		if (!envelope) {
			ck_pr_store_32(&box->owned, 0); // before it may be another's
			ck_pr_fence_memory();
			if (mailbox_go_idle(&box->in, &box->out))
				return taken;
			stress_check(ck_pr_fas_32(&box->owned, 1) == 0);
			continue;
		}
		struct content content = *(struct content *)envelope->body;
		stress_check(content.number == box->expected[content.sender]);
		box->expected[content.sender]++;
		taken++;

		// Now and then it is taken out, to be kept.
		if (content.number % 16 == 0 && mailbox_detach(&box->in, &box->out))
			envelope_free(envelope);
	}
	ck_pr_store_32(&box->owned, 0);
	ck_pr_fence_memory();
	schedule_box(box);
	return taken;
}

static void *own_boxes(void *unused)
{
	uint32_t budget = 1;
	(void)unused;
	pthread_mutex_lock(&queue.lock);
	while (queue.left) {
		if (!queue.count) {
			pthread_cond_wait(&queue.more, &queue.lock);
			continue;
		}
		struct box *box = queue.ready[0];
		memmove(queue.ready, queue.ready + 1, (size_t)--queue.count * sizeof(box));
		pthread_mutex_unlock(&queue.lock);
		uint64_t taken = run_box(box, budget = budget % 200 + 1);
		pthread_mutex_lock(&queue.lock);
		queue.left -= taken;
	}
	pthread_cond_broadcast(&queue.more);
	pthread_mutex_unlock(&queue.lock);
	return NULL;
}

int main(void)
{
	pthread_t senders[SENDERS], owners[OWNERS];

	stress_begin();
	per_sender = (uint32_t)stress_rounds(300000);
	queue.left = (uint64_t)per_sender * SENDERS * BOXES;
	for (int i = 0; i < BOXES; i++)
		mailbox_init(&boxes[i].in, &boxes[i].out);
	for (uintptr_t i = 0; i < SENDERS; i++)
		pthread_create(&senders[i], NULL, send_all, (void *)i);
	for (int i = 0; i < OWNERS; i++)
		pthread_create(&owners[i], NULL, own_boxes, NULL);
	for (int i = 0; i < SENDERS; i++)
		pthread_join(senders[i], NULL);
	for (int i = 0; i < OWNERS; i++)
		pthread_join(owners[i], NULL);

	// Whoever took the last envelope may not have gone idle any more.
	for (int i = 0; i < BOXES; i++) {
		if (!mailbox_is_idle(&boxes[i].in))
			run_box(&boxes[i], UINT32_MAX);
		for (int s = 0; s < SENDERS; s++)
			stress_check(boxes[i].expected[s] == per_sender);
		stress_check(mailbox_is_idle(&boxes[i].in));
	}
	printf("%u envelopes of %d senders to each of %d mailboxes, in order\n", per_sender,
	       SENDERS, BOXES);
	return 0;
}
