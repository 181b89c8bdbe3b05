/* A burst: PUBLISH packets at QoS 0 on one topic that came one behind the other. Knows no actors.
 */
#include "broker/burst.h"

#include "broker/encode.h"
#include "broker/publication.h"

enum {
	PLAIN_PUBLISH = PACKET_PUBLISH << 4, // QoS 0, not retained
	BURST_BYTES = 16384,                 // to one that is larger nothing is added
};

/* The packet with its header, as a server would write it. Empty if that is not what lies there: a
 * header may be torn, or have a length of more bytes than it needs. Where such a header began
 * further ahead, a byte of its length is where its first byte should be; and as others follow that
 * one, its highest bit is set. */
static struct span plain_packet(noh_bytes received, const struct frame *frame)
{
	uint8_t header[ENCODE_FIXED_HEADER_MAX];
	size_t size = encode_fixed_header(header, frame->first, (uint32_t)frame->body.size);
	const uint8_t *start = frame->body.at - size;

	if (frame->first != PLAIN_PUBLISH || !frame->in_place ||
	    (size_t)(frame->body.at - received.at) < size || *start != PLAIN_PUBLISH)
		return (struct span){0};
	return (struct span){start, size + frame->body.size};
}

bool burst_add(struct burst *burst, noh_bytes received, const struct frame *frame,
	       const struct packet *packet)
{
	struct span plain = plain_packet(received, frame);

	if (!plain.size)
		return false;
	if (!burst->count) {
		*burst = (struct burst){plain, packet->publish.topic, 1};
		return true;
	}
	if (burst->packets.at + burst->packets.size != plain.at ||
	    burst->packets.size > BURST_BYTES || !span_equal(burst->topic, packet->publish.topic))
		return false;
	burst->packets.size += plain.size;
	burst->count++;
	return true;
}

/* What follows the header of the first packet. */
static struct span first_body(struct span packets)
{
	size_t size = 0, at = 1;

	do {
		size |= (size_t)(packets.at[at] & 0x7f) << 7 * (at - 1);
	} while (packets.at[at++] & 0x80);
	return (struct span){packets.at + at, size};
}

struct span burst_topic(noh_bytes packets)
{
	struct span body = first_body((struct span){packets.at, packets.size});

	return publication_topic((noh_bytes){.at = body.at, .size = body.size});
}

struct burst burst_front(noh_bytes packets, uint32_t count, uint64_t bytes)
{
	struct burst front = {.packets = {packets.at, 0}, .topic = burst_topic(packets)};

	while (front.count < count && front.packets.size < packets.size) {
		const uint8_t *next = packets.at + front.packets.size;
		struct span body =
			first_body((struct span){next, (size_t)(packets.at + packets.size - next)});
		size_t size = (size_t)(body.at - next) + body.size;
		if (front.packets.size + size > bytes)
			break;
		front.packets.size += size;
		front.count++;
	}
	return front;
}
