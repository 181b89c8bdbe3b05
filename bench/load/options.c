/* Reads the command line, fills in what was left out, and holds the manual. */
#include "bench/load/options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USAGE_STATUS 2

// What a payload begins with in MQTT mode: publisher, sequence, time.
#define STAMP_BYTES 16

static const char manual[] =
	"noh-load: loads a TCP echo server or a broker (MQTT 3.1.1 or NATS), and measures it\n"
	"\n"
	"  noh-load echo --port P [--connections 50] [--size 64] [--window 1 | --rate R]\n"
	"                [--seconds 5 | --messages N] [--pid PID] [--json]\n"
	"  noh-load mqtt --port P [--topics pairs] [--publishers 50] [--subscribers 50] [--qos 0]\n"
	"                [--size 64] [--window W] [--rate R] [--seconds 5 | --messages N]\n"
	"                [--pid PID] [--json]\n"
	"  noh-load idle --port P --pid PID [--connections 10000] [--seconds 10] [--json]\n"
	"\n"
	"All modes\n"
	"  --host A         the server's IPv4 address (127.0.0.1)\n"
	"  --port P         its port\n"
	"  --pid PID        its process: its processor time and memory are measured\n"
	"  --json           one line of JSON instead of the table\n"
	"\n"
	"echo: each connection sends messages and checks that every byte comes back, in order.\n"
	"\n"
	"mqtt (a server that speaks first is spoken to in NATS's own protocol, at QoS 0 alone):\n"
	"publishers send to subscribers, who count what is lost, duplicated, reordered (per\n"
	"publisher), or not what was sent. Patterns (--topics):\n"
	"  pairs            publisher i to topic i to subscriber i\n"
	"  fanout           one publisher, one topic, all subscribers (--publishers is 1)\n"
	"  fanin            all publishers, one topic, one subscriber (--subscribers is 1)\n"
	"  one              all publishers and all subscribers on one topic\n"
	"  plus             a topic a publisher; all subscribers on all by the wildcard +\n"
	"\n"
	"idle: opens connections with one subscription each (own client id, own filter), and "
	"prints\n"
	"what memory the server took for each, right away and after --seconds, and how often its\n"
	"threads ran meanwhile. Memory is PSS (RSS where the kernel has no smaps_rollup); what "
	"the\n"
	"kernel keeps for a socket is not in it.\n"
	"\n"
	"Load\n"
	"  --size B         bytes of a message; in mqtt its payload, 16 at least (64)\n"
	"  --window W       closed loop: W messages in flight at a time, per connection or "
	"publisher.\n"
	"                   In flight is, in echo, what has not come back; in mqtt at QoS 0 what "
	"was\n"
	"                   published and has not reached all its subscribers; at QoS 1 and 2 "
	"what\n"
	"                   is not acknowledged yet (PUBACK, PUBCOMP). (echo 1; QoS 0 64, else "
	"16)\n"
	"  --rate R         fixed rate: R messages a second in all, each at its own scheduled "
	"time,\n"
	"                   spread evenly over the senders. What could not be sent in time is sent "
	"as\n"
	"                   soon as possible, and latency counts from the scheduled time, so a "
	"slow\n"
	"                   server cannot hide by slowing the load. At QoS 1 and 2 --window still\n"
	"                   bounds what is unacknowledged (65535).\n"
	"  --gather US      closed loop: let US microseconds of traffic gather before each look at "
	"the\n"
	"                   sockets; lowers this program's processor time where a server answers "
	"in\n"
	"                   small pieces, and adds as much to latencies (0)\n"
	"  --seconds S      how long messages are sent; all that is in flight is then waited for\n"
	"  --messages N     ends after N messages in all instead\n"
	"\n"
	"The report\n"
	"  Latency is from sending (or the scheduled time) to the receiver's having read it, in\n"
	"  microseconds; its values are at most 1 percent too high. \"Sent late\" is how far "
	"behind its\n"
	"  schedule this program was; if that is not small against the latencies, it is the load "
	"that\n"
	"  is too slow. Processor time is counted from the first message to the last, all threads "
	"of\n"
	"  the server, in seconds per million messages received; its split in user and system is "
	"in\n"
	"  the kernel's steps of 10 ms. A run whose receivers see nothing for 5 s ends as it is.\n"
	"\n"
	"Exit status: 0 all well; 1 the run failed, or messages were lost, duplicated, reordered "
	"or\n"
	"damaged; 2 wrong usage; 77 the server does not do what was asked for.\n";

const char *const options_topics_names[] = {
	[TOPICS_PAIRS] = "pairs", [TOPICS_ONE] = "one",   [TOPICS_FANOUT] = "fanout",
	[TOPICS_FANIN] = "fanin", [TOPICS_PLUS] = "plus",
};

#define TOPICS_COUNT (sizeof(options_topics_names) / sizeof(options_topics_names[0]))

enum option_name {
	OPTION_HELP = 1,
	OPTION_HOST,
	OPTION_PORT,
	OPTION_PID,
	OPTION_SECONDS,
	OPTION_MESSAGES,
	OPTION_SIZE,
	OPTION_WINDOW,
	OPTION_RATE,
	OPTION_GATHER,
	OPTION_CONNECTIONS,
	OPTION_PUBLISHERS,
	OPTION_SUBSCRIBERS,
	OPTION_TOPICS,
	OPTION_QOS,
	OPTION_JSON,
};

#define IN(mode) (1u << (mode))
#define ANYWHERE (IN(MODE_ECHO) | IN(MODE_MQTT) | IN(MODE_IDLE))

static const struct option long_options[] = {
	{"help", no_argument, NULL, OPTION_HELP},
	{"host", required_argument, NULL, OPTION_HOST},
	{"port", required_argument, NULL, OPTION_PORT},
	{"pid", required_argument, NULL, OPTION_PID},
	{"seconds", required_argument, NULL, OPTION_SECONDS},
	{"messages", required_argument, NULL, OPTION_MESSAGES},
	{"size", required_argument, NULL, OPTION_SIZE},
	{"window", required_argument, NULL, OPTION_WINDOW},
	{"rate", required_argument, NULL, OPTION_RATE},
	{"gather", required_argument, NULL, OPTION_GATHER},
	{"connections", required_argument, NULL, OPTION_CONNECTIONS},
	{"publishers", required_argument, NULL, OPTION_PUBLISHERS},
	{"subscribers", required_argument, NULL, OPTION_SUBSCRIBERS},
	{"topics", required_argument, NULL, OPTION_TOPICS},
	{"qos", required_argument, NULL, OPTION_QOS},
	{"json", no_argument, NULL, OPTION_JSON},
	{0},
};

static const unsigned allowed_in[] = {
	[OPTION_HELP] = ANYWHERE,
	[OPTION_HOST] = ANYWHERE,
	[OPTION_PORT] = ANYWHERE,
	[OPTION_PID] = ANYWHERE,
	[OPTION_SECONDS] = ANYWHERE,
	[OPTION_MESSAGES] = IN(MODE_ECHO) | IN(MODE_MQTT),
	[OPTION_SIZE] = IN(MODE_ECHO) | IN(MODE_MQTT),
	[OPTION_WINDOW] = IN(MODE_ECHO) | IN(MODE_MQTT),
	[OPTION_RATE] = IN(MODE_ECHO) | IN(MODE_MQTT),
	[OPTION_GATHER] = IN(MODE_ECHO) | IN(MODE_MQTT),
	[OPTION_CONNECTIONS] = IN(MODE_ECHO) | IN(MODE_IDLE),
	[OPTION_PUBLISHERS] = IN(MODE_MQTT),
	[OPTION_SUBSCRIBERS] = IN(MODE_MQTT),
	[OPTION_TOPICS] = IN(MODE_MQTT),
	[OPTION_QOS] = IN(MODE_MQTT),
	[OPTION_JSON] = ANYWHERE,
};

__attribute__((format(printf, 1, 2), noreturn)) static void wrong(const char *format, ...)
{
	va_list arguments;

	fputs("noh-load: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputs(" (noh-load --help tells all)\n", stderr);
	exit(USAGE_STATUS);
}

static double number(const char *name, const char *text, double least, double most, bool whole)
{
	char *end;

	errno = 0;
	double value = strtod(text, &end);
	if (errno || end == text || *end || !(value >= least && value <= most) ||
	    (whole && value != (double)(uint64_t)value))
		wrong("--%s takes a %snumber from %.15g to %.15g, not '%s'", name,
		      whole ? "whole " : "", least, most, text);
	return value;
}

static enum topics topics_named(const char *text)
{
	for (unsigned topics = 0; topics < TOPICS_COUNT; topics++)
		if (strcmp(text, options_topics_names[topics]) == 0)
			return topics;
	wrong("--topics is pairs, fanout, fanin, one or plus, not '%s'", text);
}

static enum mode mode_named(const char *text)
{
	if (strcmp(text, "echo") == 0)
		return MODE_ECHO;
	if (strcmp(text, "mqtt") == 0)
		return MODE_MQTT;
	if (strcmp(text, "idle") == 0)
		return MODE_IDLE;
	if (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0 || strcmp(text, "help") == 0) {
		fputs(manual, stdout);
		exit(0);
	}
	wrong("the mode is echo, mqtt or idle, not '%s'", text);
}

static void take(struct options *options, const struct option *option, const char *text)
{
	const char *name = option->name;

	switch ((enum option_name)option->val) {
	case OPTION_HELP:
		fputs(manual, stdout);
		exit(0);
	case OPTION_HOST:
		options->host = text;
		break;
	case OPTION_PORT:
		options->port = (unsigned)number(name, text, 1, 65535, true);
		break;
	case OPTION_PID:
		options->pid = (pid_t)number(name, text, 1, 4194304, true);
		break;
	case OPTION_SECONDS:
		options->seconds = number(name, text, 0.001, 1e6, false);
		break;
	case OPTION_MESSAGES:
		options->messages = (uint64_t)number(name, text, 1, 4e9, true);
		break;
	case OPTION_SIZE:
		options->size = (unsigned)number(name, text, 1, 1 << 20, true);
		break;
	case OPTION_WINDOW:
		options->window = (unsigned)number(name, text, 1, 65535, true);
		break;
	case OPTION_RATE:
		options->rate = number(name, text, 0.001, 1e8, false);
		break;
	case OPTION_GATHER:
		options->gather_us = (unsigned)number(name, text, 0, 100000, true);
		break;
	case OPTION_CONNECTIONS:
		options->connections = (unsigned)number(name, text, 1, 1e6, true);
		break;
	case OPTION_PUBLISHERS:
		options->publishers = (unsigned)number(name, text, 1, 1e5, true);
		break;
	case OPTION_SUBSCRIBERS:
		options->subscribers = (unsigned)number(name, text, 1, 1e5, true);
		break;
	case OPTION_TOPICS:
		options->topics = topics_named(text);
		break;
	case OPTION_QOS:
		options->qos = (unsigned)number(name, text, 0, 2, true);
		break;
	case OPTION_JSON:
		options->json = true;
		break;
	}
}

static void complete_mqtt(struct options *options)
{
	unsigned publishers = options->publishers, subscribers = options->subscribers;

	if (options->topics == TOPICS_FANOUT && publishers > 1)
		wrong("fanout has one publisher; for more use --topics one");
	if (options->topics == TOPICS_FANIN && subscribers > 1)
		wrong("fanin has one subscriber; for more use --topics one");

	unsigned either = publishers ? publishers : subscribers ? subscribers : 50;
	bool pairs = options->topics == TOPICS_PAIRS;
	if (!publishers)
		options->publishers = options->topics == TOPICS_FANOUT ? 1 : pairs ? either : 50;
	if (!subscribers)
		options->subscribers = options->topics == TOPICS_FANIN ? 1 : pairs ? either : 50;
	if (pairs && options->publishers != options->subscribers)
		wrong("pairs needs as many publishers as subscribers");
	if ((uint64_t)options->publishers * options->subscribers > 10000000 && !pairs)
		wrong("more than 10,000,000 ways from a publisher to a subscriber");
	if (options->size < STAMP_BYTES)
		wrong("an MQTT payload needs --size %d at least for its stamp", STAMP_BYTES);

	if (!options->window && options->qos == 0)
		options->window = 64;
	else if (!options->window)
		options->window = options->rate > 0 ? 65535 : 16;
}

static void complete(struct options *options)
{
	if (!options->port)
		wrong("--port is missing");
	options->server.sin_family = AF_INET;
	options->server.sin_port = htons((uint16_t)options->port);
	if (inet_pton(AF_INET, options->host, &options->server.sin_addr) != 1)
		wrong("--host takes an IPv4 address, not '%s'", options->host);

	if (options->seconds > 0 && options->messages)
		wrong("--seconds and --messages both end the run: give one");
	if (!options->messages && options->seconds == 0)
		options->seconds = options->mode == MODE_IDLE ? 10 : 5;
	if (!options->size)
		options->size = 64;

	if (options->rate > 0 && options->gather_us)
		wrong("--gather would make a fixed rate late");

	switch (options->mode) {
	case MODE_ECHO:
		if (options->rate > 0 && options->window)
			wrong("--window is a closed loop and --rate is not: give one");
		if (!options->window)
			options->window = 1;
		if (!options->connections)
			options->connections = 50;
		break;
	case MODE_MQTT:
		if (options->rate > 0 && options->window && options->qos == 0)
			wrong("--window at QoS 0 is a closed loop and --rate is not: give one");
		complete_mqtt(options);
		break;
	case MODE_IDLE:
		if (!options->connections)
			options->connections = 10000;
		if (!options->pid)
			wrong("--pid is missing: idle measures the server's memory");
		break;
	}
}

void options_read(struct options *ret_options, int count, char **words)
{
	struct options options = {.host = "127.0.0.1"};
	int found, index = 0;

	if (count < 2)
		wrong("the mode is missing: echo, mqtt or idle");
	options.mode = mode_named(words[1]);

	opterr = 0;
	optind = 2;
	while ((found = getopt_long(count, words, ":", long_options, &index)) != -1) {
		if (found == '?')
			wrong("no option is called '%s'", words[optind - 1]);
		if (found == ':')
			wrong("%s needs a value", words[optind - 1]);
		if (!(allowed_in[found] & IN(options.mode)))
			wrong("--%s has no meaning in mode %s", long_options[index].name, words[1]);
		take(&options, &long_options[index], optarg);
	}
	if (optind < count)
		wrong("'%s' is not an option", words[optind]);
	complete(&options);
	*ret_options = options;
}
