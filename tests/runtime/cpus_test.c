/* How many processors there are for us, in the layouts of control groups that systems and
 * containers come with. */
#include "runtime/cpus.h"

#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <criterion/criterion.h>

static char root[] = "/tmp/noh-cpus-XXXXXX";

static void make_root(void)
{
	cr_assert_not_null(mkdtemp(root));
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
	(void)stat;
	(void)type;
	(void)walk;
	return remove(path);
}

static void remove_root(void)
{
	nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(cpus, .init = make_root, .fini = remove_root);

static void put(const char *path, const char *text)
{
	char name[512];

	snprintf(name, sizeof name, "%s%s", root, path);
	for (char *slash = name + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(name, 0700);
		*slash = '/';
	}
	FILE *file = fopen(name, "w");
	cr_assert_not_null(file, "%s", name);
	fputs(text, file);
	fclose(file);
}

static void be_in_version_2(const char *group)
{
	char line[256];

	snprintf(line, sizeof line, "0::%s\n", group);
	put("/proc/self/cgroup", line);
	put("/proc/self/mountinfo",
	    "22 28 0:21 / /proc rw,nosuid shared:12 - proc proc rw\n"
	    "32 24 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
}

static void be_in_version_1(const char *group, const char *inside)
{
	char line[512];

	snprintf(line, sizeof line, "11:memory:/elsewhere\n4:cpu,cpuacct:%s\n1:name=systemd:/\n",
		 group);
	put("/proc/self/cgroup", line);
	snprintf(line, sizeof line,
		 "30 24 0:25 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
		 "33 24 0:29 %s /sys/fs/cgroup/cpu,cpuacct rw shared:10 - cgroup cgroup "
		 "rw,cpu,cpuacct\n",
		 inside);
	put("/proc/self/mountinfo", line);
}

Test(cpus, are_not_limited_without_control_groups)
{
	cr_expect_eq(cpus_granted(root), 0);
}

Test(cpus, are_limited_by_the_own_group)
{
	be_in_version_2("/");
	put("/sys/fs/cgroup/cpu.max", "300000 100000\n");

	cr_expect_eq(cpus_granted(root), 3);
}

Test(cpus, are_counted_up_to_whole_ones)
{
	be_in_version_2("/");

	put("/sys/fs/cgroup/cpu.max", "150000 100000\n");
	cr_expect_eq(cpus_granted(root), 2);
	put("/sys/fs/cgroup/cpu.max", "1000 100000\n");
	cr_expect_eq(cpus_granted(root), 1);
}

Test(cpus, are_not_limited_by_max)
{
	be_in_version_2("/a");
	put("/sys/fs/cgroup/a/cpu.max", "max 100000\n");

	cr_expect_eq(cpus_granted(root), 0);
}

Test(cpus, are_limited_by_the_tightest_group_around)
{
	be_in_version_2("/system.slice/noh.service/workers");
	put("/sys/fs/cgroup/system.slice/cpu.max", "200000 100000\n");
	put("/sys/fs/cgroup/system.slice/noh.service/cpu.max", "max 100000\n");
	put("/sys/fs/cgroup/system.slice/noh.service/workers/cpu.max", "400000 100000\n");

	cr_expect_eq(cpus_granted(root), 2);
}

Test(cpus, are_limited_by_version_1_too)
{
	be_in_version_1("/noh", "/");
	put("/sys/fs/cgroup/cpu,cpuacct/noh/cpu.cfs_quota_us", "250000\n");
	put("/sys/fs/cgroup/cpu,cpuacct/noh/cpu.cfs_period_us", "50000\n");

	cr_expect_eq(cpus_granted(root), 5);
}

Test(cpus, are_not_limited_by_minus_one_in_version_1)
{
	be_in_version_1("/", "/");
	put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
	put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");

	cr_expect_eq(cpus_granted(root), 0);
}

Test(cpus, are_limited_in_a_container_that_is_named_from_outside)
{
	be_in_version_1("/docker/0123", "/docker/0123");
	put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "400000\n");
	put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");

	cr_expect_eq(cpus_granted(root), 4);
}

Test(cpus, are_not_limited_by_what_makes_no_sense)
{
	static const char *const texts[] = {"",
					    "\n",
					    "-5 100000\n",
					    "100000 0\n",
					    "100000",
					    "many few\n",
					    "9999999999999999999999 1\n"};

	for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
		be_in_version_2("/");
		put("/sys/fs/cgroup/cpu.max", texts[i]);
		cr_expect_eq(cpus_granted(root), 0, "'%s'", texts[i]);
	}

	put("/proc/self/cgroup", "0:\n:\n\n0::relative\n");
	cr_expect_eq(cpus_granted(root), 0);
	put("/proc/self/mountinfo", "1 - \n - cgroup2\n - cgroup2 x y\n\n");
	cr_expect_eq(cpus_granted(root), 0);
}

Test(cpus, are_at_least_one_and_at_most_those_of_the_mask)
{
	cpu_set_t mask;
	cr_assert_eq(sched_getaffinity(0, sizeof mask, &mask), 0);

	unsigned usable = cpus_usable();

	cr_expect(usable >= 1 && usable <= (unsigned)CPU_COUNT(&mask));
}

Test(cpus, are_one_where_the_mask_has_one)
{
	cpu_set_t mask;
	CPU_ZERO(&mask);
	CPU_SET(sched_getcpu(), &mask);
	cr_assert_eq(sched_setaffinity(0, sizeof mask, &mask), 0);

	cr_expect_eq(cpus_usable(), 1);
}
