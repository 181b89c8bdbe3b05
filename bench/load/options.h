/* The command line of noh-load, read and checked; knows nothing of how a mode works. */
#ifndef BENCH_LOAD_OPTIONS_H
#define BENCH_LOAD_OPTIONS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct protocol;

enum mode { MODE_ECHO, MODE_MQTT, MODE_IDLE };

enum topics {
	TOPICS_PAIRS,  // publisher i -> topic i -> subscriber i
	TOPICS_ONE,    // everybody on one topic
	TOPICS_FANOUT, // one publisher to all subscribers
	TOPICS_FANIN,  // all publishers to one subscriber
	TOPICS_PLUS,   // a topic a publisher, every subscriber on all of them by a wildcard
};

struct options {
	enum mode mode;
	struct sockaddr_in server;
	const char *host;
	unsigned port;
	pid_t pid;      // 0: the server's processor time and memory are not measured
	double seconds; // 0: --messages ends the run
	uint64_t messages;
	unsigned size;
	unsigned window;
	double rate; // messages a second in all; 0: closed loop
	unsigned gather_us;
	unsigned connections;
	unsigned publishers, subscribers;
	enum topics topics;
	unsigned qos;
	bool json;
	const struct protocol *protocol; // what the server turned out to speak
};

extern const char *const options_topics_names[];

/* Exits with status 2 and a sentence where something is wrong, with 0 after --help. */
void options_read(struct options *ret_options, int count, char **words);

#endif
