/* Reads the command line, fills in what it leaves out, and prints the manual. */
#include "broker/options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USAGE_STATUS = 2, HELP = 'h', REFUSE_FILTER = 'r', NUMBER = 1000 };

/* An option whose value is a number. */
struct number {
	const char *name;
	const char *help; // what follows the number's name, with its unit
	int64_t least;
	int64_t most;
	int64_t value; // the default, until another is given
};

enum {
	PORT,
	WORKERS,
	PACKET_BYTES,
	TOPIC_BYTES,
	CLIENT_ID_BYTES,
	QUEUE_MESSAGES,
	QUEUE_BYTES,
	IN_FLIGHT,
	RETAINED,
	SUBSCRIPTIONS,
	SESSIONS,
	SESSION_SECONDS,
	CONNECT_TIMEOUT_MS,
	KEEP_ALIVE_PERCENT,
	LOG_LINES,
	NUMBERS,
};

static struct number numbers[NUMBERS] = {
	[PORT] = {"port", "on 127.0.0.1; 0 takes any free one", 0, 65535, 1883},
	[WORKERS] = {"workers", "threads; 0 takes one a processor", 0, ROUTERS_MOST, 0},
	[PACKET_BYTES] = {"packet-bytes", "of one packet", 128, 268435455, 1 << 20},
	[TOPIC_BYTES] = {"topic-bytes", "of a topic or a filter", 1, 65535, 1024},
	[CLIENT_ID_BYTES] = {"client-id-bytes", "of a client's name", 23, 65535, 1024},
	[QUEUE_MESSAGES] = {"queue-messages",
			    "that one session may have waiting, beside retained ones", 1, 1 << 30,
			    65536},
	[QUEUE_BYTES] = {"queue-bytes", "of all that it has waiting", 1024, INT64_C(1) << 40,
			 16 << 20},
	[IN_FLIGHT] = {"in-flight", "messages sent to a client and not acknowledged", 1, 65534,
		       1024},
	[RETAINED] = {"retained", "topics that may have a retained message", 0, 1 << 30, 100000},
	[SUBSCRIPTIONS] = {"subscriptions", "that one session may have", 1, 1 << 30, 10000},
	[SESSIONS] = {"sessions", "that may be kept for clients", 0, 1 << 24, 10000},
	[SESSION_SECONDS] = {"session-seconds", "that they are kept without a connection", 0,
			     1 << 30, 3600},
	[CONNECT_TIMEOUT_MS] = {"connect-timeout-ms", "within which CONNECT must come", 1, 1 << 30,
				10000},
	[KEEP_ALIVE_PERCENT] = {"keep-alive-percent",
				"of its keep-alive that a client may be silent", 100, 10000, 150},
	[LOG_LINES] = {"log-lines", "a second about clients that are turned away", 1, 1 << 20, 10},
};

static void print_manual(void)
{
	printf("broker: an MQTT 3.1.1 broker made of actors\n"
	       "\n"
	       "  broker [--port N] [--workers N] [options]\n"
	       "\n");
	for (int i = 0; i < NUMBERS; i++)
		printf("  --%-20s N  %s (%" PRId64 ")\n", numbers[i].name, numbers[i].help,
		       numbers[i].value);
	printf("  --%-20s F  refuses subscriptions to this filter; may be given again\n"
	       "  --%-20s    prints this\n",
	       "refuse-filter", "help");
	printf("\n"
	       "Where a session has as many messages or bytes waiting as it may, newer ones are "
	       "lost to\n"
	       "it. At QoS 1 or 2 it is disconnected then, if it is there, and named in the log, "
	       "if it\n"
	       "is away. A client that wants one session more than may be kept is refused; one "
	       "that was\n"
	       "away for too long finds nothing of its session.\n");
	printf("\nIt prints `listening on 127.0.0.1:PORT` once it accepts, and ends in order on "
	       "SIGINT and\nSIGTERM. All that it keeps is in memory.\n");
}

static bool read_number(struct number *number, const char *text)
{
	char *end;

	errno = 0;
	int64_t value = strtoll(text, &end, 10);
	if (errno || end == text || *end || value < number->least || value > number->most) {
		fprintf(stderr,
			"broker: --%s takes a number from %" PRId64 " to %" PRId64 ", not '%s'\n",
			number->name, number->least, number->most, text);
		return false;
	}
	number->value = value;
	return true;
}

static bool refuse_filter(struct broker_options *options, const char *filter)
{
	const char *fault = topic_filter_fault(span_of(filter), &(struct topic_limits){0});

	if (fault) {
		fprintf(stderr, "broker: --refuse-filter '%s': %s\n", filter, fault);
		return false;
	}
	options->refused_filters =
		resized(options->refused_filters, (size_t)options->refused_count + 1,
			sizeof(*options->refused_filters));
	options->refused_filters[options->refused_count++] = filter;
	return true;
}

static struct limits limits_given(void)
{
	enum { UNSENT_LEAST = 256 * 1024 };
	int64_t packet_bytes = numbers[PACKET_BYTES].value;
	struct limits limits = {
		.packet.packet_bytes = (uint32_t)packet_bytes,
		.packet.client_id_bytes = (uint32_t)numbers[CLIENT_ID_BYTES].value,
		.packet.topic.bytes = (uint32_t)numbers[TOPIC_BYTES].value,
		.outbox.messages = (uint32_t)numbers[QUEUE_MESSAGES].value,
		.outbox.bytes = (uint64_t)numbers[QUEUE_BYTES].value,
		.outbox.in_flight = (uint32_t)numbers[IN_FLIGHT].value,
		.unsent_bytes = UNSENT_LEAST,
		.retained = (uint32_t)numbers[RETAINED].value,
		.subscriptions = (uint32_t)numbers[SUBSCRIPTIONS].value,
		.sessions = (uint32_t)numbers[SESSIONS].value,
		.session_ms = numbers[SESSION_SECONDS].value * 1000,
		.connect_ms = numbers[CONNECT_TIMEOUT_MS].value,
		.keep_alive_percent = numbers[KEEP_ALIVE_PERCENT].value,
		.log_lines = (uint32_t)numbers[LOG_LINES].value,
	};

	// A whole packet on top of what waits must not be more than a connection takes at once.
	if (limits.unsent_bytes < (size_t)packet_bytes / 4)
		limits.unsent_bytes = (size_t)packet_bytes / 4;
	return limits;
}

bool options_read(int argc, char **argv, struct broker_options *ret_options, int *ret_status)
{
	struct option long_options[NUMBERS + 3] = {
		[NUMBERS] = {"refuse-filter", required_argument, NULL, REFUSE_FILTER},
		[NUMBERS + 1] = {"help", no_argument, NULL, HELP},
	};
	int got;

	*ret_options = (struct broker_options){0};
	*ret_status = USAGE_STATUS;
	for (int i = 0; i < NUMBERS; i++)
		long_options[i] =
			(struct option){numbers[i].name, required_argument, NULL, NUMBER + i};

	while ((got = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (got == HELP) {
			print_manual();
			*ret_status = 0;
			return false;
		}
		if (got == '?' || (got == REFUSE_FILTER && !refuse_filter(ret_options, optarg)) ||
		    (got >= NUMBER && !read_number(&numbers[got - NUMBER], optarg)))
			return false;
	}
	if (optind < argc) {
		fprintf(stderr, "broker: '%s' is no option (--help tells all)\n", argv[optind]);
		return false;
	}

	ret_options->port = (uint16_t)numbers[PORT].value;
	ret_options->workers = (uint32_t)numbers[WORKERS].value;
	ret_options->limits = limits_given();
	return true;
}
