/* The lines of NATS's own protocol as a client needs them, to bytes and back. Knows no sockets. */
#ifndef BENCH_LOAD_NATS_H
#define BENCH_LOAD_NATS_H

#include "bench/load/packet.h"

#define NATS_LINE_END "\r\n"
#define NATS_LINE_END_SIZE 2
#define NATS_PUBLISH_TOPIC_AT 4

/* Each is followed by a PING, whose answer tells that all before was taken. */
#define NATS_CONNECT "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nPING\r\n"
#define NATS_DONE "PONG\r\n"

/* These return the bytes written; `to` has room (PACKET_OVERHEAD). */
size_t nats_write_subscribe(uint8_t *to, const char *subject);
size_t nats_write_publish_head(uint8_t *to, const char *subject, size_t payload_size);

/* See struct protocol. */
int64_t nats_read(const uint8_t *bytes, size_t size, struct packet *ret_packet);
int nats_read_publish(const struct packet *packet, struct packet_publish *ret_publish);

#endif
