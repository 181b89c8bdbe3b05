/* An MQTT 3.1.1 broker made of actors: reads its options, starts the actors, and listens.
 *
 *	build/release/bin/broker &
 *	mosquitto_sub -t 'weather/#' -v &
 *	mosquitto_pub -t weather/kyoto -m 'clear, 21 degrees'
 *
 * Where to read on: messages.h tells who says what to whom; then connection.c, router.c, session.c
 * and directory.c, each an actor. The other files know no actors: what packets look like, which
 * filters match a topic, what waits for a client. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <noh/noh.h>

#include "broker/connection.h"
#include "broker/options.h"
#include "broker/parts.h"

/* What all actors know, written before there are clients; see broker.h. */
static struct broker broker;

static struct broker_options options;

/* The root: ends when the process is asked to. */
static int serve(void *unused)
{
	struct connection fresh = {.broker = &broker};
	noh_actor listener;
	int err;

	(void)unused;
	noh_log_dead_letters();
	parts_start(&broker);
	err = noh_tcp_listen(&listener, .address = "127.0.0.1", .port = options.port,
			     .serve = &connection_actor, .state = &fresh,
			     .options = {.unsent_limit = options.limits.unsent_bytes,
					 .credit = NOH_CREDIT_BY_HAND});
	if (err) {
		fprintf(stderr, "broker: cannot listen on 127.0.0.1:%u: %s\n", options.port,
			strerror(-err));
		return 1;
	}
	printf("listening on 127.0.0.1:%d\n", noh_tcp_port(listener));
	fflush(stdout);

	noh_wait_for_stop();
	noh_subscribe_dead_letters(NOH_NOBODY); // from here on all are on their way out
	return 0;
}

int main(int argc, char **argv)
{
	int status;

	if (!options_read(argc, argv, &options, &status))
		return status;
	broker.limits = options.limits;
	broker.refused_filters = options.refused_filters;
	broker.refused_count = options.refused_count;
	if (getrandom(&broker.key, sizeof(broker.key), 0) != sizeof(broker.key)) {
		fprintf(stderr, "broker: no random numbers to be had\n");
		return 1;
	}
	status = noh_run(serve, NULL, .workers = options.workers, .name = "broker");
	free(options.refused_filters);
	return status;
}
