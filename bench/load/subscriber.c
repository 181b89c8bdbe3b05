/* Parses in the shared buffer; only the start of a packet that is cut off is copied. */
#include "bench/load/subscriber.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/measure.h"

void subscriber_init(struct subscriber *subscriber, unsigned qos, uint32_t first_publisher,
		     uint32_t publisher_count)
{
	*subscriber = (struct subscriber){
		.qos = qos,
		.first_publisher = first_publisher,
		.publisher_count = publisher_count,
		.flows = calloc(publisher_count, sizeof(struct flow)),
	};
	if (!subscriber->flows)
		die("out of memory");
}

void subscriber_finish(struct subscriber *subscriber)
{
	connection_close(&subscriber->connection);
	for (uint32_t at = 0; at < subscriber->publisher_count; at++)
		flow_finish(&subscriber->flows[at]);
	free(subscriber->flows);
}

static void stage_ack(struct subscriber *subscriber, enum packet_type type, uint16_t id)
{
	packet_write_ack(connection_stage(&subscriber->connection, PACKET_ACK_SIZE), type, id);
	connection_staged(&subscriber->connection, PACKET_ACK_SIZE);
}

static bool is_topic_of(const struct publisher *publisher, const struct packet_publish *publish)
{
	size_t end = publisher->form.topic_end;

	return end > publish->topic_size && memcmp(publisher->packet + end - publish->topic_size,
						   publish->topic, publish->topic_size) == 0;
}

static void take_payload(struct subscriber *subscriber, struct subscribers *shared,
			 const struct packet_publish *publish, uint64_t now)
{
	struct stamp stamp;

	if (publish->payload_size != shared->payload_size) {
		shared->damaged++;
		return;
	}
	memcpy(&stamp, publish->payload, sizeof(stamp));
	uint32_t which = stamp.publisher - subscriber->first_publisher;
	if (which >= subscriber->publisher_count ||
	    !is_topic_of(&shared->publishers[stamp.publisher], publish) ||
	    memcmp(publish->payload + sizeof(stamp), shared->payload + sizeof(stamp),
		   shared->payload_size - sizeof(stamp)) != 0 ||
	    stamp.sequence >= shared->publishers[stamp.publisher].sent) {
		shared->damaged++;
		return;
	}

	struct flow *flow = &subscriber->flows[which];
	uint32_t before = flow->expected, duplicated = flow->duplicated;
	flow_take(flow, stamp.sequence);
	if (flow->duplicated != duplicated)
		return;
	shared->received++;
	histogram_record(&shared->latency, now - stamp.time_ns);
	if (flow->expected != before)
		shared->on_advanced(shared->context, stamp.publisher, before, flow->expected);
}

static int take_packet(struct subscriber *subscriber, struct subscribers *shared,
		       const struct packet *packet, uint64_t now)
{
	struct packet_publish publish;

	if (packet->type == PACKET_PUBREL) {
		int id = packet_ack_id(packet);
		if (id < 1 || shared->unreleased == 0)
			return -EPROTO;
		shared->unreleased--;
		stage_ack(subscriber, PACKET_PUBCOMP, (uint16_t)id);
		return 0;
	}
	if (packet->type == PACKET_NONE)
		return 0;
	if (packet->type == PACKET_PINGREQ) {
		connection_answer(&subscriber->connection, shared->protocol->pong);
		return 0;
	}
	if (packet->type != PACKET_PUBLISH || shared->protocol->read_publish(packet, &publish) != 0)
		return -EPROTO;
	if (publish.qos != subscriber->qos || (publish.qos && publish.id == 0))
		return -EPROTO;
	take_payload(subscriber, shared, &publish, now);
	shared->unreleased += publish.qos == 2;
	if (publish.qos)
		stage_ack(subscriber, publish.qos == 1 ? PACKET_PUBACK : PACKET_PUBREC, publish.id);
	return 0;
}

int subscriber_receive(struct subscriber *subscriber, struct subscribers *shared)
{
	bool more;

	do {
		ssize_t size = connection_receive(&subscriber->connection, &shared->reading, &more);
		const uint8_t *at = shared->reading.buffer;
		struct packet packet;
		int64_t used;

		if (size < 0)
			return (int)size;
		if (size == 0)
			break;
		uint64_t now = now_ns();
		while ((used = shared->protocol->read(at, (size_t)size, &packet)) > 0) {
			int err = take_packet(subscriber, shared, &packet, now);
			if (err)
				return err;
			at += used;
			size -= used;
		}
		if (used < 0)
			return (int)used;
		connection_keep(&subscriber->connection, at, (size_t)size);
	} while (more);
	return connection_flush(&subscriber->connection);
}
