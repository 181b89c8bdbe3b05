/*
 * Listening. A listener is an actor, the parent of those that serve its connections, and a socket
 * in the reactor of the worker on which it was made: the reactor accepts and sends the actor each
 * connection, the actor spawns who serves it and sends the connection to its home.
 */
#include "net/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

#include "mailbox/atomic.h"
#include "net/connection.h"
#include "runtime/worker.h"

enum {
	BACKLOG = 1024,
	DELAY_LEAST_MS = 100, // of accepting, while descriptors or memory lack
	DELAY_MOST_MS = 1000,
	WARN_EVERY_S = 10,
};

// What the actor and the reactor ask.
enum { ASK_LISTEN = 1, ASK_ACCEPT = 2, ASK_SHUT = 4 };

// From the reactor to the actor. (Libraries prefix the names of their messages.)
NOH_MESSAGE(noh_listener_accepted, (conn, conn));

struct listener {
	// Constant.
	struct net_reactor *reactor;
	noh_actor actor; // guarded by the lock of all until it has started
	const struct noh_actor_type *serve;
	void *state;
	size_t max_connections; // SIZE_MAX: as many as can be
	struct noh_tcp_options options;
	uint16_t port;
	struct gate gate;

	// Shared.
	_Alignas(CACHE_LINE) uint32_t references; // the reactor's, each connection's, messages'
	uint32_t is_full;                         // accepting waits for a connection to close
	uint64_t connections;

	// The actor's.
	struct owned owned;
	uint64_t served; // the id of the connection that was passed on last

	// The reactor's.
	struct socket socket;
	struct open_socket open;
	struct deadline accepts_again;
	int64_t delay_ms;
	uint64_t warned_ns;
	bool is_shut, is_warned;

	// In the list of all, under its lock.
	struct listener *next, **link;
};

static struct listener *all; // so that a port can be asked for
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;

// ---- references

static void retain(struct listener *listener)
{
	ck_pr_inc_32(&listener->references);
}

static void release(struct listener *listener)
{
	// Pairs with itself, in whichever thread comes last.
	ck_pr_fence_release();
	if (ck_pr_faa_32(&listener->references, UINT32_MAX) != 1)
		return;
	ck_pr_fence_acquire();

	pthread_mutex_lock(&all_lock);
	*listener->link = listener->next;
	if (listener->next)
		listener->next->link = listener->link;
	pthread_mutex_unlock(&all_lock);
	free(listener->state);
	pool_give(pool_class_of(sizeof(*listener)), listener);
}

static void ask(struct listener *listener, uint32_t what)
{
	retain(listener);
	if (!reactor_ask(listener->reactor, &listener->open.command, what))
		release(listener);
}

void listener_lost_one(struct listener *listener)
{
	// Either we see that accepting waits, or the reactor sees that there is room: pairs with
	// is_full().
	ck_pr_faa_64(&listener->connections, UINT64_MAX);
	if (ck_pr_load_32(&listener->is_full) && swap_if_32(&listener->is_full, 1, 0))
		ask(listener, ASK_ACCEPT);
	release(listener);
}

// ---- the reactor's side

static struct poller *poller_of(struct listener *listener)
{
	return listener->reactor->poller;
}

static bool is_full(struct listener *listener)
{
	if (ck_pr_load_64(&listener->connections) < listener->max_connections)
		return false;
	ck_pr_store_32(&listener->is_full, 1);
	ck_pr_fence_memory();
	if (ck_pr_load_64(&listener->connections) >= listener->max_connections)
		return true;
	return !swap_if_32(&listener->is_full, 1, 0); // false: we have just been asked to go on
}

static void accept_on(struct listener *listener)
{
	if (!listener->is_shut && !is_full(listener))
		poller_of(listener)->ops->accept(poller_of(listener), &listener->socket);
}

static void accept_again(struct deadline *deadline)
{
	accept_on((struct listener *)((char *)deadline - offsetof(struct listener, accepts_again)));
}

// Descriptors or memory are used up. The peers wait in the backlog, and we for better times.
static void hold_back(struct listener *listener, int err)
{
	uint64_t now_ns = listener->reactor->now_ns;

	listener->delay_ms = listener->delay_ms ? listener->delay_ms * 2 : DELAY_LEAST_MS;
	if (listener->delay_ms > DELAY_MOST_MS)
		listener->delay_ms = DELAY_MOST_MS;
	reactor_expect(listener->reactor, &listener->accepts_again, listener->delay_ms);

	if (listener->is_warned &&
	    now_ns - listener->warned_ns < WARN_EVERY_S * UINT64_C(1000000000))
		return;
	listener->is_warned = true;
	listener->warned_ns = now_ns;
	runtime_log(listener->reactor->runtime, NOH_WARN,
		    "port %u: connections wait, they cannot be accepted now: %s", listener->port,
		    strerror(-err));
}

static bool was_accepted(struct socket *socket, int err, intptr_t descriptor,
			 const union address *peer)
{
	struct listener *listener =
		(struct listener *)((char *)socket - offsetof(struct listener, socket));
	(void)peer;

	if (err) {
		hold_back(listener, err);
		return false;
	}
	listener->delay_ms = 0;

	struct net_reactor *home = network_place(listener->reactor->network, listener->reactor);
	struct connection *connection = connection_create(home, 0, &listener->options);
	connection->socket.descriptor = descriptor;
	connection->listener = listener;
	retain(listener);
	ck_pr_faa_64(&listener->connections, 1);

	struct noh_listener_accepted accepted = {.conn = {connection_id(connection)}};
	retain(listener);
	deliver(listener->actor.id, 0, &noh_listener_accepted_message, &accepted, &listener->gate);
	return !is_full(listener);
}

static const struct socket_events events = {.accepted = was_accepted};

static void shut(struct listener *listener)
{
	if (listener->is_shut)
		return;
	listener->is_shut = true;
	poller_of(listener)->ops->close(poller_of(listener), &listener->socket, false);
	reactor_forget(&listener->accepts_again);
	reactor_closed(listener->reactor, &listener->open);
}

static void listen_now(struct listener *listener)
{
	struct poller *poller = poller_of(listener);

	listener->socket.events = &events;
	listener->accepts_again.passed = accept_again;
	reactor_opened(listener->reactor, &listener->open);
	int err = poller->ops->adopt(poller, &listener->socket);
	if (!err) {
		accept_on(listener);
		return;
	}
	runtime_log(listener->reactor->runtime, NOH_ERROR, "port %u: cannot listen: %s",
		    listener->port, strerror(-err));
	poller->ops->discard(poller, listener->socket.descriptor);
	listener->socket.descriptor = NO_DESCRIPTOR;
	shut(listener);
}

static void run(struct command *command, uint32_t asked)
{
	struct listener *listener =
		(struct listener *)((char *)command - offsetof(struct listener, open.command));

	if (asked & ASK_ABANDON) {
		shut(listener);
		return;
	}
	if (asked & ASK_LISTEN)
		listen_now(listener);
	if (asked & ASK_ACCEPT)
		accept_on(listener);
	if (asked & ASK_SHUT)
		shut(listener);
	release(listener);
}

// ---- the actor

struct noh_listener {
	struct listener *listener;
};

static void owner_ended(struct owned *owned)
{
	ask((struct listener *)((char *)owned - offsetof(struct listener, owned)), ASK_SHUT);
}

static void on_start(struct noh_listener *self, const struct noh_start *msg)
{
	(void)msg;
	own(&self->listener->owned);
	ask(self->listener, ASK_LISTEN);
}

static void on_accepted(struct noh_listener *self, const struct noh_listener_accepted *msg)
{
	struct listener *listener = self->listener;
	struct connection *connection = connection_find(msg->conn.id);

	noh_actor serves = listener->serve ? noh_spawn_type(listener->serve, listener->state, NULL)
					   : noh_parent();
	if (!serves.id)
		return; // the runtime ends; who retires this message sees that nobody took it
	listener->served = msg->conn.id;
	store_release_64(&connection->owner, serves.id); // pairs with tcp.c: is_mine()
	connection_ask(connection, ASK_REGISTER);
}

// Who served one connection has ended. If it failed, that has been logged, and nobody else is
// concerned.
static void on_down(struct noh_listener *self, const struct noh_down *msg)
{
	(void)self;
	(void)msg;
}

NOH_ACTOR(noh_listener, (noh_start, on_start), (noh_listener_accepted, on_accepted),
	  (noh_down, on_down));

static bool admit(struct gate *gate, const void *body)
{
	(void)gate;
	(void)body;
	return true;
}

static void retired(struct gate *gate, const void *body)
{
	struct listener *listener =
		(struct listener *)((char *)gate - offsetof(struct listener, gate));
	const struct noh_listener_accepted *accepted = body;

	// If nobody serves it, it has never been anywhere but here.
	if (listener->served != accepted->conn.id) {
		struct connection *connection = connection_find(accepted->conn.id);
		struct poller *poller = connection->reactor->poller;
		poller->ops->discard(poller, connection->socket.descriptor);
		listener_lost_one(listener);
		connection_release(connection);
	}
	release(listener);
}

static const struct gate_ops gate_ops = {admit, retired};

// ---- the public calls

int noh_tcp_listen_with(noh_actor *ret_listener, const struct noh_listen *given)
{
	struct worker *worker = worker_of_call("noh_tcp_listen");
	struct net_reactor *reactor = net_reactor_of(worker->reactor);
	struct poller *poller = reactor->poller;
	struct noh_listen options = {0};
	union address address;
	intptr_t descriptor;

	memcpy(&options, given, given->size < sizeof(options) ? given->size : sizeof(options));
	int err = address_parse(options.address ? options.address : "127.0.0.1", options.port,
				&address);
	if (err)
		return err;
	err = poller->ops->listen(poller, &address, options.backlog > 0 ? options.backlog : BACKLOG,
				  &options.options, &descriptor);
	if (err)
		return err;
	poller->ops->address(poller, descriptor, false, &address);

	struct listener *listener = pool_take(pool_class_of(sizeof(*listener)), sizeof(*listener));
	size_t size = options.serve ? options.serve->state_size : 0;
	*listener = (struct listener){
		.reactor = reactor,
		.serve = options.serve,
		.state = must_allocate_zeroed(size ? size : 1),
		.max_connections = options.max_connections ? options.max_connections : SIZE_MAX,
		.options = options.options,
		.port = address_port(&address),
		.gate.ops = &gate_ops,
		.references = 1,
		.open.command.run = run,
		.owned.release = owner_ended,
		.socket.descriptor = descriptor,
	};
	if (options.state)
		memcpy(listener->state, options.state, size);

	pthread_mutex_lock(&all_lock);
	listener->next = all;
	listener->link = &all;
	if (all)
		all->link = &listener->next;
	all = listener;
	noh_actor actor = noh_spawn(noh_listener, .listener = listener);
	listener->actor = actor;
	pthread_mutex_unlock(&all_lock);

	if (!actor.id) {
		poller->ops->discard(poller, descriptor);
		release(listener);
		return -ESHUTDOWN;
	}
	if (ret_listener)
		*ret_listener = actor;
	return 0;
}

int noh_tcp_port(noh_actor actor)
{
	int port = -ESRCH;

	pthread_mutex_lock(&all_lock);
	for (struct listener *listener = all; listener; listener = listener->next) {
		if (listener->actor.id == actor.id && slot_if_alive(actor.id))
			port = listener->port;
	}
	pthread_mutex_unlock(&all_lock);
	return port;
}
