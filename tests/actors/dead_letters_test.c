/* The log of dead letters: a few lines a second of each type, and how many more there were. */
#include <noh/test.h>

#include <criterion/criterion.h>

#include "tests/support/captured.h"

NOH_MESSAGE(letter, (u64, value));
NOH_MESSAGE(card);
NOH_MESSAGE(poke);

struct actor {
	uint64_t unused;
};

static void on_poke(struct actor *self, const struct poke *msg)
{
	(void)self;
	(void)msg;
}

NOH_ACTOR(actor, (poke, on_poke));

static int lose_letters(void *unused)
{
	(void)unused;
	noh_actor gone = noh_spawn(actor), deaf = noh_spawn(actor);
	noh_stop(gone);
	noh_test_settle();
	noh_log_dead_letters(.lines_a_second = 2);

	for (uint64_t i = 0; i < 10; i++)
		noh_send(gone, letter, .value = i);
	noh_send(deaf, card);
	noh_test_advance(1100);
	noh_send(gone, letter);
	noh_test_advance(10000);
	return 0;
}

Test(dead_letters, are_logged_so_many_a_second_of_each_type)
{
	struct captured captured = captured_begin();
	int status = noh_simulate(1, lose_letters, NULL);
	char *text = captured_end(captured);

	cr_expect_eq(status, 0, "%s", text);
	cr_expect_eq(captured_count(text, "letter from root@"), 3, "%s", text);
	cr_expect_eq(captured_count(text, "nobody there"), 3, "%s", text);
	cr_expect_eq(captured_count(text, "letter: 8 more in that second"), 1, "%s", text);
	cr_expect_eq(captured_count(text, "card from root@"), 1, "%s", text);
	cr_expect_eq(captured_count(text, "to actor@"), 1, "%s", text);
	cr_expect_eq(captured_count(text, "more in that second"), 1, "%s", text);
	free(text);
}
