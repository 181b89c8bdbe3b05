/* The end of a runtime when somebody does not end: a deadline, a name, an exit status. */
#include <criterion/criterion.h>
#include <noh/noh.h>

NOH_MESSAGE(hang);

struct hanging {
	noh_actor root;
};

static void on_hang(struct hanging *self, const struct hang *msg)
{
	(void)msg;
	noh_send(self->root, hang);
	for (;;)
		__asm__ volatile("");
}

NOH_ACTOR(hanging, (hang, on_hang));

// Keeps worker 0 busy until another has taken the one that hangs.
static int have_a_child_that_hangs(void *unused)
{
	(void)unused;
	noh_send(noh_spawn(hanging, .root = noh_self()), hang);
	for (uint64_t i = 0; i < 100 * 1000 * 1000; i++)
		__asm__ volatile("");
	noh_receive(-1, hang);
	return 0;
}

Test(deadline, counts_from_the_return_of_the_root, .exit_code = 1)
{
	noh_run(have_a_child_that_hangs, NULL, .workers = 2, .shutdown_ms = 100);
}
