/* The buffer that reads go into. */
#include "net/intake.h"

void intake_renew(struct intake *intake, uint32_t size)
{
	if (intake->buffer)
		buffer_release(intake->buffer);
	intake->buffer = buffer_create(size > INTAKE_BYTES ? size : INTAKE_BYTES);
}

uint32_t intake_next_size(uint32_t size, size_t got, size_t room)
{
	if (got == room)
		return size < READ_MOST ? size * 2 : READ_MOST;
	// Slowly back, so that one short read among many long ones does no harm.
	return got < size / 4 && size > READ_LEAST ? size / 2 : size;
}

void intake_finish(struct intake *intake)
{
	if (intake->buffer)
		buffer_release(intake->buffer);
	intake->buffer = NULL;
}
