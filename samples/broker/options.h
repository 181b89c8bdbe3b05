/* The command line of the broker: what it may say, and what it leaves as it is. */
#ifndef BROKER_OPTIONS_H
#define BROKER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/broker.h"

struct broker_options {
	uint16_t port;    // 0: any free one
	uint32_t workers; // 0: as many as the process may use processors
	struct limits limits;
	const char **refused_filters; // memory of malloc()
	uint32_t refused_count;
};

/* Returns true if the broker is to run; else with the status to exit with: the help was asked for
 * and printed, or a mistake was told on stderr. */
bool options_read(int argc, char **argv, struct broker_options *ret_options, int *ret_status);

#endif
