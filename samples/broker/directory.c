/* The directory: which session is whose. It starts the sessions, as its children, and lets
 * connections have them. If it fails, all sessions end with it, and clients begin anew. */
#include "broker/directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

#include "broker/messages.h"
#include "broker/session.h"

/* Small: there is one for each idle client. */
struct client {
	struct table_entry by_id;      // first, see client_of()
	struct table_entry by_session; // whose hash says which session it is
	uint32_t attachments;
	uint16_t size;
	bool is_kept;
	uint8_t id[];
};

static struct client *client_of(struct table_entry *by_id)
{
	return (struct client *)by_id;
}

static struct client *client_by_session(struct table_entry *by_session)
{
	return (struct client *)((char *)by_session - offsetof(struct client, by_session));
}

static struct client *find_by_id(const struct directory *self, struct span id)
{
	struct table_entry *entry = table_first(&self->by_id, hash_text(&self->broker->key, id));

	for (; entry; entry = table_next(entry)) {
		struct client *client = client_of(entry);
		if (span_equal((struct span){client->id, client->size}, id))
			return client;
	}
	return NULL;
}

#define SPREAD UINT64_C(0x9e3779b97f4a7c15)
#define SPREAD_BACK UINT64_C(0xf1de83e19937733d)
_Static_assert(1 == SPREAD * SPREAD_BACK, "each undoes what the other does");

/* Handles are not chosen by peers, so their hash needs no key. No two have the same, and the handle
 * is had back from it. */
static uint64_t hash_session(noh_actor session)
{
	uint64_t mixed = session.id * SPREAD;

	return mixed ^ mixed >> 32;
}

static noh_actor session_of(const struct client *client)
{
	uint64_t hash = client->by_session.hash;

	return (noh_actor){(hash ^ hash >> 32) * SPREAD_BACK};
}

static struct client *find_by_session(const struct directory *self, noh_actor session)
{
	struct table_entry *entry = table_first(&self->by_session, hash_session(session));

	return entry ? client_by_session(entry) : NULL;
}

static void forget_client(struct directory *self, struct client *client)
{
	if (client->size)
		table_remove(&self->by_id, &client->by_id);
	table_remove(&self->by_session, &client->by_session);
	self->kept -= client->is_kept;
	free(client);
}

static void end_session(struct directory *self, struct client *client)
{
	noh_send(session_of(client), conclude);
	forget_client(self, client);
}

static struct client *add_client(struct directory *self, struct span id, bool is_kept)
{
	struct client *client = resized(NULL, 1, sizeof(*client) + id.size);
	noh_actor session = noh_spawn(session, .broker = self->broker, .is_kept = is_kept);

	*client = (struct client){
		.size = (uint16_t)id.size,
		.is_kept = is_kept,
	};
	if (id.size) {
		memcpy(client->id, id.at, id.size);
		table_add(&self->by_id, &client->by_id, hash_text(&self->broker->key, id));
	}
	table_add(&self->by_session, &client->by_session, hash_session(session));
	self->kept += is_kept;
	return client;
}

/* A session is found again if it is to be kept, by its client and by itself. */
static void on_arrived(struct directory *self, const struct arrived *msg)
{
	struct span id = {msg->client_id.at, msg->client_id.size};
	struct client *client = id.size ? find_by_id(self, id) : NULL;

	if (client && (msg->clean || !client->is_kept)) {
		end_session(self, client);
		client = NULL;
	}
	if (!client && !msg->clean && self->kept >= self->broker->limits.sessions) {
		noh_send_back(unavailable);
		return;
	}
	if (!client)
		client = add_client(self, id, !msg->clean);
	noh_send(session_of(client), attach, .connection = noh_sender(),
		 .attachments = ++client->attachments);
}

static void on_left(struct directory *self, const struct left *msg)
{
	struct client *client = find_by_session(self, noh_sender());

	if (client && client->attachments == msg->attachments)
		end_session(self, client);
}

/* Who is away cannot be told, so the log tells whose messages are lost. */
static void on_overflowed(struct directory *self, const struct overflowed *msg)
{
	enum { SHOWN_MOST = 64 }; // bytes of a name
	struct client *client = find_by_session(self, noh_sender());
	char who[SHOWN_MOST + 64];

	(void)msg;
	if (!client)
		return;
	snprintf(who, sizeof(who), "client '%.*s%s', which is away",
		 client->size < SHOWN_MOST ? client->size : SHOWN_MOST, (const char *)client->id,
		 client->size > SHOWN_MOST ? "..." : "");
	noh_send(self->broker->journal, noted, .who = who,
		 .what = "has too much waiting for it, newer messages are lost");
}

/* One that was to end is not listed any more; any other has failed. */
static void on_down(struct directory *self, const struct noh_down *msg)
{
	struct client *client = find_by_session(self, msg->who);

	if (client)
		forget_client(self, client);
}

/* A router that was restarted knows no subscriptions. Sessions that seem to be there and receive
 * nothing would be worse than none: their clients are to subscribe again. */
static void on_subscriptions_lost(struct directory *self, const struct subscriptions_lost *msg)
{
	(void)self;
	(void)msg;
	noh_fail("a router has lost the subscriptions");
}

/* Its tables, dropped at its end, whichever way that comes. The second lists all clients, also
 * those without an id. */
NOH_MESSAGE(tables, (owned, by_id), (owned, by_session));

static void drop_by_id(void *table)
{
	table_clear(table, NULL);
}

static void drop_client(struct table_entry *by_session)
{
	free(client_by_session(by_session));
}

static void drop_by_session(void *table)
{
	table_clear(table, drop_client);
}

static void on_start(struct directory *self, const struct noh_start *msg)
{
	(void)msg;
	noh_keep(tables, NOH_VALUE(tables, .by_id = {&self->by_id, drop_by_id},
				   .by_session = {&self->by_session, drop_by_session}));
}

NOH_ACTOR(directory, (noh_start, on_start), (arrived, on_arrived), (left, on_left),
	  (overflowed, on_overflowed), (noh_down, on_down),
	  (subscriptions_lost, on_subscriptions_lost));
