/* broker: the least that an MQTT broker can be, one thread and edge-triggered epoll, the floor that
 * other brokers are compared with. It forwards: QoS 0 and 1, exact topics, no sessions, nothing
 * retained. It trusts its clients, and knows nothing of Noh. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	EVENTS = 512,
	CHUNK_BYTES = 262144,
	BUFFER_BYTES = 8192, // to begin with
	BUCKETS = 65536,
	CONNECT = 1,
	PUBLISH = 3,
	PUBACK = 4,
	SUBSCRIBE = 8,
	PINGREQ = 12,
	DISCONNECT = 14,
};

struct buffer {
	struct buffer *next; // spare ones
	size_t from, until, room;
	uint8_t bytes[];
};

struct client {
	int fd;
	uint16_t last_id;
	bool is_dirty; // has something to be sent once all that came was read
	struct buffer *out;
	struct buffer *rest; // of a packet that is not whole
	struct client *next_dirty;
	struct topic *topic; // that it published to last
};

struct topic {
	struct topic *next;
	struct subscription {
		struct client *client;
		uint8_t qos;
	} * subscriptions;
	uint32_t count, size;
	uint8_t name[];
};

static uint8_t chunk[CHUNK_BYTES];
static struct topic *topics[BUCKETS];
static struct client *dirty;
static struct buffer *spare;
static int poll_fd;

static void fail(const char *what)
{
	fprintf(stderr, "floor broker: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *grown(void *memory, size_t size)
{
	memory = realloc(memory, size);
	if (!memory)
		fail("realloc");
	return memory;
}

// ---- what is sent: each client has a buffer as long as something waits for it

static void give_back(struct buffer **buffer)
{
	if (*buffer) {
		(*buffer)->next = spare;
		spare = *buffer;
		*buffer = NULL;
	}
}

static struct buffer *with_room(struct buffer *buffer, size_t size)
{
	size_t needed;

	if (!buffer && spare) {
		buffer = spare;
		spare = buffer->next;
		buffer->from = buffer->until = 0;
	}
	needed = (buffer ? buffer->until : 0) + size;
	if (!buffer) {
		buffer = grown(NULL, sizeof(*buffer) + BUFFER_BYTES);
		*buffer = (struct buffer){.room = BUFFER_BYTES};
	}
	if (needed > buffer->room) {
		buffer = grown(buffer, sizeof(*buffer) + 2 * needed);
		buffer->room = 2 * needed;
	}
	return buffer;
}

static uint8_t *stage(struct client *client, size_t size)
{
	uint8_t *at;

	client->out = with_room(client->out, size);
	at = client->out->bytes + client->out->until;
	client->out->until += size;
	if (!client->is_dirty) {
		client->is_dirty = true;
		client->next_dirty = dirty;
		dirty = client;
	}
	return at;
}

// What the socket does not take stays: it will be reported when it takes more.
static void flush(struct client *client)
{
	struct buffer *out = client->out;

	if (!out)
		return;
	ssize_t sent = send(client->fd, out->bytes + out->from, out->until - out->from,
			    MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent > 0)
		out->from += (size_t)sent;
	if (out->from == out->until)
		give_back(&client->out);
}

static void flush_all(void)
{
	while (dirty) {
		struct client *client = dirty;
		dirty = client->next_dirty;
		client->is_dirty = false;
		flush(client);
	}
}

// ---- topics

static struct topic *topic_of(const uint8_t *name, uint32_t size)
{
	uint32_t hash = 2166136261u;
	struct topic *topic;

	for (uint32_t at = 0; at < size; at++)
		hash = (hash ^ name[at]) * 16777619u;
	struct topic **bucket = &topics[hash % BUCKETS];
	for (topic = *bucket; topic; topic = topic->next)
		if (topic->size == size && memcmp(topic->name, name, size) == 0)
			return topic;
	topic = grown(NULL, sizeof(*topic) + size);
	*topic = (struct topic){.next = *bucket, .size = size};
	memcpy(topic->name, name, size);
	return *bucket = topic;
}

static void unsubscribe(struct client *client)
{
	for (uint32_t at = 0; at < BUCKETS; at++)
		for (struct topic *topic = topics[at]; topic; topic = topic->next)
			for (uint32_t n = 0; n < topic->count;)
				if (topic->subscriptions[n].client == client)
					topic->subscriptions[n] =
						topic->subscriptions[--topic->count];
				else
					n++;
}

// ---- packets

static size_t number_at(const uint8_t *at)
{
	return (size_t)at[0] << 8 | at[1];
}

static void put_number(uint8_t *to, unsigned number)
{
	to[0] = (uint8_t)(number >> 8);
	to[1] = (uint8_t)number;
}

static void take_subscribe(struct client *client, const uint8_t *body, size_t size)
{
	uint8_t codes[128];
	size_t count = 0;

	for (size_t at = 2; at < size && count < sizeof(codes) - 2;) {
		uint32_t length = (uint32_t)number_at(body + at);
		struct topic *topic = topic_of(body + at + 2, length);
		uint8_t qos = body[at + 2 + length];

		topic->subscriptions = grown(topic->subscriptions,
					     (topic->count + 1) * sizeof(*topic->subscriptions));
		topic->subscriptions[topic->count++] = (struct subscription){client, qos};
		codes[count++] = qos;
		at += 3 + length;
	}
	uint8_t *to = stage(client, 4 + count);
	to[0] = 9 << 4;
	to[1] = (uint8_t)(2 + count);
	memcpy(to + 2, body, 2);
	memcpy(to + 4, codes, count);
}

// At QoS 0 the packet goes on as it came, at QoS 1 with the subscriber's packet id; to a lower QoS
// it goes without, two bytes shorter.
static void forward(const struct subscription *to, const uint8_t *packet, size_t header,
		    size_t size)
{
	bool has_id = packet[0] & 6;
	size_t topic_end = header + 2 + number_at(packet + header);

	if (has_id && !to->qos) {
		size_t rest = size - header - 2;
		uint8_t *at = stage(to->client, size + 3), *start = at;
		*at++ = PUBLISH << 4;
		do {
			*at++ = (uint8_t)((rest & 127) | (rest > 127 ? 128 : 0));
		} while (rest >>= 7);
		memcpy(at, packet + header, topic_end - header);
		at += topic_end - header;
		memcpy(at, packet + topic_end + 2, size - topic_end - 2);
		at += size - topic_end - 2;
		to->client->out->until -= size + 3 - (size_t)(at - start);
		return;
	}
	uint8_t *at = stage(to->client, size);
	memcpy(at, packet, size);
	if (has_id) {
		if (++to->client->last_id == 0)
			to->client->last_id = 1;
		put_number(at + topic_end, to->client->last_id);
	}
}

static void take_publish(struct client *client, const uint8_t *packet, size_t header, size_t size)
{
	const uint8_t *name = packet + header + 2;
	uint32_t length = (uint32_t)number_at(packet + header);
	struct topic *topic = client->topic;

	if (!topic || topic->size != length || memcmp(topic->name, name, length) != 0)
		topic = client->topic = topic_of(name, length);
	for (uint32_t n = 0; n < topic->count; n++)
		forward(&topic->subscriptions[n], packet, header, size);
	if (packet[0] & 6) {
		uint8_t *to = stage(client, 4);
		to[0] = PUBACK << 4;
		to[1] = 2;
		memcpy(to + 2, name + length, 2);
	}
}

// Returns how long the packet is, 0 if it is not whole.
static size_t take_packet(struct client *client, const uint8_t *packet, size_t have)
{
	size_t body = 0, header = 1;
	unsigned shift = 0;

	do {
		if (header >= have)
			return 0;
		body |= (size_t)(packet[header] & 127) << shift;
		shift += 7;
	} while (packet[header++] & 128);
	if (have < header + body)
		return 0;

	switch (packet[0] >> 4) {
	case CONNECT:
		memcpy(stage(client, 4), (uint8_t[]){2 << 4, 2, 0, 0}, 4);
		break;
	case PUBLISH:
		take_publish(client, packet, header, header + body);
		break;
	case SUBSCRIBE:
		take_subscribe(client, packet + header, body);
		break;
	case PINGREQ:
		memcpy(stage(client, 2), (uint8_t[]){13 << 4, 0}, 2);
		break;
	default: // PUBACK: nothing is ever sent again
		break;
	}
	return header + body;
}

// ---- sockets

static void drop(struct client *client)
{
	unsubscribe(client);
	flush_all(); // it may be among them
	close(client->fd);
	give_back(&client->out);
	give_back(&client->rest);
	free(client);
}

static void take_all(struct client *client, const uint8_t *at, size_t have)
{
	size_t used;

	while (have && (used = take_packet(client, at, have)) > 0) {
		at += used;
		have -= used;
	}
	if (have) {
		client->rest = with_room(NULL, have);
		memcpy(client->rest->bytes, at, have);
		client->rest->until = have;
	}
}

// Returns false if the client has gone.
static bool serve(struct client *client)
{
	ssize_t got;
	size_t kept, room;

	flush(client);
	do {
		kept = client->rest ? client->rest->until : 0;
		room = CHUNK_BYTES - kept;
		if (kept == CHUNK_BYTES)
			return false; // larger packets are not its business
		got = recv(client->fd, chunk + kept, room, 0);
		if (got < 0 && errno == EAGAIN)
			return true;
		if (got <= 0)
			return false;
		if (kept)
			memcpy(chunk, client->rest->bytes, kept);
		give_back(&client->rest);
		take_all(client, chunk, kept + (size_t)got);
	} while ((size_t)got == room);
	return true;
}

static void watch(int fd, void *tag)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLET | (tag ? EPOLLOUT | EPOLLRDHUP : 0),
		.data.ptr = tag,
	};

	if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
		fail("epoll_ctl");
}

static void accept_all(int listener)
{
	int fd, yes = 1;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct client *client = grown(NULL, sizeof(*client));
		*client = (struct client){.fd = fd};
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
		watch(fd, client);
	}
	if (errno != EAGAIN)
		fail("accept");
}

static int listen_anywhere(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(fd, 4096) != 0 || getsockname(fd, (struct sockaddr *)&address, &size) != 0)
		fail("cannot listen");
	printf("listening on 127.0.0.1:%u\n", ntohs(address.sin_port));
	fflush(stdout);
	return fd;
}

int main(void)
{
	static struct epoll_event events[EVENTS];
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (poll_fd < 0)
		fail("epoll_create1");
	int listener = listen_anywhere();
	watch(listener, NULL);

	for (;;) {
		int ready = epoll_wait(poll_fd, events, EVENTS, -1);
		for (int at = 0; at < ready; at++) {
			if (!events[at].data.ptr)
				accept_all(listener);
			else if (!serve(events[at].data.ptr))
				drop(events[at].data.ptr);
		}
		flush_all();
	}
}
