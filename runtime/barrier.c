/* Barriers on all processors, which Linux has since 4.14. */
#include "runtime/barrier.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <linux/membarrier.h>

static bool membarrier(int command)
{
	return syscall(SYS_membarrier, command, 0, 0) == 0;
}

bool barrier_prepare(void)
{
	return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

bool barrier_everywhere(void)
{
	return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}
