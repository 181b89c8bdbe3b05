/* The buffer that reads go into. */
#include "net/intake.h"

void intake_renew(struct intake *intake, uint32_t size)
{
	if (intake->buffer)
		buffer_release(intake->buffer);
	intake->buffer = buffer_create(size > INTAKE_BYTES ? size : INTAKE_BYTES);
}

void intake_finish(struct intake *intake)
{
	if (intake->buffer)
		buffer_release(intake->buffer);
	intake->buffer = NULL;
}
