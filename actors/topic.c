/* Topics: a roster of a runtime whose members are subscriptions. */
#include <errno.h>

#include <noh/noh.h>

#include "actors/subscription.h"

static void init_topics(void *at)
{
	roster_init((struct roster *)at);
}

static void finish_topics(void *at)
{
	roster_finish((struct roster *)at);
}

static const struct noh_runtime_local topics_local = {
	.size = sizeof(struct roster), .init = init_topics, .finish = finish_topics};

static struct roster *topics_of(struct noh_runtime *runtime)
{
	return (struct roster *)noh_local_of(runtime, &topics_local);
}

int noh_topic_subscribe_with(const char *topic, noh_actor who,
			     const struct noh_subscription *options)
{
	struct noh_runtime *runtime = noh_runtime_of(who);
	if (!runtime)
		return -ESRCH;

	struct member *member = subscription_create(topic, who, options);
	int err = roster_join(topics_of(runtime), topic, member, &member);
	if (err < 0)
		return err;
	member_drop(member);
	return 0;
}

int noh_topic_unsubscribe(const char *topic, noh_actor who)
{
	struct noh_runtime *runtime = noh_runtime_of(who);
	struct member *member = runtime ? roster_leave(topics_of(runtime), topic, who) : NULL;
	if (!member)
		return -ENOENT;
	subscription_end(member);
	member_drop(member);
	return 0;
}

// What waits for it still reaches it.
static void disconnect(struct roster *topics, const char *topic, noh_actor who)
{
	struct member *member = roster_leave(topics, topic, who);
	if (member)
		member_drop(member);
}

int noh_topic_publish_type(struct noh_runtime *runtime, const char *topic,
			   const struct noh_message_type *type, const void *body)
{
	struct roster *topics = topics_of(runtime);
	struct crowd *crowd = roster_look(topics, topic);
	if (!crowd)
		return noh_publish_type(NULL, 0, type, body);

	int count = -EINVAL;
	const struct noh_shared *message = noh_share_type(type, body);
	for (size_t i = 0; message && i < crowd->count; i++)
		if (!subscription_push(crowd->at[i], message, noh_self()))
			disconnect(topics, topic, crowd->who[i]);
	if (message)
		count = (int)crowd->count;
	noh_shared_drop(message);
	crowd_drop(crowd);
	return count;
}
