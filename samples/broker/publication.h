/* A published message as it travels from actor to actor: the body of its PUBLISH packet as one
 * slice, of which topic and payload are parts. Knows no actors. */
#ifndef BROKER_PUBLICATION_H
#define BROKER_PUBLICATION_H

#include <noh/bytes.h>

#include "broker/text.h"

/* The body: length of the topic, topic, packet id of the publisher if it has one, payload. It is
 * one that packet_parse() has passed, or that publication_write() wrote. */
struct span publication_topic(noh_bytes body);
struct span publication_payload(noh_bytes body, bool has_id);

/* Writes a body without an id. */
size_t publication_size(struct span topic, struct span payload);
void publication_write(uint8_t *to, struct span topic, struct span payload);

#endif
