/* Reads /proc and the processor clocks of other processes. */
#include "bench/load/measure.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_ROOM 300

// The sum of the values of all lines that begin with `key`, in the unit that the file uses.
static int sum_of(const char *path, const char *key, uint64_t *sum)
{
	FILE *file = fopen(path, "r");
	char line[512];
	size_t key_size = strlen(key);
	unsigned long long value;

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, key, key_size) == 0 &&
		    sscanf(line + key_size, " %llu", &value) == 1)
			*sum += value;
	fclose(file);
	return 0;
}

static int read_stat(pid_t pid, char *ret_state, uint64_t *ret_user, uint64_t *ret_system)
{
	char path[PATH_ROOM], text[1024];
	unsigned long long user, system;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "r");
	if (!file)
		return -ESRCH;
	size_t size = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[size] = '\0';

	// The name may hold anything, brackets and spaces too: what counts comes after the last.
	char *after_name = strrchr(text, ')');
	if (!after_name ||
	    sscanf(after_name + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
		   ret_state, &user, &system) != 3)
		return -ESRCH;
	*ret_user = user;
	*ret_system = system;
	return 0;
}

int measure_cpu(pid_t pid, struct cpu_time *ret_cpu)
{
	struct cpu_time cpu = {0};
	struct timespec used;
	clockid_t clock;
	char state;

	if (read_stat(pid, &state, &cpu.user_ticks, &cpu.system_ticks) != 0 || state == 'Z' ||
	    clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
		return -ESRCH;
	cpu.total_ns = (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
	*ret_cpu = cpu;
	return 0;
}

int measure_memory(pid_t pid, struct memory *ret_memory)
{
	struct memory memory = {0};
	char path[PATH_ROOM];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (sum_of(path, "VmRSS:", &memory.rss_bytes) != 0 ||
	    sum_of(path, "VmHWM:", &memory.peak_rss_bytes) != 0 || memory.rss_bytes == 0)
		return -ESRCH;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	if (sum_of(path, "Pss:", &memory.pss_bytes) != 0)
		memory.pss_bytes = 0;

	memory.rss_bytes *= 1024;
	memory.peak_rss_bytes *= 1024;
	memory.pss_bytes *= 1024;
	*ret_memory = memory;
	return 0;
}

int measure_context_switches(pid_t pid, uint64_t *ret_switches)
{
	char path[PATH_ROOM];
	uint64_t switches = 0;
	struct dirent *thread;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *threads = opendir(path);
	if (!threads)
		return -ESRCH;
	while ((thread = readdir(threads))) {
		if (thread->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%.20s/status", (int)pid,
			 thread->d_name);
		sum_of(path, "voluntary_ctxt_switches:", &switches);
		sum_of(path, "nonvoluntary_ctxt_switches:", &switches);
	}
	closedir(threads);
	*ret_switches = switches;
	return 0;
}

static struct cpu_time between(struct cpu_time before, struct cpu_time after)
{
	return (struct cpu_time){
		.total_ns = after.total_ns - before.total_ns,
		.user_ticks = after.user_ticks - before.user_ticks,
		.system_ticks = after.system_ticks - before.system_ticks,
	};
}

int meter_start(struct meter *meter, pid_t pid)
{
	*meter = (struct meter){.pid = pid, .started_ns = now_ns()};
	measure_cpu(getpid(), &meter->own);
	return pid ? measure_cpu(pid, &meter->server) : 0;
}

int meter_stop(struct meter *meter)
{
	struct cpu_time own, server;

	meter->passed_ns = now_ns() - meter->started_ns;
	if (measure_cpu(getpid(), &own) == 0)
		meter->own = between(meter->own, own);
	if (!meter->pid)
		return 0;

	int err = measure_cpu(meter->pid, &server);
	if (err)
		return err;
	meter->server = between(meter->server, server);
	return 0;
}
