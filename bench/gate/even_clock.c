/* A clock for counting instructions: whoever looks at it finds that two microseconds have passed
 * since somebody did. So a runtime that divides its time by it does the same in each run, however
 * busy the machine is, and as if nothing slowed it down. Preloaded; it stands in for that of the C
 * library. */
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

enum { NS_A_LOOK = 2000, NS_A_SECOND = 1000 * 1000 * 1000 };

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *ret_now)
{
	static _Atomic uint64_t looks = NS_A_SECOND / NS_A_LOOK;
	uint64_t now_ns =
		(atomic_fetch_add_explicit(&looks, 1, memory_order_relaxed) + 1) * NS_A_LOOK;

	(void)clock;
	ret_now->tv_sec = (time_t)(now_ns / NS_A_SECOND);
	ret_now->tv_nsec = (long)(now_ns % NS_A_SECOND);
	return 0;
}
