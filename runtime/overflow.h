/* Names the actor that overflowed a stack, before the process ends: a fiber's own, or that of the
 * thread, on which handlers run. Knows no actors: an owner is a number. */
#ifndef NOH_RUNTIME_OVERFLOW_H
#define NOH_RUNTIME_OVERFLOW_H

#include <stddef.h>
#include <stdint.h>

/* The guard that a thread should be given below its stack. */
enum { OVERFLOW_GUARD_BYTES = 64 << 10 };

enum overflow_of { OVERFLOW_OF_FIBER, OVERFLOW_OF_THREAD };

/* From now on a fault in the guard of a fiber's stack, or of that of a thread that is watched,
 * calls `report` with the owner's tag and the size of the stack, inside the handler of SIGSEGV (so
 * write() may be used, printf() not); after that the process ends as it would have. All other
 * faults, and what follows the report, go to the handler that was there before. Installed once a
 * process; later calls only change `report`. */
typedef void (*overflow_fn)(enum overflow_of, uint64_t tag, size_t stack_bytes);
void overflow_watch(overflow_fn report);

/* Gives the calling thread an alternate signal stack if it has none, without which there is no
 * stack to report an overflow on. It is freed when the thread ends. For every thread that runs
 * fibers; more than once does no harm. The owner of the thread's own stack is read from `owner` at
 * the fault, 0: nobody; until the next call, which may say NULL. */
void overflow_watch_thread(const uint64_t *owner);

#endif
