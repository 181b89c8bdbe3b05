/* The table of connections: how an id finds its connection, and where they come from and go to. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "mailbox/atomic.h"
#include "net/connection.h"
#include "net/stream.h"

enum {
	SEGMENT_CONNECTIONS = 64,
	SEGMENTS = 1 << 15, // 2 million connections: more than descriptors
	NONE = -1,
};

struct segment {
	struct connection connections[SEGMENT_CONNECTIONS];
};

static void *segments[SEGMENTS]; // only ever set, so that an id can be looked up without the lock

// Guarded by the lock. Free ones are linked through `handed`, the oldest first, so that an index
// rests before it has another generation.
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t segment_count;
static struct connection *free_first, *free_last;

static struct connection *next_free(struct connection *connection)
{
	return (struct connection *)connection->handed;
}

static void add_free(struct connection *connection)
{
	connection->handed = NULL;
	if (free_last)
		free_last->handed = connection;
	else
		free_first = connection;
	free_last = connection;
}

static void add_segment(void)
{
	if (segment_count == SEGMENTS)
		abort(); // the process has no descriptors for so many
	struct segment *segment = pool_take(POOL_LARGE, sizeof(*segment));
	memset(segment, 0, sizeof(*segment));
	for (uint32_t i = 0; i < SEGMENT_CONNECTIONS; i++) {
		struct connection *connection = &segment->connections[i];
		connection->index = segment_count * SEGMENT_CONNECTIONS + i;
		connection->generation = 1;
		add_free(connection);
	}
	store_release(&segments[segment_count++], segment); // pairs with connection_find()
}

static struct connection *take_free(void)
{
	pthread_mutex_lock(&table_lock);
	if (!free_first)
		add_segment();
	struct connection *connection = free_first;
	free_first = next_free(connection);
	if (!free_first)
		free_last = NULL;
	pthread_mutex_unlock(&table_lock);
	return connection;
}

struct connection *connection_create(struct net_reactor *reactor, uint64_t owner,
				     const struct noh_tcp_options *options)
{
	struct connection *connection = take_free();
	int64_t linger_ms = options->linger_ms ? options->linger_ms : DEFAULT_LINGER_MS;

	// All but what a look-up reads, which the last owner left as it must be.
	memset(&connection->reactor, 0,
	       offsetof(struct connection, owner) - offsetof(struct connection, reactor));
	memset(&connection->handed, 0, sizeof(*connection) - offsetof(struct connection, handed));

	connection->reactor = reactor;
	connection->unsent_limit = !options->unsent_limit ? DEFAULT_UNSENT_LIMIT
				   : options->unsent_limit > UINT32_MAX
					   ? UINT32_MAX
					   : (uint32_t)options->unsent_limit;
	connection->credit = options->credit ? options->credit : DEFAULT_CREDIT;
	connection->linger_ms = linger_ms > INT32_MAX ? INT32_MAX : (int32_t)linger_ms;
	connection->data_gate.ops = &data_gate_ops;
	connection->traffic = TRAFFIC_REFERENCE;
	connection->open.command.run = connection_run;
	connection->owned.release = connection_owner_ended;
	connection->flush.run = connection_flush;
	connection->socket.descriptor = NO_DESCRIPTOR;
	store_release_64(&connection->owner, owner); // pairs with tcp.c: is_mine()
	return connection;
}

struct connection *connection_find(uint64_t id)
{
	uint32_t index = (uint32_t)id - 1;

	if (index >= SEGMENTS * SEGMENT_CONNECTIONS)
		return NULL;
	// Pairs with add_segment().
	struct segment *segment = load_acquire(&segments[index / SEGMENT_CONNECTIONS]);
	if (!segment)
		return NULL;
	struct connection *connection = &segment->connections[index % SEGMENT_CONNECTIONS];
	return ck_pr_load_32(&connection->generation) == id >> 32 ? connection : NULL;
}

struct connection_rare *connection_need_rare(struct connection *connection)
{
	struct connection_rare *rare = connection->rare;

	if (!rare) {
		rare = pool_take(pool_class_of(sizeof(*rare)), sizeof(*rare));
		*rare = (struct connection_rare){0};
		store_release(&connection->rare, rare); // pairs with connection_rare()
	}
	return rare;
}

static void rare_free(struct connection_rare *rare)
{
	if (!rare)
		return;
	stream_destroy(rare->stream);
	pool_give(pool_class_of(sizeof(*rare)), rare);
}

void connection_free(struct connection *connection)
{
	uint32_t generation = connection->generation + 1;

	rare_free(connection->rare);
	connection->rare = NULL;
	ck_pr_store_64(&connection->owner, 0);
	ck_pr_store_32(&connection->generation, generation ? generation : 1);
	pthread_mutex_lock(&table_lock);
	add_free(connection);
	pthread_mutex_unlock(&table_lock);
}
