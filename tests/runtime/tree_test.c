/* Parents and children that come and go in great numbers, so that slots change tenants while
 * parents have yet to hear of the end of former ones. */
#include <criterion/criterion.h>
#include <noh/noh.h>

enum { LEAVES = 5000, FAN_OUT = 10 };

NOH_MESSAGE(leaves_below, (u64, count));

struct branch {
	uint64_t leaves;
	uint64_t told, children;
};

extern const struct noh_actor_type branch_actor;

static void on_branch_start(struct branch *self, const struct noh_start *msg)
{
	(void)msg;
	if (self->leaves == 1) {
		noh_send(noh_parent(), leaves_below, .count = 1);
		noh_end(0, NULL);
		return;
	}
	self->children = self->leaves < FAN_OUT ? self->leaves : FAN_OUT;
	for (uint64_t i = 0; i < self->children; i++)
		noh_spawn(branch, .leaves = self->leaves / self->children +
					    (i < self->leaves % self->children));
	self->leaves = 0;
}

static void on_leaves_below(struct branch *self, const struct leaves_below *msg)
{
	self->leaves += msg->count;
	if (++self->told < self->children)
		return;
	noh_send(noh_parent(), leaves_below, .count = self->leaves);
	noh_end(0, NULL);
}

NOH_ACTOR(branch, (noh_start, on_branch_start), (leaves_below, on_leaves_below));

static int grow(void *ret_leaves)
{
	noh_spawn(branch, .leaves = LEAVES);
	const struct leaves_below *all = noh_as(noh_receive(10000, leaves_below), leaves_below);
	*(uint64_t *)ret_leaves = all ? all->count : 0;
	return 0;
}

Test(tree, does_not_end_new_tenants_of_its_childrens_slots)
{
	for (uint32_t workers = 1; workers <= 2; workers++) {
		uint64_t leaves = 0;

		cr_expect_eq(noh_run(grow, &leaves, .workers = workers), 0);

		cr_expect_eq(leaves, LEAVES);
	}
}
