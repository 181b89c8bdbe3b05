/* How a runtime gets its reactors. */
#include "net/network.h"

#include "net/memory.h"
#include "net/reactor.h"
#include "runtime/worker.h"

enum { HALF_A_CORE = 512 };

static int create_reactor(struct worker *home, struct reactor **ret_reactor)
{
	struct network *network = (struct network *)home->runtime->seams;
	struct net_reactor *reactor;
	struct poller *poller;

	int err = network->memory ? memory_poller_create(network->memory, &poller)
				  : epoll_poller_create(&poller);
	if (err)
		return err;
	reactor = net_reactor_create(network, home, poller);
	network->reactors[home->index] = reactor;
	network->reactor_count = home->index + 1;
	*ret_reactor = &reactor->base;
	return 0;
}

void network_init(struct network *network, struct memory_network *memory)
{
	*network = (struct network){
		.seams = {.reactor_create = create_reactor, .time = &timer_ops},
		.memory = memory,
	};
}

struct net_reactor *network_place(struct network *network, struct net_reactor *reactor)
{
	uint32_t least = ck_pr_load_32(&reactor->load);

	if (least < HALF_A_CORE)
		return reactor;
	for (uint32_t i = 0; i < network->reactor_count; i++) {
		uint32_t load = ck_pr_load_32(&network->reactors[i]->load);
		if (load < least) {
			least = load;
			reactor = network->reactors[i];
		}
	}
	return reactor;
}
