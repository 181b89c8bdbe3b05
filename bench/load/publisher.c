/* Copies a pre-encoded PUBLISH and patches id and stamp; nothing is allocated a message. */
#include "bench/load/publisher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/measure.h"

// No more is encoded while this much waits for the socket; the rest is cheaper kept as a count.
#define STAGE_BYTES 65536u

enum id_step { ID_FREE, ID_AWAITS_PUBACK, ID_AWAITS_PUBREC, ID_AWAITS_PUBCOMP };

void publisher_init(struct publisher *publisher, uint32_t number, const char *topic,
		    const uint8_t *payload, const struct options *options)
{
	*publisher = (struct publisher){
		.number = number,
		.qos = options->qos,
		.protocol = options->protocol,
		.window = options->qos == 0 && options->rate > 0 ? UINT32_MAX : options->window,
		.packet = malloc(PACKET_OVERHEAD(strlen(topic)) + options->size),
	};
	if (!publisher->packet)
		die("out of memory");
	publisher->protocol->write_publish(publisher->packet, topic, (int)options->qos,
					   options->size, &publisher->form);
	memcpy(publisher->packet + publisher->form.payload_at, payload, options->size);

	if (!publisher->qos)
		return;
	publisher->free_ids = calloc(publisher->window, sizeof(*publisher->free_ids));
	publisher->id_steps = calloc((size_t)publisher->window + 1, 1);
	if (!publisher->free_ids || !publisher->id_steps)
		die("out of memory");
	publisher->free_count = publisher->window;
	for (uint32_t at = 0; at < publisher->window; at++)
		publisher->free_ids[at] = (uint16_t)(at + 1);
}

void publisher_finish(struct publisher *publisher)
{
	connection_close(&publisher->connection);
	free(publisher->packet);
	free(publisher->free_ids);
	free(publisher->id_steps);
}

static uint16_t take_id(struct publisher *publisher)
{
	uint16_t id = publisher->free_ids[publisher->free_from];

	if (++publisher->free_from == publisher->window)
		publisher->free_from = 0;
	publisher->free_count--;
	publisher->id_steps[id] = publisher->qos == 1 ? ID_AWAITS_PUBACK : ID_AWAITS_PUBREC;
	return id;
}

static void give_id_back(struct publisher *publisher, uint16_t id)
{
	uint32_t at = publisher->free_from + publisher->free_count++;

	publisher->free_ids[at % publisher->window] = id;
	publisher->id_steps[id] = ID_FREE;
	publisher->settled++;
}

static void encode(struct publisher *publisher, uint8_t *to, uint64_t time_ns)
{
	struct stamp stamp = {
		.publisher = publisher->number,
		.sequence = publisher->sent++,
		.time_ns = time_ns,
	};

	memcpy(to, publisher->packet, publisher->form.size);
	memcpy(to + publisher->form.payload_at, &stamp, sizeof(stamp));
	if (publisher->qos) {
		uint16_t id = take_id(publisher);
		to[publisher->form.id_at] = (uint8_t)(id >> 8);
		to[publisher->form.id_at + 1] = (uint8_t)id;
	}
}

static uint32_t sendable(const struct publisher *publisher)
{
	uint32_t allowed = publisher->allowed - publisher->sent;
	uint32_t in_window = publisher->window - (publisher->sent - publisher->settled);
	uint32_t count = allowed < in_window ? allowed : in_window;
	uint32_t most = 1 + STAGE_BYTES / (uint32_t)publisher->form.size;

	return count < most ? count : most;
}

int publisher_send(struct publisher *publisher, struct pace *pace)
{
	struct connection *connection = &publisher->connection;
	uint32_t count;

	// What is left in the connection after a flush is what the socket did not take; it will
	// be reported when it takes more.
	while (connection_unsent(connection) < STAGE_BYTES && (count = sendable(publisher)) > 0) {
		uint8_t *to = connection_stage(connection, count * publisher->form.size);
		uint64_t now = now_ns();

		for (uint32_t n = 0; n < count; n++, to += publisher->form.size) {
			uint64_t time = now;
			if (pace->fixed_rate) {
				time = schedule_time_of(&pace->schedule, publisher->number,
							publisher->sent);
				histogram_record(pace->late, now - time);
			}
			encode(publisher, to, time);
		}
		connection_staged(connection, count * publisher->form.size);

		int err = connection_flush(connection);
		if (err)
			return err;
		if (connection_unsent(connection))
			return 0;
	}
	return connection_flush(connection);
}

static int take_ack(struct publisher *publisher, const struct packet *packet)
{
	if (packet->type == PACKET_NONE)
		return 0;
	if (packet->type == PACKET_PINGREQ) {
		connection_answer(&publisher->connection, publisher->protocol->pong);
		return 0;
	}

	int id = packet_ack_id(packet);
	if (id < 1 || (uint32_t)id > publisher->window || !publisher->qos)
		return -EPROTO;

	uint8_t *step = &publisher->id_steps[id];
	if (packet->type == PACKET_PUBREC && *step == ID_AWAITS_PUBREC) {
		*step = ID_AWAITS_PUBCOMP;
		packet_write_ack(connection_stage(&publisher->connection, PACKET_ACK_SIZE),
				 PACKET_PUBREL, (uint16_t)id);
		connection_staged(&publisher->connection, PACKET_ACK_SIZE);
		return 0;
	}
	if ((packet->type != PACKET_PUBACK || *step != ID_AWAITS_PUBACK) &&
	    (packet->type != PACKET_PUBCOMP || *step != ID_AWAITS_PUBCOMP))
		return -EPROTO;
	give_id_back(publisher, (uint16_t)id);
	return 0;
}

int publisher_receive(struct publisher *publisher, struct reading *reading)
{
	bool more;

	do {
		ssize_t size = connection_receive(&publisher->connection, reading, &more);
		const uint8_t *at = reading->buffer;
		struct packet packet;
		int64_t used;

		if (size <= 0)
			return (int)size;
		while ((used = publisher->protocol->read(at, (size_t)size, &packet)) > 0) {
			int err = take_ack(publisher, &packet);
			if (err)
				return err;
			at += used;
			size -= used;
		}
		if (used < 0)
			return (int)used;
		connection_keep(&publisher->connection, at, (size_t)size);
	} while (more);
	return 0;
}
