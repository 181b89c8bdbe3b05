/*
 * The reactor: where a worker waits for the network and for time. Polls, runs the commands that
 * actors send it, expires timers. Knows no connections: what a command or a deadline does, its
 * owner says.
 */
#ifndef NET_REACTOR_H
#define NET_REACTOR_H

#include "mailbox/pool.h"
#include "net/network.h"
#include "net/poller.h"
#include "runtime/runtime.h"
#include "timers/timekeeper.h"

// Something that actors ask of a reactor: bits, which meet in one word until the reactor takes them
// all at once. Embedded in what they are about.
struct command {
	struct command *next;
	uint32_t asked;
	/* The holder of the reactor. */
	void (*run)(struct command *command, uint32_t asked);
};

// Something that is to happen later, in the reactor. All zero but for `passed`. Holder only.
struct deadline {
	struct wheel_entry entry;
	void (*passed)(struct deadline *deadline);
};

// A socket of this reactor's. Embedded in what it belongs to.
struct open_socket {
	struct command command;
	struct open_socket *next, **link;
};

// What the reactor itself asks of a socket by its command, without counting it as under way.
enum {
	// The reactor ends: close at once, whatever has not been sent yet.
	ASK_ABANDON = 1 << 29,
	// It is closed, and nobody is being told anything: the reactor's reference is to go.
	ASK_FORGET = 1 << 30,
};

struct net_reactor {
	struct reactor base;
	struct network *network;
	struct noh_runtime *runtime;
	struct poller *poller;

	// Holder only.
	_Alignas(CACHE_LINE) uint64_t now_ns; // as of this poll
	struct wheel deadlines;               // in milliseconds
	struct open_socket *open;
	struct open_socket *done; // closed in this poll
	uint64_t looked_ns;       // when it looked at the network last
	uint64_t window_began_ns, window_busy_ns;

	// Written by whoever asks.
	_Alignas(CACHE_LINE) void *commands; // newest first

	// Written by the holder, read by all.
	_Alignas(CACHE_LINE)
		uint32_t load; // the share of its thread that this reactor takes: of 1024

	struct timekeeper keeper;
};

/* Takes the poller. */
struct net_reactor *net_reactor_create(struct network *network, struct worker *home,
				       struct poller *poller);

static inline struct net_reactor *net_reactor_of(struct reactor *reactor)
{
	return (struct net_reactor *)reactor;
}

/* The reactor of the running worker, or NULL. */
struct net_reactor *net_reactor_here(void);

/* Any thread. Adds bits to what the command asks. True if it was not on its way yet: then it is
 * now, and must stay until it has run. */
bool reactor_ask(struct net_reactor *reactor, struct command *command, uint32_t what);

/* Holder. Moves a deadline; never early. */
void reactor_expect(struct net_reactor *reactor, struct deadline *deadline, int64_t ms);
/* Harmless when it is not expected. */
void reactor_forget(struct deadline *deadline);

/* Holder. From the first to the second the reactor knows a socket; its end waits for the second. */
void reactor_opened(struct net_reactor *reactor, struct open_socket *open);
void reactor_closed(struct net_reactor *reactor, struct open_socket *open);

#endif
