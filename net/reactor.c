/* Polling: commands, the network, time. */
#include "net/reactor.h"

#include "net/network.h"
#include "runtime/worker.h"

enum {
	WINDOW_NS = 100 * 1000 * 1000, // over which the load is taken
	NS_A_MS = 1000 * 1000,
	WORTH_A_LOOK = 64, // actors that there is room to wake
	LOOK_EVERY_NS = 1000 * 1000,
	ROUNDS_MOST = 10000,  // of a poll of the network in memory
	LAST_WORDS_MS = 4000, // after the wish to end, for bytes that were written and not sent
	LAST_WORDS_LEAST_MS = 200, // however long the actors have taken
};

struct net_reactor *net_reactor_here(void)
{
	struct worker *worker = worker_here();
	return worker ? net_reactor_of(worker->reactor) : NULL;
}

// ---- commands

bool reactor_ask(struct net_reactor *reactor, struct command *command, uint32_t what)
{
	uint32_t asked;

	do
		asked = ck_pr_load_32(&command->asked);
	while (!swap_if_32(&command->asked, asked, asked | what)); // pairs with run_commands()
	if (asked)
		return false;

	do
		command->next = (struct command *)ck_pr_load_ptr(&reactor->commands);
	while (!swap_if(&reactor->commands, command->next, command)); // pairs with run_commands()

	// The worker at home sees it before it parks.
	if (worker_here() != reactor->base.home)
		reactor_wake(&reactor->base);
	return true;
}

static bool has_commands(const struct net_reactor *reactor)
{
	return ck_pr_load_ptr(&reactor->commands) != NULL;
}

static void run_commands(struct net_reactor *reactor)
{
	if (!has_commands(reactor))
		return;

	struct command *newest = exchange(&reactor->commands, NULL); // pairs with reactor_ask()
	struct command *oldest = NULL;
	while (newest) {
		struct command *older = newest->next;
		newest->next = oldest;
		oldest = newest;
		newest = older;
	}
	while (oldest) {
		struct command *command = oldest;
		uint32_t asked;

		oldest = command->next;
		do
			asked = ck_pr_load_32(&command->asked);
		while (!swap_if_32(&command->asked, asked, 0)); // pairs with reactor_ask()
		command->run(command, asked);
	}
}

// ---- deadlines

void reactor_expect(struct net_reactor *reactor, struct deadline *deadline, int64_t ms)
{
	uint64_t now_ms = (reactor->now_ns + NS_A_MS - 1) / NS_A_MS;

	wheel_remove(&deadline->entry);
	deadline->entry.deadline = now_ms + (ms > 0 ? (uint64_t)ms : 0);
	wheel_add(&reactor->deadlines, &deadline->entry);
}

void reactor_forget(struct deadline *deadline)
{
	wheel_remove(&deadline->entry);
}

static void pass_deadlines(struct net_reactor *reactor)
{
	struct wheel_entry *entry;

	while ((entry = wheel_expire(&reactor->deadlines, reactor->now_ns / NS_A_MS))) {
		struct deadline *deadline = (struct deadline *)entry;
		deadline->passed(deadline);
	}
}

// When something is to be done, whatever the network does.
static uint64_t next_time(struct net_reactor *reactor)
{
	uint64_t tick_ns = timekeeper_next_ns(&reactor->keeper);
	uint64_t deadline = wheel_next(&reactor->deadlines);

	if (deadline > UINT64_MAX / NS_A_MS)
		return tick_ns;
	return deadline * NS_A_MS < tick_ns ? deadline * NS_A_MS : tick_ns;
}

// ---- sockets

void reactor_opened(struct net_reactor *reactor, struct open_socket *open)
{
	open->next = reactor->open;
	open->link = &reactor->open;
	if (open->next)
		open->next->link = &open->next;
	reactor->open = open;
}

void reactor_closed(struct net_reactor *reactor, struct open_socket *open)
{
	*open->link = open->next;
	if (open->next)
		open->next->link = open->link;
	open->next = reactor->done;
	reactor->done = open;
}

static void forget_done(struct net_reactor *reactor)
{
	while (reactor->done) {
		struct open_socket *open = reactor->done;
		reactor->done = open->next;
		open->command.run(&open->command, ASK_FORGET);
	}
}

// ---- polling

static void measure(struct net_reactor *reactor, uint64_t busy_since_ns)
{
	uint64_t now_ns = runtime_now_ns(reactor->runtime);
	uint64_t window_ns = now_ns - reactor->window_began_ns;

	reactor->window_busy_ns += now_ns - busy_since_ns;
	if (window_ns < WINDOW_NS)
		return;
	ck_pr_store_32(&reactor->load, (uint32_t)(reactor->window_busy_ns * 1024 / window_ns));
	reactor->window_began_ns = now_ns;
	reactor->window_busy_ns = 0;
}

static void pass_time(struct net_reactor *reactor, uint32_t room)
{
	forget_done(reactor);
	timekeeper_expire(&reactor->keeper, reactor->now_ns, room);
	pass_deadlines(reactor);
	forget_done(reactor);
}

static void do_round(struct net_reactor *reactor, uint32_t room)
{
	run_commands(reactor);
	reactor->poller->ops->tell(reactor->poller, room);
	pass_time(reactor, room);
}

static void poll(struct reactor *base, uint64_t until_ns, uint32_t room)
{
	struct net_reactor *reactor = net_reactor_of(base);
	struct poller *poller = reactor->poller;
	uint64_t began_ns = reactor->now_ns = runtime_now_ns(reactor->runtime);

	if (until_ns > began_ns) {
		uint64_t next_ns = next_time(reactor);
		if (has_commands(reactor) || timekeeper_has_returned(&reactor->keeper))
			until_ns = 0;
		else if (next_ns < until_ns)
			until_ns = next_ns;
	}
	// With a run queue that is nearly full, each look would cost a system call for an event or
	// two; but actors that keep it full by themselves must not shut the network out.
	if (until_ns <= began_ns && room < WORTH_A_LOOK &&
	    began_ns - reactor->looked_ns < LOOK_EVERY_NS) {
		run_commands(reactor);
		pass_time(reactor, room);
		measure(reactor, began_ns);
		return;
	}
	if (room < WORTH_A_LOOK)
		room = WORTH_A_LOOK;
	poller->ops->wait(poller, began_ns, until_ns, room);
	if (until_ns > began_ns)
		began_ns = reactor->now_ns = runtime_now_ns(reactor->runtime);
	reactor->looked_ns = began_ns;

	do_round(reactor, room);
	// In memory nothing takes time: what follows from it belongs to the same instant.
	for (int i = 0; reactor->network->memory && i < ROUNDS_MOST &&
			(has_commands(reactor) || poller->ops->is_ready(poller));
	     i++)
		do_round(reactor, room);
	measure(reactor, began_ns);
}

static void ring(struct reactor *base)
{
	struct poller *poller = net_reactor_of(base)->poller;
	poller->ops->ring(poller);
}

static bool is_asked(struct reactor *base)
{
	struct net_reactor *reactor = net_reactor_of(base);
	return has_commands(reactor) || timekeeper_has_returned(&reactor->keeper);
}

static uint64_t next_deadline(struct reactor *base)
{
	struct net_reactor *reactor = net_reactor_of(base);

	if (has_commands(reactor) || reactor->poller->ops->is_ready(reactor->poller))
		return 0;
	return next_time(reactor);
}

// All actors have ended; what they wrote has a little time left to go out.
static void say_last_words(struct net_reactor *reactor)
{
	struct poller *poller = reactor->poller;
	uint64_t end_ns = reactor->network->end_ns;

	do {
		reactor->now_ns = runtime_now_ns(reactor->runtime);
		run_commands(reactor);
		pass_deadlines(reactor);
		forget_done(reactor);
		if (!reactor->open || reactor->now_ns >= end_ns)
			break;
		uint64_t next_ns = next_time(reactor);
		poller->ops->wait(poller, reactor->now_ns, next_ns < end_ns ? next_ns : end_ns, 64);
		poller->ops->tell(poller, 64);
		forget_done(reactor);
	} while (!reactor->network->memory || has_commands(reactor) ||
		 poller->ops->is_ready(poller));

	while (reactor->open)
		reactor->open->command.run(&reactor->open->command, ASK_ABANDON);
	run_commands(reactor);
	forget_done(reactor);
}

// What the tree has taken to end is taken off: a program that is asked to end does so in a known
// time.
static uint64_t end_of_last_words(struct noh_runtime *runtime)
{
	uint64_t at_least_ns = runtime_now_ns(runtime) + LAST_WORDS_LEAST_MS * (uint64_t)NS_A_MS,
		 until_ns = runtime->ends_since_ns + LAST_WORDS_MS * (uint64_t)NS_A_MS;
	return until_ns > at_least_ns ? until_ns : at_least_ns;
}

static void destroy(struct reactor *base)
{
	struct net_reactor *reactor = net_reactor_of(base);
	struct network *network = reactor->network;

	if (!network->end_ns) { // the first of them
		if (network->ends)
			network->ends(network);
		network->end_ns = end_of_last_words(reactor->runtime);
	}
	say_last_words(reactor);
	timekeeper_finish(&reactor->keeper);
	wheel_finish(&reactor->deadlines);
	reactor->poller->ops->destroy(reactor->poller);
	pool_give(pool_class_of(sizeof(*reactor)), reactor);
}

static const struct reactor_ops ops = {
	.poll = poll,
	.ring = ring,
	.has_commands = is_asked,
	.next_deadline = next_deadline,
	.destroy = destroy,
};

struct net_reactor *net_reactor_create(struct network *network, struct worker *home,
				       struct poller *poller)
{
	struct net_reactor *reactor = pool_take(pool_class_of(sizeof(*reactor)), sizeof(*reactor));
	uint64_t now_ns = runtime_now_ns(home->runtime);

	*reactor = (struct net_reactor){
		.base = {.ops = &ops, .home = home},
		.network = network,
		.runtime = home->runtime,
		.poller = poller,
		.now_ns = now_ns,
		.window_began_ns = now_ns,
	};
	wheel_init(&reactor->deadlines, 0, now_ns / NS_A_MS);
	timekeeper_init(&reactor->keeper, &reactor->base,
			network->memory ? TICK_BITS_EXACT : TICK_BITS, now_ns);
	return reactor;
}
