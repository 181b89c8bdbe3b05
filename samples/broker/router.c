/* A router: it has all messages of its share of the topics, knows who has subscribed to them, and
 * keeps what is retained. One after the other passes through here, and that is what keeps the
 * order of each topic. */
#include "broker/router.h"

#include <stdlib.h>

#include <noh/noh.h>

#include "broker/burst.h"
#include "broker/messages.h"
#include "broker/publication.h"
#include "broker/retained.h"
#include "broker/topics.h"

struct kept {
	noh_bytes body;
	bool has_id;
	uint8_t qos;
};

static uint64_t lower(uint64_t one, uint64_t other)
{
	return one < other ? one : other;
}

static struct span span_of_bytes(noh_bytes bytes)
{
	return (struct span){bytes.at, bytes.size};
}

/* What it works with. Kept as a message, it is dropped at the end of this life, whichever way that
 * comes. */
NOH_MESSAGE(tools, (owned, topics), (owned, retained));

static void drop_topics(void *topics)
{
	topics_destroy(topics);
}

static void drop_retained(void *retained)
{
	retained_destroy(retained, NULL); // the messages are this actor's own memory
}

static void on_start(struct router *self, const struct noh_start *msg)
{
	self->topics = topics_create(&self->broker->key);
	self->retained = retained_create(&self->broker->key);
	noh_keep(tools, NOH_VALUE(tools, .topics = {self->topics, drop_topics},
				  .retained = {self->retained, drop_retained}));
	if (msg->restarts)
		noh_send(self->broker->directory, subscriptions_lost);
}

// ---- publishing

/* Small ones are copied, so that they do not keep alive the large buffer that they came in. */
static noh_bytes keep_body(noh_bytes body)
{
	enum { COPIED_MOST = 16 * 1024 };

	return noh_keep_bytes(body.size > COPIED_MOST ? body : noh_bytes_copy(body.at, body.size));
}

static void drop_kept(struct kept *kept)
{
	if (!kept)
		return;
	noh_bytes_drop(kept->body);
	noh_drop(kept);
}

static bool has_room(const struct router *self, struct span topic)
{
	return retained_count(self->retained) < router_retains_most(self->broker) ||
	       retained_get(self->retained, topic);
}

static void retain(struct router *self, const struct publish *msg)
{
	struct span topic = publication_topic(msg->body);
	struct kept *kept = NULL;

	// An empty one forgets what was retained.
	if (publication_payload(msg->body, msg->has_id).size) {
		if (!has_room(self, topic)) {
			noh_send(self->broker->journal, noted, .who = "a router",
				 .what = "retains as many topics as it may, and no new one");
			return;
		}
		kept = noh_alloc(sizeof(*kept));
		*kept = (struct kept){
			.body = keep_body(msg->body),
			.has_id = msg->has_id,
			.qos = (uint8_t)msg->qos,
		};
	}
	drop_kept(retained_set(self->retained, topic, kept));
}

static void deliver_to(void *context, uint64_t session, uint8_t qos)
{
	const struct publish *msg = context;

	noh_send(((noh_actor){session}), deliver, .body = msg->body, .has_id = msg->has_id,
		 .qos = lower(msg->qos, qos));
}

static void deliver_burst_to(void *context, uint64_t session, uint8_t qos)
{
	const struct publish_burst *msg = context;

	(void)qos; // theirs is the lowest
	noh_send(((noh_actor){session}), deliver_burst, .packets = msg->packets,
		 .count = msg->count);
}

static void on_publish_burst(struct router *self, const struct publish_burst *msg)
{
	self->messages++;
	self->deliveries += topics_match(self->topics, burst_topic(msg->packets), deliver_burst_to,
					 (void *)msg);
}

/* Once the sends are done, the message is in the mailbox of each session: it is routed. */
static void on_publish(struct router *self, const struct publish *msg)
{
	if (!msg->repeated) {
		if (msg->retain)
			retain(self, msg);
		self->messages++;
		self->deliveries += topics_match(self->topics, publication_topic(msg->body),
						 deliver_to, (void *)msg);
	}
	if (msg->ticket)
		noh_send_back(routed, .ticket = msg->ticket);
}

static void on_mark(struct router *self, const struct mark *msg)
{
	noh_send_back(marked, .router = msg->router, .cost = msg->cost,
		      .deliveries = self->messages ? self->deliveries / self->messages : 0);
	self->messages = self->deliveries = 0;
}

// ---- subscribing

struct reader_of_retained {
	noh_actor session;
	uint64_t qos;
};

static void deliver_retained(void *context, void *message)
{
	const struct reader_of_retained *to = context;
	const struct kept *kept = message;

	noh_send(to->session, deliver, .body = kept->body, .has_id = kept->has_id, .retain = true,
		 .qos = lower(kept->qos, to->qos));
}

/* What is published from now on comes after what is retained: both go the same way. */
static void on_subscribe(struct router *self, const struct subscribe *msg)
{
	struct reader_of_retained to = {.session = msg->session, .qos = msg->qos};
	struct span filter = span_of_bytes(msg->filter);
	size_t present = topics_count_of(self->topics, msg->session.id);

	if (present >= self->broker->limits.subscriptions) {
		noh_send_back(routed, .ticket = msg->ticket, .refused = true);
		return;
	}
	topics_subscribe(self->topics, filter, msg->session.id, (uint8_t)msg->qos);
	noh_send_back(routed, .ticket = msg->ticket);
	retained_match(self->retained, filter, deliver_retained, &to);
}

static void on_unsubscribe(struct router *self, const struct unsubscribe *msg)
{
	topics_unsubscribe(self->topics, span_of_bytes(msg->filter), msg->session.id);
	noh_send_back(routed, .ticket = msg->ticket);
}

static void on_forget(struct router *self, const struct forget *msg)
{
	(void)msg;
	topics_remove(self->topics, noh_sender().id);
	noh_send_back(forgotten);
}

NOH_ACTOR(router, (noh_start, on_start), (publish, on_publish), (publish_burst, on_publish_burst),
	  (mark, on_mark), (subscribe, on_subscribe), (unsubscribe, on_unsubscribe),
	  (forget, on_forget));
