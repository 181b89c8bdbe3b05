/* The table of all workloads. */
#include "bench/conversations.h"
#include "bench/fibers.h"
#include "bench/lives.h"
#include "bench/publish.h"
#include "bench/restarts.h"
#include "bench/sleeps.h"
#include "bench/streams.h"

const struct workload workloads[] = {
	{"pingpong", "message", 60000000, true, run_pingpong,
	 "2 actors throw a ball to and fro, or --tokens balls"},
	{"pairs", "message", 60000000, true, run_pairs, "--tokens pairs do so, a ball each"},
	{"ring", "message", 50000000, true, run_ring,
	 "a token, or --tokens of them, goes round 1,000 actors"},
	{"counting", "message", 60000000, false, run_counting, "1 producer sends to 1 counter"},
	{"fanin", "message", 50000000, false, run_fanin, "100 producers send to 1 counter"},
	{"forkjoin", "message", 50000000, false, run_forkjoin,
	 "1 producer sends to 60 actors in turn"},
	{"spawn", "life", 5000000, false, run_spawn,
	 "actors are born, get one message and end, each seen by its parent"},
	{"skynet", "leaf", 2000000, false, run_skynet,
	 "a tree with 10 children a node adds up the numbers of its leaves"},
	{"big", "message", 40000000, false, run_big,
	 "120 actors ping random others, who answer; both count as messages"},
	{"idle", "actor", 1000000, false, run_idle,
	 "actors with 8 bytes of state that got one message and do nothing: their memory"},
	{"restart", "restart", 1000000, false, run_restart,
	 "so many children of one supervisor fail, each once, and start again"},
	{"timers", "sleep", 500000, false, run_timers,
	 "actors sleep 1 to 1000 ms, once each: processor time, and how late they wake"},
	{"cancel", "timer", 10000000, false, run_cancel,
	 "1 actor sets timers and cancels them, 50 at a time"},
	{"fibers", "message", 20000000, false, run_fibers,
	 "2 fibers throw a ball to and fro: a message, and a switch between two stacks"},
	{"waiting", "fiber", 100000, false, run_waiting,
	 "fibers that got one message and wait for the next: their memory"},
	{"publish", "message", 10000000, true, run_publish,
	 "1 actor publishes messages with 1 KB of text to a group, --tokens members strong"},
};

const size_t workload_count = sizeof(workloads) / sizeof(workloads[0]);
