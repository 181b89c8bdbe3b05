/* Names the fiber that overflowed its stack, before the process ends. Knows no actors: an owner is
 * a number. */
#ifndef NOH_RUNTIME_OVERFLOW_H
#define NOH_RUNTIME_OVERFLOW_H

#include <stddef.h>
#include <stdint.h>

/* From now on a fault in the guard of a fiber's stack calls `report` with the owner's tag and
 * the size of the stack, inside
 * the handler of SIGSEGV (so write() may be used, printf() not); after that the process ends as it
 * would have. All other faults, and what follows the report, go to the handler that was there
 * before. Installed once a process; later calls only change `report`. */
void overflow_watch(void (*report)(uint64_t tag, size_t stack_bytes));

/* Gives the calling thread an alternate signal stack if it has none, without which there is no
 * stack to report an overflow on. It is freed when the thread ends. For every thread that runs
 * fibers; more than once does no harm. */
void overflow_watch_thread(void);

#endif
