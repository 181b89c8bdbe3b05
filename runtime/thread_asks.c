/* Plain threads ask through a hidden slot: an address for the answer, which the thread sleeps on.
 * Knows nothing of the asks of actors. */
#include "runtime/thread_asks.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/asks.h"
#include "runtime/memory.h"
#include "runtime/wake.h"

// The thread that asks owns the slot and its mailbox. Its `resume_us` is slept on; a wake-up that
// comes too late finds only the slot, which is always there.
static _Thread_local struct slot *thread_slot;
static _Thread_local bool thread_is_idle = true;
static pthread_once_t thread_once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_key;
static struct slot_depot thread_depot;

static uint32_t *thread_word(struct slot *slot)
{
	return (uint32_t *)(void *)&slot->resume_us;
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
	slot_depot_init(&thread_depot, NULL);
	pthread_key_create(&thread_key, give_thread_slot);
}

// Whoever answers looks at the generation, then pushes: a thread may end between the two, and the
// answer lies in its slot until another thread takes that. After the last runtime none may come.
// Another runtime may be running: its actors may still answer, but only threads take slots, and
// these here are out of the depot until they are empty.
void thread_asks_finish(void)
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
		next = slot->next_free;
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
		if (thread_slot->kind != SLOT_THREAD) {
			*thread_word(thread_slot) = 0;
			thread_slot->kind = SLOT_THREAD;
		}
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

int thread_ask(noh_actor to, const struct noh_message_type *request, const void *body,
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
	asks_send(to, slot_handle(slot), ask, noh_message_id(request), deadline_ns, body);
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
