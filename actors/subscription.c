/* A subscriber's queue: its part in the mailbox, the part behind it, and the gaps. */
#include "actors/subscription.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "actors/must.h"

enum { QUEUE = 64 };

// Waits for room in the mailbox.
struct waiting {
	const struct noh_shared *message;
	noh_actor from;
	uint64_t missed; // before it
};

struct subscription {
	struct member member;
	struct noh_follow follow;        // its messages
	struct noh_follow follow_notice; // what it is told of gaps: takes no place in the queue
	char *topic;
	size_t queue;
	enum noh_slow slow;

	// Anybody who publishes, and whoever is done with a message. Messages are sent with the
	// lock held, which keeps them in order; what they hold is never let go under it.
	pthread_mutex_t lock;
	size_t in_mailbox;       // at `queue` whenever something waits or was missed
	struct waiting *waiting; // a ring of `queue`, made on first need
	size_t first, count;
	uint64_t missed; // after all that waits
	bool is_closed;  // missed one too many: gets what waits, and no more
	bool is_over;    // gets nothing; read without the lock too
};

// What the ring still held, after the end.
static void let_go(struct subscription *self)
{
	for (size_t i = 0; i < self->count; i++)
		noh_shared_drop(self->waiting[(self->first + i) % self->queue].message);
	free(self->waiting);
	self->waiting = NULL;
	self->count = 0;
}

static void destroy(struct member *member)
{
	struct subscription *self = (struct subscription *)(void *)member;
	let_go(self);
	pthread_mutex_destroy(&self->lock);
	free(self->topic);
	free(self);
}

// ---- to the mailbox; with the lock held

static bool post(struct subscription *self, const struct noh_shared *message, noh_actor from,
		 struct noh_follow *follow)
{
	member_hold(&self->member); // until it is done with
	if (!noh_send_followed(self->member.who, from, message, follow))
		return true;
	__atomic_store_n(&self->is_over, true, __ATOMIC_RELAXED);          // it is gone
	__atomic_fetch_sub(&self->member.references, 1, __ATOMIC_RELAXED); // not the last
	return false;
}

static bool post_message(struct subscription *self, const struct noh_shared *message,
			 noh_actor from)
{
	bool posted = post(self, message, from, &self->follow);
	self->in_mailbox += posted;
	return posted;
}

static void post_missed(struct subscription *self, uint64_t count, bool unsubscribed)
{
	const struct noh_shared *notice = noh_share(noh_topic_missed, .topic = self->topic,
						    .count = count, .unsubscribed = unsubscribed);
	post(self, notice, NOH_NOBODY, &self->follow_notice);
	noh_shared_drop(notice);
}

// There is room for one more. Returns what is to be let go when the lock is free.
static const struct noh_shared *post_next(struct subscription *self)
{
	if (!self->count) {
		if (self->missed)
			post_missed(self, self->missed, self->is_closed);
		self->missed = 0;
		return NULL;
	}

	struct waiting *next = &self->waiting[self->first];
	if (next->missed)
		post_missed(self, next->missed, false);
	next->missed = 0;
	if (!post_message(self, next->message, next->from))
		return NULL;
	self->first = (self->first + 1) % self->queue;
	self->count--;
	return next->message;
}

// ---- following

static struct subscription *subscription_at(struct noh_follow *follow, size_t offset)
{
	return (struct subscription *)(void *)((char *)follow - offset);
}

#define subscription_of(follow, field) subscription_at(follow, offsetof(struct subscription, field))

static bool is_going_on(struct subscription *self)
{
	return !__atomic_load_n(&self->is_over, __ATOMIC_RELAXED);
}

static bool is_wanted(struct noh_follow *follow)
{
	return is_going_on(subscription_of(follow, follow));
}

static bool is_notice_wanted(struct noh_follow *follow)
{
	return is_going_on(subscription_of(follow, follow_notice));
}

static void notice_is_done(struct noh_follow *follow)
{
	member_drop(&subscription_of(follow, follow_notice)->member);
}

static void one_is_done(struct noh_follow *follow)
{
	struct subscription *self = subscription_of(follow, follow);

	pthread_mutex_lock(&self->lock);
	self->in_mailbox--;
	const struct noh_shared *sent = self->is_over ? NULL : post_next(self);
	pthread_mutex_unlock(&self->lock);
	noh_shared_drop(sent);
	member_drop(&self->member);
}

// ---- for the topic

struct member *subscription_create(const char *topic, noh_actor who,
				   const struct noh_subscription *options)
{
	struct noh_subscription whole = {0};
	memcpy(&whole, options, options->size < sizeof(whole) ? options->size : sizeof(whole));

	struct subscription *self = (struct subscription *)must_have(sizeof(*self));
	self->member.who = who;
	self->member.destroy = destroy;
	self->follow = (struct noh_follow){is_wanted, one_is_done};
	self->follow_notice = (struct noh_follow){is_notice_wanted, notice_is_done};
	self->topic = (char *)must_have(topic ? strlen(topic) + 1 : 1);
	if (topic)
		strcpy(self->topic, topic);
	self->queue = whole.queue ? whole.queue : QUEUE;
	self->slow = whole.slow;
	pthread_mutex_init(&self->lock, NULL);
	return &self->member;
}

// With the lock held, and the mailbox's part full. Returns what is to be let go.
static const struct noh_shared *wait_behind(struct subscription *self,
					    const struct noh_shared *message, noh_actor from)
{
	struct waiting entry = {.message = noh_shared_hold(message), .from = from};
	const struct noh_shared *dropped = NULL;

	if (!self->waiting)
		self->waiting = (struct waiting *)must_have(self->queue * sizeof(self->waiting[0]));
	if (self->count == self->queue) {
		// The next to come is the one behind it, or this one.
		struct waiting *oldest = &self->waiting[self->first];
		self->first = (self->first + 1) % self->queue;
		self->count--;
		struct waiting *next = self->count ? &self->waiting[self->first] : &entry;
		next->missed += oldest->missed + 1;
		dropped = oldest->message;
	}
	self->waiting[(self->first + self->count++) % self->queue] = entry;
	return dropped;
}

bool subscription_push(struct member *member, const struct noh_shared *message, noh_actor from)
{
	struct subscription *self = (struct subscription *)(void *)member;
	const struct noh_shared *dropped = NULL;

	pthread_mutex_lock(&self->lock);
	bool was_closed = self->is_closed;
	if (self->is_over || self->is_closed) {
		// Somebody still has it in a snapshot.
	} else if (self->in_mailbox < self->queue) {
		post_message(self, message, from);
	} else if (self->slow == NOH_SLOW_DROP_OLD) {
		dropped = wait_behind(self, message, from);
	} else {
		self->missed++;
		self->is_closed = self->slow == NOH_SLOW_DISCONNECT;
	}
	bool closes = self->is_closed && !was_closed;
	pthread_mutex_unlock(&self->lock);
	noh_shared_drop(dropped);
	return !closes;
}

void subscription_end(struct member *member)
{
	struct subscription *self = (struct subscription *)(void *)member;
	pthread_mutex_lock(&self->lock);
	__atomic_store_n(&self->is_over, true, __ATOMIC_RELAXED);
	struct subscription held = {.waiting = self->waiting,
				    .first = self->first,
				    .count = self->count,
				    .queue = self->queue};
	self->waiting = NULL;
	self->count = 0;
	pthread_mutex_unlock(&self->lock);
	let_go(&held);
}
