/* Drop callbacks: a jump buffer around each, in the frame of its call. */
#include "mailbox/drop.h"

#include <stddef.h>

_Thread_local jmp_buf *running_drop;

void call_drop(void (*drop)(void *argument), void *argument)
{
	jmp_buf *outer = running_drop;
	jmp_buf here;

	running_drop = &here;
	if (!_setjmp(here))
		drop(argument);
	running_drop = outer;
}
