/* The answers that a connection owes its client, in a ring. Knows no sockets and no routers. */
#include "broker/answers.h"

#include <assert.h>
#include <stdlib.h>

#include "broker/table.h"

enum { SMALLEST_ROOM = 4 };

#define TICKET (UINT64_C(1) << 32) // a bit that all have, so that none is 0

static struct answer *place_at(const struct answers *answers, uint32_t index)
{
	return &answers->ring[(answers->first + index) & (answers->room - 1)];
}

static void grow(struct answers *answers)
{
	uint32_t room = answers->room ? answers->room * 2 : SMALLEST_ROOM;
	struct answer *ring = resized(NULL, room, sizeof(*ring));

	for (uint32_t i = 0; i < answers->count; i++)
		ring[i] = *place_at(answers, i);
	free(answers->ring);
	answers->ring = ring;
	answers->room = room;
	answers->first = 0;
}

uint64_t answers_owe(struct answers *answers, const struct answer *answer)
{
	if (answers->count == answers->room)
		grow(answers);
	*place_at(answers, answers->count++) = *answer;
	return TICKET | ++answers->given;
}

void answers_settle(struct answers *answers, uint64_t ticket)
{
	uint32_t age = answers->given - (uint32_t)ticket; // the newest is 0
	struct answer *answer;

	assert(age < answers->count);
	answer = place_at(answers, answers->count - 1 - age);
	assert(answer->missing);
	answer->missing--;
}

const struct answer *answers_next(struct answers *answers)
{
	struct answer *oldest = answers->count ? place_at(answers, 0) : NULL;

	return oldest && !oldest->missing ? oldest : NULL;
}

void answers_drop(struct answers *answers)
{
	free(place_at(answers, 0)->granted);
	answers->first = (answers->first + 1) & (answers->room - 1);
	if (!--answers->count)
		answers_finish(answers); // an idle connection keeps no ring
}

void answers_finish(struct answers *answers)
{
	for (uint32_t i = 0; i < answers->count; i++)
		free(place_at(answers, i)->granted);
	free(answers->ring);
	*answers = (struct answers){.given = answers->given};
}
