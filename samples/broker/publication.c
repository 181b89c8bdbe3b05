/* A published message as it travels from actor to actor: where its topic and payload are. Knows no
 * actors. */
#include "broker/publication.h"

#include <string.h>

#include "broker/encode.h"

enum { LENGTH_SIZE = 2 };

struct span publication_topic(noh_bytes body)
{
	return (struct span){body.at + LENGTH_SIZE, (size_t)(body.at[0] << 8 | body.at[1])};
}

struct span publication_payload(noh_bytes body, bool has_id)
{
	size_t start = LENGTH_SIZE + publication_topic(body).size + (has_id ? ENCODE_ID_SIZE : 0);

	return (struct span){body.at + start, body.size - start};
}

size_t publication_size(struct span topic, struct span payload)
{
	return LENGTH_SIZE + topic.size + payload.size;
}

void publication_write(uint8_t *to, struct span topic, struct span payload)
{
	to += encode_id(to, (uint16_t)topic.size);
	memcpy(to, topic.at, topic.size);
	if (payload.size)
		memcpy(to + topic.size, payload.at, payload.size);
}
