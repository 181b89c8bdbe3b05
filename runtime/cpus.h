/* How many processors the process may keep busy. Knows no workers. */
#ifndef NOH_RUNTIME_CPUS_H
#define NOH_RUNTIME_CPUS_H

/* At least 1: the processors of the affinity mask, or fewer if a control group grants less time
 * than they have (1.5 processors count as 2). */
unsigned cpus_usable(void);

/* What the control groups grant, and those around them; 0 if they set no limit. Reads /proc and
 * /sys below `root`, which is "" for the machine's own. What is missing there or cannot be
 * understood is no limit. */
unsigned cpus_granted(const char *root);

#endif
