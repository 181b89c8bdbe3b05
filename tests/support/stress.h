/* What stress programs share: how much work, a check, and an alarm, so that a hang is a failure and
 * leaves a core to look at. */
#ifndef TESTS_SUPPORT_STRESS_H
#define TESTS_SUPPORT_STRESS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { STRESS_SLOWER = 10 };
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
enum { STRESS_SLOWER = 10 };
#else
enum { STRESS_SLOWER = 1 };
#endif
#else
enum { STRESS_SLOWER = 1 };
#endif

/* So many rounds, fewer under a sanitizer, ten times as many with NOH_LONG=1. */
static inline uint64_t stress_rounds(uint64_t usual)
{
	const char *value = getenv("NOH_LONG");
	bool is_long = value && !strcmp(value, "1");
	return (usual / STRESS_SLOWER + 1) * (is_long ? 10 : 1);
}

static inline void stress_hung(int signal_number)
{
	static const char line[] = "hangs\n";
	(void)signal_number;
	if (write(STDERR_FILENO, line, sizeof(line) - 1) < 0)
		_exit(1);
	abort();
}

/* First of all in main(). Who is not done in time hangs. */
static inline void stress_begin(void)
{
	const char *value = getenv("NOH_LONG");
	signal(SIGALRM, stress_hung);
	alarm(value && !strcmp(value, "1") ? 1800 : 240);
}

#define stress_check(truth)                                                         \
	do {                                                                        \
		if (!(truth)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #truth); \
			abort();                                                    \
		}                                                                   \
	} while (0)

#endif
