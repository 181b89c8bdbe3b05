/* Tests that answers go out in the order in which they are owed, and not before they are due. */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "broker/answers.h"

static uint64_t owe(struct answers *answers, enum packet_type type, uint16_t id, uint32_t missing)
{
	return answers_owe(answers, &(struct answer){.type = type, .id = id, .missing = missing});
}

static uint16_t take(struct answers *answers)
{
	const struct answer *answer = answers_next(answers);
	uint16_t id = answer ? answer->id : 0;

	if (answer)
		answers_drop(answers);
	return id;
}

Test(answers, are_due_when_all_who_were_asked_have_said_so)
{
	struct answers answers = {0};
	uint64_t ticket = owe(&answers, PACKET_UNSUBACK, 9, 2);

	answers_settle(&answers, ticket);
	cr_expect_eq(take(&answers), 0);
	answers_settle(&answers, ticket);
	cr_expect_eq(take(&answers), 9);
	cr_expect_eq(take(&answers), 0);
	cr_expect_null(answers.ring);
}

Test(answers, wait_for_those_that_were_owed_before)
{
	struct answers answers = {0};
	uint64_t tickets[20];

	for (uint16_t i = 0; i < 20; i++)
		tickets[i] = owe(&answers, PACKET_PUBACK, (uint16_t)(i + 1), 1);
	for (int i = 19; i > 0; i--)
		answers_settle(&answers, tickets[i]);
	cr_expect_eq(take(&answers), 0);

	answers_settle(&answers, tickets[0]);
	for (uint16_t i = 0; i < 20; i++)
		cr_expect_eq(take(&answers), i + 1);
}

Test(answers, are_due_at_once_when_nobody_is_asked)
{
	struct answers answers = {0};

	owe(&answers, PACKET_SUBACK, 3, 0);

	cr_expect_eq(take(&answers), 3);
}

Test(answers, have_tickets_that_are_never_0)
{
	struct answers answers = {0};
	uint64_t tickets[6];

	owe(&answers, PACKET_PUBREC, 1, 0);
	answers.ring->given = UINT32_MAX - 2; // as if so many had been given before it
	for (uint16_t i = 1; i < 6; i++) {
		tickets[i] = owe(&answers, PACKET_PUBREC, (uint16_t)(i + 1), 1);
		cr_expect_neq(tickets[i], 0);
	}
	cr_expect_eq(take(&answers), 1);
	for (uint16_t i = 1; i < 6; i++) {
		answers_settle(&answers, tickets[i]);
		cr_expect_eq(take(&answers), i + 1);
	}
}

Test(answers, keep_their_order_however_they_come_and_go)
{
	struct answers answers = {0};
	uint64_t tickets[1000];
	uint16_t sent = 0, owed = 0, settled = 0;

	srand(5);
	while (sent < 1000) {
		if (owed < 1000 && rand() % 2) {
			tickets[owed] = owe(&answers, PACKET_PUBACK, (uint16_t)(owed + 1), 1);
			owed++;
		} else if (settled < owed) {
			answers_settle(&answers, tickets[settled++]);
			while (answers_next(&answers))
				cr_assert_eq(take(&answers), ++sent);
		}
	}
}

Test(answers, give_back_what_they_hold)
{
	struct answers answers = {0};

	answers_owe(&answers, &(struct answer){.type = PACKET_SUBACK,
					       .missing = 1,
					       .granted_count = 1,
					       .granted = malloc(1)});
	answers_finish(&answers);

	cr_expect_null(answers.ring);
}
