/* What a client has left with its connection for later. Knows no sockets. */
#include "broker/luggage.h"

#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

#include "broker/messages.h"
#include "broker/publication.h"

static struct luggage *present(struct luggage **luggage)
{
	if (!*luggage)
		*luggage = noh_alloc(sizeof(**luggage));
	return *luggage;
}

void luggage_keep_will(struct luggage **luggage, const struct packet_connect *connect)
{
	struct luggage *to = present(luggage);
	size_t size = publication_size(connect->will_topic, connect->will_payload);
	uint8_t *body = resized(NULL, size, 1);

	publication_write(body, connect->will_topic, connect->will_payload);
	to->will = noh_keep_bytes(noh_bytes_wrap(body, size, free, body));
	to->will_qos = connect->will_qos;
	to->will_retain = connect->will_retain;
}

void luggage_drop_will(struct luggage *luggage)
{
	if (!luggage)
		return;
	noh_bytes_drop(luggage->will);
	luggage->will = (noh_bytes){0};
}

void luggage_publish_will(struct luggage *luggage, const struct broker *broker)
{
	if (!luggage || !luggage->will.size)
		return;
	noh_send(broker->routers[router_of(broker, publication_topic(luggage->will))], publish,
		 .body = luggage->will, .retain = luggage->will_retain, .qos = luggage->will_qos);
	luggage_drop_will(luggage);
}

bool luggage_add_id(struct luggage **luggage, uint16_t id)
{
	return ids_add(&present(luggage)->unreleased, id);
}

void luggage_remove_id(struct luggage *luggage, uint16_t id)
{
	if (luggage)
		ids_remove(&luggage->unreleased, id);
}

bool luggage_hold(struct luggage **luggage, const uint8_t *at, size_t size, size_t most)
{
	struct luggage *to = present(luggage);

	if (to->held_size + size > most)
		return false;
	to->held = resized(to->held, to->held_size + size, 1);
	memcpy(to->held + to->held_size, at, size);
	to->held_size += size;
	return true;
}

noh_bytes luggage_take_held(struct luggage *luggage)
{
	noh_bytes held;

	if (!luggage || !luggage->held)
		return (noh_bytes){0};
	held = noh_bytes_wrap(luggage->held, luggage->held_size, free, luggage->held);
	luggage->held = NULL;
	luggage->held_size = 0;
	return held;
}

bool luggage_add_ahead(struct luggage **luggage, const struct broker *broker, uint32_t router,
		       size_t bytes)
{
	return ahead_add(&present(luggage)->ahead, broker->router_count, router, bytes);
}

void luggage_finish(struct luggage *luggage)
{
	if (!luggage)
		return;
	ids_finish(&luggage->unreleased);
	free(luggage->held);
}
