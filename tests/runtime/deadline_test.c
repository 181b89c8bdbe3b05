/* The end of a runtime when somebody does not end: a deadline, a name, an exit status. */
#include <criterion/criterion.h>
#include <noh/noh.h>

NOH_MESSAGE(hang);

static uint32_t hangs;

struct hanging {
	uint64_t unused;
};

static void on_hang(struct hanging *self, const struct hang *msg)
{
	(void)self;
	(void)msg;
	__atomic_store_n(&hangs, 1, __ATOMIC_RELAXED);
	for (;;)
		__asm__ volatile("");
}

NOH_ACTOR(hanging, (hang, on_hang));

// Keeps worker 0 busy until the other has taken the one that hangs.
static int have_a_child_that_hangs(void *unused)
{
	(void)unused;
	noh_send(noh_spawn(hanging), hang);
	while (!__atomic_load_n(&hangs, __ATOMIC_RELAXED))
		__asm__ volatile("");
	return 0;
}

Test(deadline, counts_from_the_return_of_the_root, .exit_code = 1)
{
	noh_run(have_a_child_that_hangs, NULL, .workers = 2, .shutdown_ms = 100);
}
