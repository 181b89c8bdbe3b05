/* Topics: publishing to subscribers of whom none can hold up the others, or fill the memory. */
#ifndef NOH_TOPIC_H
#define NOH_TOPIC_H

#include <noh/actor.h>

NOH_BEGIN

/* What a subscriber loses when it falls behind. */
enum noh_slow {
	NOH_SLOW_DROP_OLD,  // gets the first `queue` that wait, and the newest `queue` behind them
	NOH_SLOW_DROP_NEW,  // gets the first `queue` that wait, and what comes when there is room
	NOH_SLOW_DISCONNECT // gets the first `queue` that wait, and is unsubscribed
};

/* How somebody subscribes. Zero means the default. */
struct noh_subscription {
	size_t size;
	size_t queue;       // messages of this topic that may wait in the subscriber's mailbox: 64
	enum noh_slow slow; // NOH_SLOW_DROP_OLD
};

/* In the place of messages that a subscriber has lost: after the last before them, and before the
 * first behind them. With `unsubscribed` nothing of the topic comes any more. Who does not accept
 * it gets dead letters instead. */
NOH_LIBRARY_MESSAGE(noh_topic_missed, (str, topic), (u64, count), (flag, unsubscribed));

/* Sends an actor what is published to a topic from now on:
 * `noh_topic_subscribe("prices", noh_self(), .queue = 100, .slow = NOH_SLOW_DROP_NEW);` Any thread.
 * It stays subscribed over its restarts, until it is gone for good. A message waits from when it is
 * published until the subscriber is done with it. Returns 0, also if it is subscribed already, and
 * then as it was; -ESRCH if it is gone, -EINVAL for "", -ENAMETOOLONG for more than 255 bytes. */
#define noh_topic_subscribe(topic, who, ...) \
	noh_topic_subscribe_with(            \
		topic, who,                  \
		NOH_VALUE(noh_subscription,  \
			  .size = sizeof(struct noh_subscription) __VA_OPT__(, ) __VA_ARGS__))
int noh_topic_subscribe_with(const char *topic, noh_actor who,
			     const struct noh_subscription *options);

/* Any thread. A subscriber that calls it itself gets nothing of the topic after the call. Returns
 * 0; -ENOENT if it is not subscribed. */
int noh_topic_unsubscribe(const char *topic, noh_actor who);

/* Sends to all subscribers: `noh_topic_publish("prices", price, .of = "tea", .cents = 120);`
 * Handlers, fibers; plain threads name their runtime. What the message points to is copied once and
 * shared. Each subscriber gets what one actor publishes in order. Never waits for a subscriber.
 * Returns how many there are, or -EINVAL if the message has an `owned`, which only one could get.
 */
#define noh_topic_publish(topic, message, ...) \
	noh_topic_publish_in(NULL, topic, message, __VA_ARGS__)
#define noh_topic_publish_in(runtime, topic, message, ...) \
	noh_topic_publish_type(runtime, topic, &message##_message, NOH_VALUE(message, __VA_ARGS__))
int noh_topic_publish_type(struct noh_runtime *runtime, const char *topic,
			   const struct noh_message_type *type, const void *body);

NOH_END
#endif
