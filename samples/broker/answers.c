/* The answers that a connection owes its client, in a ring. Knows no sockets and no routers. */
#include "broker/answers.h"

#include <assert.h>
#include <stdlib.h>

#include "broker/table.h"

enum { SMALLEST_ROOM = 4 };

#define TICKET (UINT64_C(1) << 32) // a bit that all have, so that none is 0

uint32_t answers_count(const struct answers *answers)
{
	return answers->ring ? answers->ring->count : 0;
}

static struct answer *place_at(struct answer_ring *ring, uint32_t index)
{
	return &ring->at[(ring->first + index) & (ring->room - 1)];
}

static struct answer_ring *grown(struct answer_ring *ring)
{
	uint32_t room = ring ? ring->room * 2 : SMALLEST_ROOM;
	struct answer_ring *larger =
		resized(NULL, 1, sizeof(*larger) + room * sizeof(struct answer));

	*larger = (struct answer_ring){.room = room};
	if (ring) {
		larger->count = ring->count;
		larger->given = ring->given;
		for (uint32_t i = 0; i < ring->count; i++)
			larger->at[i] = *place_at(ring, i);
	}
	free(ring);
	return larger;
}

uint64_t answers_owe(struct answers *answers, const struct answer *answer)
{
	if (!answers->ring || answers->ring->count == answers->ring->room)
		answers->ring = grown(answers->ring);
	struct answer_ring *ring = answers->ring;
	*place_at(ring, ring->count++) = *answer;
	return TICKET | ++ring->given;
}

void answers_settle(struct answers *answers, uint64_t ticket)
{
	struct answer_ring *ring = answers->ring;
	struct answer *answer;

	assert(ring);
	uint32_t age = ring->given - (uint32_t)ticket; // the newest is 0
	assert(age < ring->count);
	answer = place_at(ring, ring->count - 1 - age);
	assert(answer->missing);
	answer->missing--;
}

const struct answer *answers_next(struct answers *answers)
{
	struct answer *oldest = answers->ring ? place_at(answers->ring, 0) : NULL;

	return oldest && !oldest->missing ? oldest : NULL;
}

void answers_drop(struct answers *answers)
{
	struct answer_ring *ring = answers->ring;

	free(place_at(ring, 0)->granted);
	ring->first = (ring->first + 1) & (ring->room - 1);
	if (!--ring->count)
		answers_finish(answers); // nobody has a ticket any more
}

void answers_finish(struct answers *answers)
{
	for (uint32_t i = 0; i < answers_count(answers); i++)
		free(place_at(answers->ring, i)->granted);
	free(answers->ring);
	*answers = (struct answers){0};
}
