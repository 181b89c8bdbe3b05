/* The reactor: one poll looks at the time, at the sockets, and at the time again. */
#include "net/reactor.h"

#include <stdlib.h>

#include "mailbox/pool.h"
#include "runtime/worker.h"
#include "timers/timekeeper.h"

struct net_reactor {
	struct reactor reactor;
	struct poller *poller;
	struct timekeeper keeper;
};

static uint64_t now(const struct reactor *reactor)
{
	return runtime_now_ns(reactor->home->runtime);
}

static void poll(struct reactor *reactor, uint64_t until_ns, uint32_t room)
{
	struct net_reactor *net = (struct net_reactor *)(void *)reactor;
	uint64_t now_ns = now(reactor), next_ns = timekeeper_next_ns(&net->keeper);

	net->poller->ops->wait(net->poller, now_ns, until_ns < next_ns ? until_ns : next_ns, room);
	timekeeper_expire(&net->keeper, now(reactor));
}

static void ring(struct reactor *reactor)
{
	struct net_reactor *net = (struct net_reactor *)(void *)reactor;
	net->poller->ops->ring(net->poller);
}

static bool has_commands(struct reactor *reactor)
{
	struct net_reactor *net = (struct net_reactor *)(void *)reactor;
	return timekeeper_has_returned(&net->keeper);
}

static uint64_t next_deadline(struct reactor *reactor)
{
	struct net_reactor *net = (struct net_reactor *)(void *)reactor;
	return timekeeper_next_ns(&net->keeper);
}

static void destroy(struct reactor *reactor)
{
	struct net_reactor *net = (struct net_reactor *)(void *)reactor;
	timekeeper_finish(&net->keeper);
	net->poller->ops->destroy(net->poller);
	free(net);
}

static const struct reactor_ops reactor_ops = {
	.poll = poll,
	.ring = ring,
	.has_commands = has_commands,
	.next_deadline = next_deadline,
	.destroy = destroy,
};

struct reactor *net_reactor_create(struct worker *home, struct poller *poller, unsigned tick_bits)
{
	struct net_reactor *net = must_allocate_zeroed(sizeof(*net));
	net->reactor = (struct reactor){.ops = &reactor_ops, .home = home};
	net->poller = poller;
	timekeeper_init(&net->keeper, &net->reactor, tick_bits, now(&net->reactor));
	return &net->reactor;
}
