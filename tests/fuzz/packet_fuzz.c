/* Feeds arbitrary bytes, in arbitrary slices, to the broker's reader and parser, and what they let
 * through to the trees of topics. Built only with -DNOH_FUZZ=ON, by clang.
 *
 * The first byte of an input picks the phase, the second how the rest is cut into slices; a run
 * with other slices must tell the same. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/encode.h"
#include "broker/reader.h"
#include "broker/retained.h"
#include "broker/topics.h"

static const struct packet_limits LIMITS = {
	.packet_bytes = 100000,
	.client_id_bytes = 100,
	.topic = {.bytes = 1024, .levels = 128},
};

static const struct hash_key KEY = {{5, 6}};

/* A sum of all that was read: equal sums, equal packets. */
struct summary {
	uint64_t sum;
	const char *end; // why reading ended early, else NULL
};

struct trees {
	struct topics *topics;
	struct retained *retained;
};

static void add(struct summary *summary, struct span span)
{
	summary->sum = summary->sum * 31 + hash_text(&KEY, span);
}

static void ignore_delivery(void *context, uint64_t subscriber, uint8_t qos)
{
	(void)context;
	assert(subscriber < 4 && qos < 3);
}

static void ignore_message(void *context, void *message)
{
	(void)context;
	assert(message);
}

/* A PUBLISH that was read and is written again gives the bytes that it came from. */
static void write_again(const struct frame *frame, const struct packet *packet)
{
	const struct packet_publish *publish = &packet->publish;
	struct publish_head head = {
		.qos = publish->qos,
		.duplicate = publish->duplicate,
		.retain = publish->retain,
		.topic_bytes = (uint16_t)publish->topic.size,
		.payload_bytes = (uint32_t)publish->payload.size,
	};
	uint8_t bytes[ENCODE_PUBLISH_HEAD_MAX];
	size_t size = encode_publish_head(bytes, &head);

	assert(bytes[0] == frame->first);
	assert(!memcmp(bytes + size - 2, frame->body.at, 2));
	assert(encode_publish_size(&head) == size - 2 + frame->body.size);
}

static void use(struct trees *trees, const struct packet *packet, struct summary *summary)
{
	struct span filters = packet->filters, filter;
	uint64_t subscriber = packet->id % 4;
	uint8_t qos;

	switch (packet->type) {
	case PACKET_PUBLISH:
		topics_match(trees->topics, packet->publish.topic, ignore_delivery, NULL);
		if (packet->publish.retain)
			retained_set(trees->retained, packet->publish.topic,
				     packet->publish.payload.size ? trees : NULL);
		break;
	case PACKET_SUBSCRIBE:
		while (packet_next_subscription(&filters, &filter, &qos)) {
			topics_subscribe(trees->topics, filter, subscriber, qos);
			retained_match(trees->retained, filter, ignore_message, NULL);
			add(summary, filter);
		}
		assert(!filters.size);
		break;
	case PACKET_UNSUBSCRIBE:
		while (packet_next_filter(&filters, &filter))
			topics_unsubscribe(trees->topics, filter, subscriber);
		assert(!filters.size);
		break;
	case PACKET_DISCONNECT:
		topics_remove(trees->topics, 1);
		break;
	default:
		break;
	}
}

static bool read_slice(struct reader *reader, struct span slice, struct trees *trees,
		       struct summary *summary)
{
	struct refusal refusal = {0};
	struct packet packet;
	struct frame frame;
	int got;

	while ((got = reader_next(reader, &slice, &frame, &refusal)) > 0) {
		summary->sum += frame.first;
		add(summary, frame.body);
		if (packet_parse(&frame, &LIMITS, &packet, &refusal)) {
			got = -1;
			break;
		}
		if (packet.type == PACKET_PUBLISH)
			write_again(&frame, &packet);
		use(trees, &packet, summary);
		if (packet.type == PACKET_CONNECT)
			reader->phase = READER_OF_CLIENT;
		if (!frame.in_place && packet.id % 2)
			free(reader_take(reader));
	}
	assert(got || !slice.size);
	assert(!!refusal.reason == (got < 0));
	summary->end = refusal.reason;
	return !got;
}

static struct summary read_all(const uint8_t *data, size_t size, enum reader_phase phase,
			       size_t slice_size)
{
	struct trees trees = {topics_create(&KEY), retained_create(&KEY)};
	struct reader reader = {.limits = &LIMITS, .phase = phase};
	struct summary summary = {0};
	bool goes_on = true;

	for (size_t at = 0; at < size && goes_on; at += slice_size) {
		size_t left = size - at;
		size_t now = left < slice_size ? left : slice_size;
		// A copy, so that the sanitizer sees a read past the slice.
		uint8_t *copy = malloc(now);
		memcpy(copy, data + at, now);
		goes_on = read_slice(&reader, (struct span){copy, now}, &trees, &summary);
		free(copy);
	}
	reader_finish(&reader);
	topics_destroy(trees.topics);
	retained_destroy(trees.retained, NULL);
	return summary;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 3)
		return 0;

	enum reader_phase phase = data[0] % 2 ? READER_OF_CLIENT : READER_BEFORE_CONNECT;
	struct summary whole = read_all(data + 2, size - 2, phase, size);
	struct summary pieces = read_all(data + 2, size - 2, phase, 1 + data[1] % 64u);

	assert(whole.sum == pieces.sum && whole.end == pieces.end);
	return 0;
}
