/* Reads the environment once for each runtime. */
#include "runtime/environment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/runtime.h"

static int malformed(const char *name, const char *value, const char *wanted)
{
	runtime_log(NULL, NOH_ERROR, "%s=%s: must be %s", name, value, wanted);
	return -EINVAL;
}

static int read_number(const char *name, uint64_t least, uint64_t most, uint64_t *ret_number)
{
	const char *value = getenv(name);
	if (!value || !*value)
		return 0;
	char *end;
	errno = 0;
	uint64_t number = strtoull(value, &end, 0);
	if (errno || *end || strchr(value, '-') || number < least || number > most) {
		runtime_log(NULL, NOH_ERROR, "%s=%s: must be a number from %llu to %llu", name,
			    value, (unsigned long long)least, (unsigned long long)most);
		return -EINVAL;
	}
	*ret_number = number;
	return 0;
}

static int read_level(enum noh_level *level)
{
	static const char *const names[] = {[NOH_DEBUG] = "debug",
					    [NOH_INFO] = "info",
					    [NOH_WARN] = "warn",
					    [NOH_ERROR] = "error",
					    [NOH_SILENT] = "off"};
	const char *value = getenv("NOH_LOG");
	if (!value || !*value)
		return 0;
	for (int i = NOH_DEBUG; i <= NOH_SILENT; i++) {
		if (!strcmp(value, names[i])) {
			*level = (enum noh_level)i;
			return 0;
		}
	}
	return malformed("NOH_LOG", value, "debug, info, warn, error or off");
}

static int read_io(void)
{
	const char *value = getenv("NOH_IO");
	if (!value || !*value || !strcmp(value, "auto") || !strcmp(value, "epoll"))
		return 0;
	if (!strcmp(value, "io_uring"))
		return malformed("NOH_IO", value,
				 "epoll or auto: this version has no io_uring yet");
	return malformed("NOH_IO", value, "epoll or auto");
}

int environment_apply(struct noh_options *options)
{
	uint64_t workers = options->workers, budget = options->budget, trace = trace_on;
	int err;
	if ((err = read_number("NOH_WORKERS", 1, WORKER_LIMIT, &workers)) ||
	    (err = read_number("NOH_BUDGET", 1, BUDGET_LIMIT, &budget)) ||
	    (err = read_number("NOH_TRACE", 0, 1, &trace)) ||
	    (err = read_number("NOH_SEED", 0, UINT64_MAX, &options->seed)) ||
	    (err = read_level(&options->log_level)) || (err = read_io()))
		return err;
	options->workers = (uint32_t)workers;
	options->budget = (uint32_t)budget;
	if (trace_on != trace)
		trace_on = trace; // written only for a change: other runtimes may be reading it
	return 0;
}
