/* Affinity mask and control groups, of both versions, read as the kernel shows them. */
#include "runtime/cpus.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A mounted hierarchy of control groups: `inside` is what of the hierarchy shows at `point`.
struct mount {
	bool is_unified; // version 2
	char inside[PATH_MAX];
	char point[PATH_MAX];
};

// Says whether `word` is in a list parted by commas, as "cpu" in "rw,cpu,cpuacct".
static bool is_listed(const char *list, const char *word)
{
	size_t length = strlen(word);

	while (list) {
		if (strncmp(list, word, length) == 0 &&
		    (list[length] == ',' || list[length] == '\0'))
			return true;
		list = strchr(list, ',');
		list += list != NULL;
	}
	return false;
}

static void cut_at_newline(char *line)
{
	line[strcspn(line, "\n")] = '\0';
}

// A line of mountinfo: id, parent, device, inside, point, options, any number of tags, "-", type,
// source, options.
static bool parse_mount(char *line, struct mount *ret_mount)
{
	char type[32], options[1024] = "";
	const char *tail = strstr(line, " - ");

	if (!tail || sscanf(tail, " - %31s %*s %1023s", type, options) < 1)
		return false;
	if (sscanf(line, "%*s %*s %*s %4095s %4095s", ret_mount->inside, ret_mount->point) != 2)
		return false;

	ret_mount->is_unified = strcmp(type, "cgroup2") == 0;
	return ret_mount->is_unified || (strcmp(type, "cgroup") == 0 && is_listed(options, "cpu"));
}

// Finds the process's group in the hierarchy. Lines are number:controllers:path; version 2 has no
// controllers there.
static bool find_group(const char *root, bool is_unified, char *ret_group)
{
	char name[PATH_MAX], line[PATH_MAX + 256];
	bool found = false;

	snprintf(name, sizeof name, "%s/proc/self/cgroup", root);
	FILE *file = fopen(name, "re");
	if (!file)
		return false;

	while (!found && fgets(line, sizeof line, file)) {
		cut_at_newline(line);
		char *controllers = strchr(line, ':');
		char *path = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!path || path[1] != '/')
			continue;
		*controllers++ = '\0';
		*path++ = '\0';
		found = is_unified ? strcmp(line, "0") == 0 && *controllers == '\0'
				   : is_listed(controllers, "cpu");
		if (found)
			snprintf(ret_group, PATH_MAX, "%s", path);
	}
	fclose(file);
	return found;
}

static bool read_line(const char *folder, const char *name, char *ret_line, int size)
{
	char path[4 * PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	bool ok = fgets(ret_line, size, file) != NULL;
	fclose(file);
	return ok;
}

// The limit that a single group sets, in processors; 0: none.
static unsigned limit_of(const char *folder, bool is_unified)
{
	char line[64];
	long long quota = 0, period = 0;

	if (is_unified) {
		// "max 100000" has no number to begin with.
		if (!read_line(folder, "cpu.max", line, sizeof line) ||
		    sscanf(line, "%lld %lld", &quota, &period) != 2)
			return 0;
	} else {
		if (read_line(folder, "cpu.cfs_quota_us", line, sizeof line))
			quota = strtoll(line, NULL, 10); // -1: no limit
		if (read_line(folder, "cpu.cfs_period_us", line, sizeof line))
			period = strtoll(line, NULL, 10);
	}
	if (quota <= 0 || period <= 0 || quota / period >= INT_MAX)
		return 0;
	return (unsigned)(quota / period + (quota % period != 0));
}

static unsigned smaller_limit(unsigned a, unsigned b)
{
	if (a == 0 || b == 0)
		return a + b;
	return a < b ? a : b;
}

// A group lives within the limits of those around it, as far as the mount shows them.
static unsigned granted_in(const char *root, const struct mount *mount)
{
	char group[PATH_MAX], folder[3 * PATH_MAX];
	const char *below = group;
	unsigned limit = 0;

	if (!find_group(root, mount->is_unified, group))
		return 0;
	// In a container the mount may begin at its group, while the group is named as from
	// outside.
	size_t hidden = strcmp(mount->inside, "/") == 0 ? 0 : strlen(mount->inside);
	if (strncmp(group, mount->inside, hidden) == 0 &&
	    (group[hidden] == '/' || group[hidden] == '\0'))
		below = group + hidden;
	else
		below = "";

	size_t shortest = (size_t)snprintf(folder, sizeof folder, "%s%s", root, mount->point);
	snprintf(folder + shortest, sizeof folder - shortest, "%s", below);
	for (;;) {
		limit = smaller_limit(limit, limit_of(folder, mount->is_unified));
		char *last = strrchr(folder + shortest, '/');
		if (!last)
			return limit;
		*last = '\0';
	}
}

unsigned cpus_granted(const char *root)
{
	char name[PATH_MAX];
	struct mount mount;
	char *line = NULL;
	size_t size = 0;
	unsigned limit = 0;

	snprintf(name, sizeof name, "%s/proc/self/mountinfo", root);
	FILE *file = fopen(name, "re");
	if (!file)
		return 0;
	while (getline(&line, &size, file) > 0) {
		cut_at_newline(line);
		if (parse_mount(line, &mount))
			limit = smaller_limit(limit, granted_in(root, &mount));
	}
	free(line);
	fclose(file);
	return limit;
}

static unsigned cpus_in_mask(void)
{
	// The kernel refuses a mask that is smaller than its own.
	for (int most = 1024; most <= 1 << 20; most *= 2) {
		cpu_set_t *mask = CPU_ALLOC(most);
		if (!mask)
			break;
		size_t size = CPU_ALLOC_SIZE(most);
		int refused = sched_getaffinity(0, size, mask) < 0 ? errno : 0;
		int count = refused ? 0 : CPU_COUNT_S(size, mask);
		CPU_FREE(mask);
		if (refused != EINVAL)
			return count > 0 ? (unsigned)count : 1;
	}
	return 1;
}

unsigned cpus_usable(void)
{
	return smaller_limit(cpus_in_mask(), cpus_granted(""));
}
