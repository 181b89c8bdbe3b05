/* Calling what users gave to be called when something is not needed any more. It may be called from
 * anywhere, so a failure in it must go nowhere: it ends the callback, and nothing else. */
#ifndef NOH_MAILBOX_DROP_H
#define NOH_MAILBOX_DROP_H

#include <setjmp.h>

/* Any thread. Calls `drop(argument)`, which must not leave this stack. */
void call_drop(void (*drop)(void *argument), void *argument);

// Where a failure goes while such a callback runs on this thread; else NULL.
extern _Thread_local jmp_buf *running_drop;

#endif
