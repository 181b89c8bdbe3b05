/* noh-load: loads a TCP echo server or an MQTT broker and measures it. Knows nothing of Noh, so
 * that it measures any server. */
#include <stdio.h>

#include "bench/load/connection.h"
#include "bench/load/measure.h"
#include "bench/load/modes.h"
#include "bench/load/protocol.h"

int main(int count, char **words)
{
	struct options options;
	struct cpu_time cpu;

	options_read(&options, count, words);
	if (options.pid && measure_cpu(options.pid, &cpu) != 0)
		die("no process has the id %d", (int)options.pid);

	if (options.mode != MODE_ECHO)
		options.protocol = protocol_of(&options.server);
	switch (options.mode) {
	case MODE_ECHO:
		return echo_run(&options);
	case MODE_MQTT:
		return mqtt_run(&options);
	case MODE_IDLE:
		return idle_run(&options);
	}
	return 0;
}
